"""What holds for API keys on SQLite holds on PostgreSQL."""

from tests.unit.admission.test_keys import *  # noqa: F403
