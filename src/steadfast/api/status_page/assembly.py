"""Puts the page together, and says to the browser that nothing but these very bytes may act in it."""

import base64
import hashlib
from importlib.resources import files
from typing import Final

import msgspec

from steadfast.api.reply import Header
from steadfast.observability.status.document import ServiceStatus

_STYLE: Final = b"/*STYLE*/"
_PROGRAM: Final = b"/*PROGRAM*/"
_DOCUMENT: Final = b"/*DOCUMENT*/"


class StatusPage:
    """The page without a document, and the headers that go with it."""

    def __init__(self) -> None:
        style, program = _read("page.css"), _read("page.js")
        page = _read("page.html").replace(_STYLE, style).replace(_PROGRAM, program)
        self._before, _, self._after = page.partition(_DOCUMENT)
        self.headers: tuple[Header, ...] = ((b"content-security-policy", _policy(style, program)),)

    def showing(self, status: ServiceStatus) -> bytes:
        """The page with that document in it, which is there before the first question is answered."""
        # `<` cannot end the element then, nor begin a comment, and JSON means the same.
        document = msgspec.json.encode(status).replace(b"<", b"\\u003c")
        return self._before + document + self._after


def _read(name: str) -> bytes:
    return files(__package__).joinpath(name).read_bytes()


def _policy(style: bytes, program: bytes) -> bytes:
    """Nothing is loaded; only this style and this program work; questions go to this service."""
    return (
        b"default-src 'none'; style-src 'sha256-%b'; script-src 'sha256-%b'; connect-src 'self'; "
        b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ) % (_sum_of(style), _sum_of(program))


def _sum_of(content: bytes) -> bytes:
    return base64.b64encode(hashlib.sha256(content).digest())
