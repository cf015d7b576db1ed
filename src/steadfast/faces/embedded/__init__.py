"""The embedded engine: dlib and the models that come as packages; nothing is downloaded."""
