"""Files and the rows that say who needs them stay in step, on SQLite."""

from pathlib import Path

from tests.library_promises import LibraryPromises

from steadfast.blobs.cached import CachedStore
from steadfast.blobs.library import BlobLibrary
from steadfast.blobs.memory import MemoryStore
from steadfast.database.database import Database


class TestLibraryOnSqlite(LibraryPromises):
    """The fixtures are in conftest.py."""


def test_what_one_server_erases_leaves_the_caches_of_the_others(
    store: MemoryStore, database: Database, tmp_path: Path
) -> None:
    caches = [CachedStore(store, tmp_path / name, most_bytes=1 << 20) for name in ("here", "elsewhere")]
    here, elsewhere = (BlobLibrary(cache, database) for cache in caches)
    erased, stays = (
        here.keep_pieces([content], space="alice", owner=owner, role="input")
        for content, owner in ((b"a face", "job-1"), (b"another", "job-2"))
    )
    for number, blob in enumerate((erased, stays)):
        caches[1].fetch(blob.stored_name, tmp_path / f"lent-{number}")
    here.let_go("job-1")
    here.erase([erased.address])
    assert caches[0].cached_names() == [stays.stored_name]
    elsewhere.forget_cached()
    assert caches[1].cached_names() == [stays.stored_name]
    assert not list((tmp_path / "elsewhere").rglob(Path(erased.stored_name).name))
