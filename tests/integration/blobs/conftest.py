"""A PostgreSQL of one's own."""

from tests.integration.database.conftest import *  # noqa: F403
