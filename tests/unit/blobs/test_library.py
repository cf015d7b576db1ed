"""Files and the rows that say who needs them stay in step, on SQLite."""

from tests.library_promises import LibraryPromises


class TestLibraryOnSqlite(LibraryPromises):
    """The fixtures are in conftest.py."""
