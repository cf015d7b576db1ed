"""Model files: what exists, where it comes from, and whether the bytes on disk are the right ones."""
