"""A reference reads below the roots that were opened, and nowhere else, whatever stands in the way."""

import os
from pathlib import Path

import pytest
from tests.blob_stores import memory_store, put

from steadfast.blobs.library import BlobLibrary
from steadfast.blobs.memory import MemoryStore
from steadfast.errors import ConfigError, InputMissing, InvalidOption, MediaTooLarge, ReferenceRefused
from steadfast.uploads.referred import ReferenceReader, Referred


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    (folder / "deep").mkdir(parents=True)
    (folder / "a b.mp4").write_bytes(b"a video")
    (folder / "deep" / "c.mp4").write_bytes(b"another")
    (tmp_path / "secret").write_bytes(b"a secret")
    (tmp_path / "videos-of-others").mkdir()
    (tmp_path / "videos-of-others" / "d.mp4").write_bytes(b"not yours")
    return folder


@pytest.fixture
def bucket(tmp_path: Path) -> MemoryStore:
    store = memory_store(tmp_path)
    put(store, "in/a.mp4", b"an object")
    put(store, "in-of-others/b.mp4", b"not yours")
    return store


@pytest.fixture
def reader(library: BlobLibrary, root: Path, bucket: MemoryStore) -> ReferenceReader:
    return ReferenceReader(
        library, file_roots=[root], s3_roots=["s3://media/in"], max_bytes=100, open_bucket=lambda name: bucket
    )


def keep(reader: ReferenceReader, reference: str) -> Referred:
    return reader.keep(reference, space="alice", owner="job-1", role="input")


def test_a_file_below_a_root_is_copied_in(reader: ReferenceReader, library: BlobLibrary, root: Path) -> None:
    kept = keep(reader, f"file://{root}/a%20b.mp4")
    (root / "a b.mp4").unlink()
    assert b"".join(library.read(kept.blob.address)) == b"a video"
    assert kept.name == "a b.mp4"
    assert keep(reader, f"file://localhost{root}/deep/c.mp4").blob.size_bytes == 7


def test_a_root_may_be_called_as_the_operator_called_it_though_that_goes_over_a_link(
    library: BlobLibrary, bucket: MemoryStore, root: Path, tmp_path: Path
) -> None:
    called = tmp_path / "called"
    called.symlink_to(root)
    reader = ReferenceReader(library, file_roots=[called], max_bytes=100, open_bucket=lambda name: bucket)
    assert keep(reader, f"file://{called}/a%20b.mp4").name == "a b.mp4"
    assert keep(reader, f"file://{root}/deep/c.mp4").name == "c.mp4"


def test_nothing_outside_a_root_is_told_of(reader: ReferenceReader, tmp_path: Path) -> None:
    for path in (tmp_path / "secret", tmp_path / "nothing", tmp_path / "videos-of-others" / "d.mp4"):
        with pytest.raises(ReferenceRefused):
            keep(reader, f"file://{path}")


@pytest.mark.parametrize(
    "way", ["../secret", "deep/../../secret", "%2e%2e/secret", "deep/%2E%2E/%2e%2e/secret"]
)
def test_no_path_climbs_out(reader: ReferenceReader, root: Path, way: str) -> None:
    with pytest.raises((InvalidOption, ReferenceRefused)):
        keep(reader, f"file://{root}/{way}")


def test_no_link_is_followed_neither_file_nor_folder(
    reader: ReferenceReader, root: Path, tmp_path: Path
) -> None:
    (root / "link.mp4").symlink_to(tmp_path / "secret")
    (root / "folder").symlink_to(tmp_path)
    (root / "inside.mp4").symlink_to(root / "a b.mp4")
    for name in ("link.mp4", "folder/secret", "inside.mp4"):
        with pytest.raises(ReferenceRefused):
            keep(reader, f"file://{root}/{name}")


def test_what_is_no_ordinary_file_is_refused_without_waiting(reader: ReferenceReader, root: Path) -> None:
    os.mkfifo(root / "pipe")
    with pytest.raises(ReferenceRefused):
        keep(reader, f"file://{root}/pipe")
    for name in ("deep", "", "deep/"):
        with pytest.raises((ReferenceRefused, InputMissing)):
            keep(reader, f"file://{root}/{name}")


def test_a_file_that_is_not_there_is_missing(reader: ReferenceReader, root: Path) -> None:
    with pytest.raises(InputMissing):
        keep(reader, f"file://{root}/none.mp4")


def test_a_file_that_is_too_large_leaves_nothing(
    reader: ReferenceReader, library: BlobLibrary, root: Path
) -> None:
    (root / "large.mp4").write_bytes(bytes(101))
    with pytest.raises(MediaTooLarge):
        keep(reader, f"file://{root}/large.mp4")
    assert library.used_bytes("alice") == 0
    assert [file for file in library.store.staging.iterdir() if file.is_file()] == []


def test_an_object_below_a_root_is_copied_in(
    reader: ReferenceReader, library: BlobLibrary, bucket: MemoryStore
) -> None:
    kept = keep(reader, "s3://media/in/a.mp4")
    bucket.delete("in/a.mp4")
    assert b"".join(library.read(kept.blob.address)) == b"an object"
    assert kept.name == "a.mp4"


@pytest.mark.parametrize(
    "reference", ["s3://media/in-of-others/b.mp4", "s3://other/in/a.mp4", "s3://media/a"]
)
def test_objects_outside_a_root_are_refused(reader: ReferenceReader, reference: str) -> None:
    with pytest.raises(ReferenceRefused):
        keep(reader, reference)


@pytest.mark.parametrize(
    "reference",
    [
        "s3://media/in/../in-of-others/b.mp4",
        "s3://media/in//a.mp4",
        "s3://media",
        "http://media/in/a.mp4",
        "/etc/passwd",
        "file://host/etc/passwd",
        "file:relative",
        "file:///a%00b",
    ],
)
def test_what_is_no_reference_is_refused(reader: ReferenceReader, reference: str) -> None:
    with pytest.raises((InvalidOption, ReferenceRefused)):
        keep(reader, reference)


def test_an_object_that_is_not_there_is_missing(reader: ReferenceReader) -> None:
    with pytest.raises(InputMissing):
        keep(reader, "s3://media/in/none.mp4")


def test_nothing_is_open_unless_the_operator_opens_it(library: BlobLibrary, root: Path) -> None:
    closed = ReferenceReader(library, max_bytes=100, open_bucket=lambda name: pytest.fail("asked"))
    for reference in (f"file://{root}/a%20b.mp4", "s3://media/in/a.mp4"):
        with pytest.raises(ReferenceRefused):
            keep(closed, reference)


@pytest.mark.parametrize(
    ("files", "objects"), [(["/"], []), (["/nowhere"], []), ([], ["media/in"]), ([], ["s3://"])]
)
def test_a_root_that_is_none_stops_the_start(
    library: BlobLibrary, files: list[str], objects: list[str]
) -> None:
    with pytest.raises(ConfigError):
        ReferenceReader(
            library,
            file_roots=map(Path, files),
            s3_roots=objects,
            max_bytes=1,
            open_bucket=lambda name: pytest.fail("asked"),
        )
