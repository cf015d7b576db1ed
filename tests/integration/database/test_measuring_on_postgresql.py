"""What only the database can tell, told by PostgreSQL."""

from datetime import UTC, datetime

from steadfast.assembly.measuring import store_figures
from steadfast.blobs.references import BLOBS
from steadfast.database.database import Database


def test_an_empty_store_holds_nothing(database: Database) -> None:
    figures = store_figures(database)
    assert figures.jobs == {"queued": 0, "running": 0, "paused": 0}
    assert figures.blob_bytes == 0


def test_kept_files_are_added_up_over_all_keys(database: Database) -> None:
    rows = [
        {
            "space": space,
            "made_from": "content",
            "sha256": space * 32,
            "size_bytes": 3_000_000_000,
            "stored_name": space,
            "kept_at": datetime.now(UTC),
            "is_damaged": False,
        }
        for space in ("k1", "k2")
    ]
    with database.writing() as connection:
        connection.execute(BLOBS.insert(), rows)
    assert store_figures(database).blob_bytes == 6_000_000_000


def test_a_database_that_is_no_file_says_how_large_it_is(database: Database) -> None:
    told = store_figures(database).database_bytes
    assert told is not None
    assert told > 1_000_000
