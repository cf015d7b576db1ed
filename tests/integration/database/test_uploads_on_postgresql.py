"""What holds for uploads on SQLite holds on PostgreSQL."""

from tests.unit.uploads.conftest import desk, library, make_desk  # noqa: F401
from tests.unit.uploads.test_desk import *  # noqa: F403
