"""What is measured of a service is read from where it lies."""

from pathlib import Path

from tests.databases import open_migrated_sqlite

from steadfast.assembly.measuring import store_figures


def test_a_new_service_keeps_nothing_and_its_database_is_a_file_that_is_looked_at(tmp_path: Path) -> None:
    database = open_migrated_sqlite(tmp_path)
    figures = store_figures(database)
    database.close()
    assert figures.jobs == {"queued": 0, "running": 0, "paused": 0}
    assert figures.blob_bytes == 0
    assert figures.database_bytes is None
