"""Times in the database always mean one moment."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.engine import Dialect, make_url

from steadfast.database.schema import UtcTime

BERLIN = timezone(timedelta(hours=1))
MOMENT = datetime(2026, 11, 20, 13, 0, tzinfo=BERLIN)


def dialect_of(url: str) -> Dialect:
    return make_url(url).get_dialect()()


@pytest.mark.parametrize("url", ["sqlite://", "postgresql+psycopg://"])
def test_a_moment_comes_back_as_the_same_moment_in_utc(url: str) -> None:
    column, dialect = UtcTime(), dialect_of(url)
    stored = column.process_bind_param(MOMENT, dialect)
    read = column.process_result_value(stored, dialect)
    assert read == MOMENT
    assert read is not None
    assert read.tzinfo is UTC
    assert column.process_bind_param(None, dialect) is None


def test_a_time_without_its_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without its zone"):
        UtcTime().process_bind_param(datetime(2026, 11, 20), dialect_of("sqlite://"))  # noqa: DTZ001
