"""An answer is whole, hardened, and cannot be given headers by what it quotes."""

import pytest

from steadfast.api.reply import SECURITY_HEADERS, head_of
from steadfast.errors import ServiceError


def test_every_head_is_hardened_and_ends() -> None:
    head = head_of(200, [(b"content-type", b"text/plain")])
    assert head.startswith(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n")
    assert head.endswith(b"\r\n\r\n")
    assert all(name + b": " + value in head for name, value in SECURITY_HEADERS)


@pytest.mark.parametrize("smuggled", [b"a\r\nset-cookie: x=1", b"a\nb", b"a\rb"])
def test_a_value_cannot_become_another_header(smuggled: bytes) -> None:
    with pytest.raises(ServiceError):
        head_of(200, [(b"x-steadfast-engine", smuggled)])
