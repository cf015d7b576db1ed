"""Marks on pictures; apart from the task that obeys them, because clients must not load a model."""

import json

MARK = b"\nsteadfast-test-mark:"


def marked(picture: bytes, do: str, **more: object) -> bytes:
    """The same picture, with a fault behind its last byte."""
    return picture + MARK + json.dumps({"do": do, **more}).encode()
