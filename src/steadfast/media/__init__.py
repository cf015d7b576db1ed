"""Reading and writing pictures and videos within limits. All parsing of untrusted bytes happens here."""
