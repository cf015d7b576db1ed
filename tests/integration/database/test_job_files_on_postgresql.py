"""What holds for retention, purges and callbacks on SQLite holds on PostgreSQL."""

from tests.unit.jobs.conftest import house  # noqa: F401
from tests.unit.jobs.test_purge import *  # noqa: F403
from tests.unit.jobs.test_retention import *  # noqa: F403
from tests.unit.jobs.test_webhooks import *  # noqa: F403
