"""What is promised, what was kept of it, and the ledger that it is read from."""
