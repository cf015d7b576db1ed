"""The standard engine: small permissive ONNX models (YuNet, MediaPipe FaceMesh, MobileFaceNet)."""
