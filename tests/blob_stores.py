"""The promises of a store of files, to be held by every kind of it."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from steadfast.blobs.folder import FolderStore
from steadfast.blobs.memory import MemoryStore
from steadfast.blobs.staging import staged
from steadfast.blobs.store import PIECE_BYTES, BlobStore
from steadfast.errors import BlobMissing

NAME = "alice/content/abc-1"


def folder_store(folder: Path) -> FolderStore:
    """A store in a folder of the test's."""
    return FolderStore(folder / "blobs")


def memory_store(folder: Path) -> MemoryStore:
    """The twin; only what is on its way in lies in the folder."""
    return MemoryStore(folder / "staging")


def put(store: BlobStore, name: str, content: bytes) -> None:
    """Stores bytes under a name."""
    with staged(store.staging, [content]) as whole:
        store.put(name, whole.file, whole.sha256)


def content_of(store: BlobStore, name: str, **span: int) -> bytes:
    """All pieces together."""
    return b"".join(store.read(name, **span))


class StoreContract:
    """Subclasses give the fixture `store`."""

    def test_what_was_put_is_read_back(self, store: BlobStore) -> None:
        content = bytes(range(256)) * (3 * PIECE_BYTES // 256) + b"tail"
        put(store, NAME, content)
        assert content_of(store, NAME) == content
        assert store.size_of(NAME) == len(content)

    def test_an_empty_file_is_a_file(self, store: BlobStore) -> None:
        put(store, NAME, b"")
        assert content_of(store, NAME) == b""
        assert store.size_of(NAME) == 0

    @pytest.mark.parametrize(
        ("first", "size", "expected"),
        [(0, 4, b"0123"), (3, 4, b"3456"), (8, 100, b"89"), (10, 5, b""), (4, 0, b""), (7, None, b"789")],
    )
    def test_a_range_is_exact(self, store: BlobStore, first: int, size: int | None, expected: bytes) -> None:
        put(store, NAME, b"0123456789")
        assert b"".join(store.read(NAME, first_byte=first, size_bytes=size)) == expected

    def test_the_file_that_was_put_is_taken(self, store: BlobStore) -> None:
        put(store, NAME, b"x")
        assert not list(store.staging.iterdir())

    def test_a_local_file_has_the_same_bytes(self, store: BlobStore, tmp_path: Path) -> None:
        put(store, NAME, b"content")
        store.fetch(NAME, tmp_path / "local")
        assert (tmp_path / "local").read_bytes() == b"content"

    def test_what_is_deleted_is_missing(self, store: BlobStore, tmp_path: Path) -> None:
        put(store, NAME, b"x")
        assert store.delete(NAME)
        assert not store.delete(NAME)
        assert store.size_of(NAME) is None
        with pytest.raises(BlobMissing):
            content_of(store, NAME)
        with pytest.raises(BlobMissing):
            store.fetch(NAME, tmp_path / "local")
        assert not (tmp_path / "local").exists()

    def test_deleting_one_leaves_its_neighbours(self, store: BlobStore) -> None:
        put(store, NAME, b"x")
        put(store, "alice/content/def-1", b"y")
        store.delete(NAME)
        assert content_of(store, "alice/content/def-1") == b"y"

    def test_files_are_listed_by_prefix(self, store: BlobStore) -> None:
        for name in ("alice/content/a-1", "alice/content/b-1", "bob/content/a-1", "bobby/content/a-1"):
            put(store, name, name.encode())
        assert {f.name for f in store.listed()} == {
            "alice/content/a-1",
            "alice/content/b-1",
            "bob/content/a-1",
            "bobby/content/a-1",
        }
        (only,) = store.listed("bob/")
        assert (only.name, only.size_bytes) == ("bob/content/a-1", len("bob/content/a-1"))
        assert abs(only.stored_at - datetime.now(UTC)) < timedelta(minutes=5)
        assert not list(store.listed("carol/"))

    def test_it_answers(self, store: BlobStore) -> None:
        store.ping()
        assert not list(store.listed())

    def test_a_new_file_under_a_name_replaces_the_old_one(self, store: BlobStore) -> None:
        put(store, NAME, b"old")
        put(store, NAME, b"new")
        assert content_of(store, NAME) == b"new"

    def test_a_sum_is_what_was_written(self, store: BlobStore) -> None:
        with staged(store.staging, [b"ab", memoryview(b"c")]) as whole:
            assert whole.sha256 == hashlib.sha256(b"abc").hexdigest()
            assert whole.size_bytes == 3
