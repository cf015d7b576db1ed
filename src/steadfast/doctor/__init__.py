"""What is here and what is missing on this machine, found by trying it."""
