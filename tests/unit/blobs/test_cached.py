"""A cache keeps what its store promises, fetches once, stays within its bound, lets nothing damaged in."""

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.blob_stores import StoreContract, content_of, put

from steadfast.blobs.cached import CachedStore
from steadfast.blobs.memory import MemoryStore
from steadfast.errors import BlobDamaged, BlobStoreUnreachable


def name_of(content: bytes) -> str:
    return f"alice/content/{hashlib.sha256(content).hexdigest()}-1"


class ToldStore(MemoryStore):
    """Counts what is asked of it, and may cut what it gives."""

    def __init__(self, staging: Path) -> None:
        super().__init__(staging)
        self.fetched: list[str] = []
        self.cut = 0
        """So many transfers are cut short."""
        self.is_away = False

    def fetch(self, name: str, file: Path) -> None:
        self.fetched.append(name)
        if self.is_away:
            raise BlobStoreUnreachable("It is away.")
        super().fetch(name, file)
        if self.cut:
            self.cut -= 1
            whole = file.read_bytes()
            file.unlink()
            file.write_bytes(whole[: len(whole) // 2])


@pytest.fixture
def far(tmp_path: Path) -> ToldStore:
    return ToldStore(tmp_path / "staging")


@pytest.fixture
def cached(far: ToldStore, tmp_path: Path) -> CachedStore:
    return CachedStore(far, tmp_path / "cache", most_bytes=1_000, sleep=lambda _: None)


@pytest.fixture
def lend(cached: CachedStore, tmp_path: Path) -> Callable[[str], bytes]:
    count = iter(range(1_000))

    def fetched(name: str) -> bytes:
        file = tmp_path / f"lent-{next(count)}"
        cached.fetch(name, file)
        return file.read_bytes()

    return fetched


class TestContract(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> CachedStore:
        return CachedStore(MemoryStore(tmp_path / "staging"), tmp_path / "cache", most_bytes=1 << 30)


def test_what_is_needed_again_is_fetched_once(far: ToldStore, lend: Callable[[str], bytes]) -> None:
    name = name_of(b"some input")
    put(far, name, b"some input")
    assert [lend(name) for _ in range(3)] == [b"some input"] * 3
    assert far.fetched == [name]


def test_what_was_put_from_here_is_here_even_while_the_store_is_away(
    far: ToldStore, cached: CachedStore, lend: Callable[[str], bytes]
) -> None:
    name = name_of(b"a segment")
    put(cached, name, b"a segment")
    far.is_away = True
    assert lend(name) == b"a segment"
    assert content_of(cached, name, first_byte=2, size_bytes=3) == b"seg"


def test_the_cache_stays_within_its_bound_and_drops_what_was_used_longest_ago(
    far: ToldStore, cached: CachedStore, lend: Callable[[str], bytes]
) -> None:
    contents = [bytes([number]) * 400 for number in range(3)]
    for content in contents:
        put(far, name_of(content), content)
    lend(name_of(contents[0]))
    lend(name_of(contents[1]))
    lend(name_of(contents[0]))
    lend(name_of(contents[2]))  # 1,200 bytes are too many: the second goes
    assert cached.used_bytes == 800
    before = len(far.fetched)
    lend(name_of(contents[0]))
    assert len(far.fetched) == before
    lend(name_of(contents[1]))
    assert len(far.fetched) == before + 1


def test_what_is_larger_than_the_cache_is_lent_all_the_same(
    far: ToldStore, cached: CachedStore, lend: Callable[[str], bytes]
) -> None:
    content = b"x" * 5_000
    put(far, name_of(content), content)
    assert lend(name_of(content)) == content
    assert cached.used_bytes == 0


def test_what_is_larger_than_the_cache_is_fetched_once_for_each_who_asks(
    far: ToldStore, lend: Callable[[str], bytes]
) -> None:
    name = name_of(b"x" * 5_000)
    put(far, name, b"x" * 5_000)
    lend(name)
    assert far.fetched == [name]


def test_a_file_is_copied_to_where_it_can_have_no_second_name(
    far: ToldStore, lend: Callable[[str], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = name_of(b"some input")
    put(far, name, b"some input")

    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", refuse)
    assert [lend(name) for _ in range(2)] == [b"some input"] * 2
    assert far.fetched == [name]


def test_a_file_that_cannot_be_made_is_told_and_not_tried_for_ever(
    far: ToldStore, cached: CachedStore, tmp_path: Path
) -> None:
    name = name_of(b"some input")
    put(far, name, b"some input")
    taken = tmp_path / "taken"
    taken.write_bytes(b"something else")
    cached.fetch(name, tmp_path / "file")
    for file in (taken, tmp_path / "nowhere" / "file"):
        with pytest.raises(BlobStoreUnreachable):
            cached.fetch(name, file)


def test_a_full_disk_costs_the_cache_and_not_the_file(
    far: ToldStore, cached: CachedStore, lend: Callable[[str], bytes], tmp_path: Path
) -> None:
    name = name_of(b"some input")
    (tmp_path / "cache" / "alice").write_bytes(b"no folder can be made here")
    put(cached, name, b"some input")
    assert lend(name) == b"some input"
    assert cached.used_bytes == 0


def test_a_transfer_that_was_cut_is_made_again(far: ToldStore, lend: Callable[[str], bytes]) -> None:
    name = name_of(b"some input")
    put(far, name, b"some input")
    far.cut = 2
    assert lend(name) == b"some input"
    assert len(far.fetched) == 3


def test_a_truncated_object_is_found_by_its_sum_and_never_cached(
    far: ToldStore, cached: CachedStore, lend: Callable[[str], bytes]
) -> None:
    name = name_of(b"some input")
    put(far, name, b"some in")
    with pytest.raises(BlobDamaged):
        lend(name)
    assert cached.used_bytes == 0


def test_another_life_finds_what_is_there_and_drops_what_was_half_fetched(
    far: ToldStore, cached: CachedStore, lend: Callable[[str], bytes], tmp_path: Path
) -> None:
    name = name_of(b"some input")
    put(far, name, b"some input")
    lend(name)
    (tmp_path / "cache" / ".half").write_bytes(b"half")
    again = CachedStore(far, tmp_path / "cache", most_bytes=1_000)
    assert again.used_bytes == len(b"some input")
    assert not (tmp_path / "cache" / ".half").exists()
    again.fetch(name, tmp_path / "file")
    assert len(far.fetched) == 1


def test_what_is_deleted_is_not_here_any_more(
    far: ToldStore, cached: CachedStore, lend: Callable[[str], bytes]
) -> None:
    name = name_of(b"some input")
    put(far, name, b"some input")
    lend(name)
    assert cached.delete(name)
    assert cached.used_bytes == 0
