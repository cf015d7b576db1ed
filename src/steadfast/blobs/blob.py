"""What names a kept file: whose it is, what it belongs to, and the sum of its content."""

import re
from dataclasses import dataclass

from steadfast.errors import InvalidOption

CONTENT = "content"
"""The group of what is named by nothing but its content: inputs and results."""

_SPACE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_GROUP = re.compile(r"[a-z0-9-]{1,80}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class BlobAddress:
    """Where a file is found. Raises `InvalidOption` for parts that could leave their folder."""

    space: str
    """Whose: the API key's id. Nothing is ever shared, or found, across spaces."""
    group: str = CONTENT
    """What it was made from: for a segment the SHA-256 of input and options, else `content`."""
    sha256: str
    """Of the content, in hexadecimal."""

    def __post_init__(self) -> None:
        for pattern, part in ((_SPACE, self.space), (_GROUP, self.group), (_SHA256, self.sha256)):
            if not pattern.fullmatch(part):
                raise InvalidOption(f"{part[:100]!r} is no part of a file's address.")

    def __str__(self) -> str:
        return f"{self.space}/{self.group}/{self.sha256}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Blob:
    """A file that is kept."""

    address: BlobAddress
    size_bytes: int
    stored_name: str
    """Its name in the store: the address and a nonce, so that what is deleted and stored anew is never mixed
    up."""


def parse_address(text: str) -> BlobAddress:
    """The address out of its text. Raises `InvalidOption`."""
    space, _, rest = text.partition("/")
    group, _, sha256 = rest.partition("/")
    return BlobAddress(space=space, group=group, sha256=sha256)
