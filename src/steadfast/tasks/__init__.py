"""The jobs the program does, composed from the packages below."""
