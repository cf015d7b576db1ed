"""Of a request that died with its worker its shape may be told, and nothing else."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from steadfast.runtime import messages
from steadfast.runtime.ticket import Ticket


class Named(msgspec.Struct):
    quality: int
    enhance: bool
    prompt: str


class Placed(msgspec.Struct, array_like=True):
    blend: float
    name: str


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        (Named(quality=90, enhance=True, prompt="grandma"), {"quality": 90, "enhance": True}),
        (Placed(blend=0.5, name="grandma"), {"0": 0.5}),
    ],
)
def test_a_shape_has_sizes_and_numbers_but_no_texts(
    fields: msgspec.Struct, options: dict[str, object], tmp_path: Path
) -> None:
    file = tmp_path / "grandma.jpg"
    file.write_bytes(b"x" * 30)

    async def made() -> Ticket:
        return Ticket(
            id=7,
            task="face_swap",
            fields=messages.encode(fields),
            blobs=((b"ab", b"c"), file),
            deadline_at_s=9.0,
            arrived_at_s=0.0,
            future=asyncio.get_running_loop().create_future(),
            started_at_s=1.0,
        )

    shape = asyncio.run(made()).shape(3.0)
    assert (shape.id, shape.part_bytes, shape.worked_ms) == (7, (3, 30), 2000.0)
    assert shape.options == options
    assert "grandma" not in repr(shape)


def test_options_that_cannot_be_read_are_left_out() -> None:
    async def made() -> Ticket:
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        return Ticket(
            id=1,
            task="t",
            fields=b"\xc1",
            blobs=(),
            deadline_at_s=0.0,
            arrived_at_s=0.0,
            future=future,  # type: ignore[arg-type]
        )

    assert asyncio.run(made()).shape(0.0).options == {}
