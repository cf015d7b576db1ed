"""Inputs of a job: kept as they come, named instead of sent, and nothing left of what was refused."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.databases import open_migrated_sqlite
from tests.unit.api.asgi import exchange, run

from steadfast.api.intake import Held, IntakeLimits, Room
from steadfast.api.job_inputs import Holder, InputResolver, JobIntake
from steadfast.blobs.blob import Blob, BlobAddress
from steadfast.blobs.library import BlobLibrary
from steadfast.blobs.memory import MemoryStore
from steadfast.errors import EmptyInput, InvalidOption, QuotaExceeded

HOLDER = Holder(owner="anna", job_id="a-job-to-be")
LIMITS = IntakeLimits(
    max_request_bytes=10_000_000, max_parts=4, buffer_bytes=1_000, body_grace_s=5.0, min_bytes_per_s=1e6
)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[BlobLibrary]:
    database = open_migrated_sqlite(tmp_path)
    yield BlobLibrary(MemoryStore(tmp_path / "staging"), database, quota_bytes=5_000_000)
    database.close()


def intake(library: BlobLibrary, tmp_path: Path) -> JobIntake:
    room = Room(folder=tmp_path, memory_bytes=5_000, disk_bytes=20_000)
    return JobIntake(exchange(), room, LIMITS, library=library, holder=HOLDER)


def taken(library: BlobLibrary, tmp_path: Path, *files: list[bytes], name: str = "") -> list[Held]:
    """Files of a form, each in these pieces."""

    async def story() -> list[Held]:
        with intake(library, tmp_path) as coming:
            parts = [coming.hold() for _ in files]
            for part, pieces in zip(parts, files, strict=True):
                part.filename = name
                for piece in pieces:
                    await coming.keep(part, piece)
            await coming.finish()
        return parts

    return run(story())


def staging(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "staging"
    return [file for file in folder.rglob("*") if file.is_file()] if folder.exists() else []


def resolved(part: Held, uploads: Any = None) -> Any:
    return run(InputResolver(uploads, None).of_part(part, HOLDER))


def test_every_file_is_kept_for_the_job_that_will_be(library: BlobLibrary, tmp_path: Path) -> None:
    big = [bytes([number]) * 700_000 for number in range(4)]
    first, second = taken(library, tmp_path, [b"one", b" two"], big, name="C:\\photos\\ann\x00a.jpg")
    one, two = resolved(first), resolved(second)
    assert (one.size_bytes, two.size_bytes, one.name) == (7, 2_800_000, "anna.jpg")
    kept = {reference.blob.address.sha256 for reference in library.references_of(HOLDER.job_id)}
    assert kept == {one.sha256, two.sha256}
    address = BlobAddress(space=HOLDER.space, sha256=two.sha256)
    assert b"".join(library.read(address)) == b"".join(big)
    assert staging(tmp_path) == []


def test_a_file_over_the_quota_leaves_nothing_half_written(library: BlobLibrary, tmp_path: Path) -> None:
    with pytest.raises(QuotaExceeded):
        taken(library, tmp_path, [bytes(3_000_000), bytes(3_000_000)])
    assert library.references_of(HOLDER.job_id) == []
    assert staging(tmp_path) == []


def test_a_file_without_bytes_is_refused(library: BlobLibrary, tmp_path: Path) -> None:
    (part,) = taken(library, tmp_path, [])
    with pytest.raises(EmptyInput):
        resolved(part)


def test_a_word_stands_for_an_upload_only_where_it_is_no_file(library: BlobLibrary, tmp_path: Path) -> None:
    blob = Blob(
        address=BlobAddress(space="anna", sha256="ab" * 32), size_bytes=5, stored_name="anna/content/x"
    )
    asked: list[tuple[str, str]] = []

    async def whole(space: str, upload_id: str) -> tuple[Any, Blob]:
        asked.append((space, upload_id))
        return SimpleNamespace(announced={"filename": "clip.mp4"}), blob

    desk = SimpleNamespace(whole=whole)
    (word,) = taken(library, tmp_path, [b"upload:", b"17\n"])
    found = resolved(word, desk)
    assert (found.sha256, found.name, asked) == ("ab" * 32, "clip.mp4", [("anna", "17")])
    assert library.references_of(HOLDER.job_id) == [], "the word itself is not kept"
    (file,) = taken(library, tmp_path, [b"upload:17"], name="words.txt")
    assert resolved(file, desk).size_bytes == len(b"upload:17")
    assert len(asked) == 1


@pytest.mark.parametrize("reference", ["photo.jpg", "http://x/y.jpg", "upload:17", "s3://b/k", "file:///etc"])
def test_what_is_no_reference_here_is_refused_with_what_is(reference: str) -> None:
    resolver = InputResolver(cast("Any", None), None)
    with pytest.raises(InvalidOption) as refused:
        run(resolver.of_reference(reference, HOLDER))
    assert "upload:ID" in refused.value.remedy
