"""How fast this machine swaps, with which engine, provider, size and threads, and what to set."""
