"""What is looked at: the server's process, what it uses up, and whether it can do its job."""
