"""What a drilled server and its workers load, and nobody else: the hooks by which faults are injected."""
