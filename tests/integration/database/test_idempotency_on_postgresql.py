"""What holds for Idempotency-Keys on SQLite holds on PostgreSQL."""

from tests.unit.admission.test_idempotency import *  # noqa: F403
