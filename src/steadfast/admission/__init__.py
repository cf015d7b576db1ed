"""Who may ask, and whether it was asked before: what stands before a request reaches the runtime."""
