"""ONNX sessions and the providers they run on. Only workers (and the command line) import this."""
