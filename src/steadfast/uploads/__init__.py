"""Large files that come in pieces, over as many connections as it takes, and survive the server's death."""
