"""Tells people and other programs about incidents, without ever slowing what it tells about."""
