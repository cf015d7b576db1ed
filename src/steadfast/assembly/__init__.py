"""Settings and parts turned into one server process; only the command line imports it."""
