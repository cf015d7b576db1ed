"""The results of a batch come as one archive that any program opens."""

import io
import tracemalloc
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime

from steadfast.api.job_archive import archive_of
from steadfast.jobs.job import InputFile, Item, ItemOrder, ResultFile

AT = datetime(2026, 11, 20, 12, 30, 10, tzinfo=UTC)
CONTENT = {"a": b"first result", "c": bytes(range(256)) * 10}


def item(number: int, address: str, name: str = "holiday.mp4", *, size_bytes: int | None = None) -> Item:
    size = len(CONTENT.get(address, b"")) if size_bytes is None else size_bytes
    result = ResultFile(sha256="0" * 64, address=address, size_bytes=size, media_type="video/mp4", name=name)
    target = InputFile(sha256="1" * 64, size_bytes=1)
    return Item(number=number, order=ItemOrder(target=target), result=result if address else None)


def read(address: str) -> Iterator[bytes]:
    content = CONTENT[address]
    for begin in range(0, len(content), 7):
        yield content[begin : begin + 7]


def test_it_has_every_result_that_there_is_under_its_number_and_name() -> None:
    items = [item(0, "a"), item(1, ""), item(2, "c", "../../etc/passwd")]
    archive = zipfile.ZipFile(io.BytesIO(b"".join(archive_of(items, AT, read))))
    assert archive.testzip() is None
    assert {name: archive.read(name) for name in archive.namelist()} == {
        "0-holiday.mp4": CONTENT["a"],
        "2-passwd": CONTENT["c"],
    }
    assert archive.infolist()[0].date_time == (2026, 11, 20, 12, 30, 10)


def test_it_is_made_as_it_is_sent() -> None:
    def long(_: str) -> Iterator[bytes]:
        for _number in range(64):
            yield bytes(1 << 20)

    tracemalloc.start()
    try:
        sizes = [len(piece) for piece in archive_of([item(0, "x", size_bytes=64 << 20)], AT, long)]
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sum(sizes) > 64 << 20
    assert peak_bytes < 16 << 20
