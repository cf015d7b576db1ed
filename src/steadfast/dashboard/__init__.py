"""The dashboard in a terminal: how a running service stands, drawn from the document of `/v1/status`."""
