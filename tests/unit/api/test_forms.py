"""Forms are read as they come, however they are cut into pieces, and refused with a sentence."""

from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.api.asgi import exchange, run

from steadfast.api.forms import Form, read_form
from steadfast.api.intake import Intake, IntakeLimits, Room
from steadfast.errors import MalformedRequest, WrongContentType

LIMITS = IntakeLimits(
    max_request_bytes=1 << 20, max_parts=5, buffer_bytes=1 << 20, body_grace_s=5.0, min_bytes_per_s=1e6
)
ROOM = Room(folder=Path("/nowhere"), memory_bytes=1 << 20, disk_bytes=0)
BOUNDARY = "cut"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def part(name: str, content: bytes, *, filename: str | None = None) -> bytes:
    said = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename else "")
    return f"--{BOUNDARY}\r\nContent-Disposition: {said}\r\n\r\n".encode() + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


def read(
    body: bytes, *, content_type: str = TYPE, cut_at: int = 1 << 20
) -> tuple[dict[str, str], list[bytes]]:
    """Fields, and the files named source and target."""
    pieces = [body[at : at + cut_at] for at in range(0, len(body), cut_at)] or [b""]

    async def reading() -> tuple[dict[str, str], list[bytes]]:
        asked = exchange(pieces=pieces, headers={"Content-Type": content_type})
        with Intake(asked, ROOM, LIMITS) as intake:
            form = await read_form(
                asked, intake, file_names=frozenset({"source", "target"}), max_parts=LIMITS.max_parts
            )
            return form.fields, contents(form)

    return run(reading())


def contents(form: Form) -> list[bytes]:
    return [b"".join(bytes(piece) for piece in held.pieces) for _, held in form.files]


def test_files_and_fields_are_told_apart_by_name() -> None:
    body = part("source", b"one", filename="a.jpg") + part("target", b"two") + part("faces", b"all") + END
    assert read(body) == ({"faces": "all"}, [b"one", b"two"])


@given(
    st.binary(max_size=300),
    st.binary(max_size=300),
    st.integers(min_value=1, max_value=400),
)
def test_bytes_come_through_whole_wherever_the_body_is_cut(one: bytes, two: bytes, cut_at: int) -> None:
    boundary = f"\r\n--{BOUNDARY}".encode()
    one, two = one.replace(boundary, b""), two.replace(boundary, b"")
    body = part("source", one, filename="a") + part("target", two, filename="b") + END
    assert read(body, cut_at=cut_at) == ({}, [one, two])


def test_what_an_ordinary_client_sends_is_read() -> None:
    request = httpx.Request("POST", "http://x", files=[("source", b"s"), ("target", b"t")], data={"q": "ü"})
    fields, files = read(request.read(), content_type=request.headers["content-type"])
    assert (fields, files) == ({"q": "ü"}, [b"s", b"t"])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no form at all",
        part("source", b"x"),
        part("source", b"x") + b"--cut",
        part("", b"x") + END,
        b"--cut\r\nContent-Type: image/png\r\n\r\nx\r\n" + END,
        part("picture", b"x", filename="a.jpg") + END,
        part("faces", b"all") + part("faces", b"one") + END,
        part("faces", b"\xff") + END,
        part("faces", b"x" * 70_000) + END,
        part("x" * 9_000, b"x") + END,
        b"".join(part("source", b"x") for _ in range(6)) + END,
    ],
)
def test_a_form_that_cannot_be_used_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        read(body)


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/json"])
def test_another_type_of_body_is_refused(content_type: str) -> None:
    with pytest.raises(WrongContentType):
        read(part("source", b"x") + END, content_type=content_type)


def test_a_form_without_a_boundary_is_refused() -> None:
    with pytest.raises(MalformedRequest):
        read(part("source", b"x") + END, content_type="multipart/form-data")
