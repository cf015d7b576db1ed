"""Every request is in the ledger once, whoever dies in between."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from tests.unit.sla.house import BEGIN, LedgerHouse

from steadfast.errors import DatabaseBusy
from steadfast.settings import ObjectiveSettings
from steadfast.sla.journal import journal_files
from steadfast.sla.retention import forget_old
from steadfast.sla.tables import CHUNKS, MINUTES


def test_a_file_that_is_being_written_is_left_alone(house: LedgerHouse) -> None:
    house.answer()
    house.end(house.begin())
    assert house.fold() == 0
    assert house.report().outcomes == {"ok": 1}


def test_a_death_between_commit_and_removal_counts_nothing_twice(
    house: LedgerHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.answer()
    house.end(house.begin(10))
    house.stop()
    with monkeypatch.context() as dying:
        dying.setattr(Path, "unlink", _die)
        with pytest.raises(KeyboardInterrupt):
            house.fold()
    assert journal_files(house.folder)
    assert house.report().outcomes == {"ok": 10}
    house.fold()
    assert not journal_files(house.folder)
    assert house.report().outcomes == {"ok": 10}


def test_what_the_database_does_not_take_stays_in_the_journal(
    house: LedgerHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.answer()
    house.end(house.begin(10))
    house.stop()
    with monkeypatch.context() as locked:
        locked.setattr(house.database, "writing", _busy)
        with pytest.raises(DatabaseBusy):
            house.fold()
    house.fold()
    assert house.report().outcomes == {"ok": 10}


def test_many_files_add_up(house: LedgerHouse) -> None:
    house.answer()
    assert house.journal is not None
    for _ in range(5):
        house.end(house.begin(7), engine="standard")
        house.wait(40)
        house.journal.turn()
        house.fold()
    house.end(house.begin(2))
    assert house.report().outcomes == {"ok": 37}
    assert sum(speed.answers for speed in house.report().speeds) == 37
    with house.database.reading() as connection:
        assert connection.execute(select(func.sum(CHUNKS.c.requests))).scalar_one() == 35


def test_a_server_that_hung_was_not_there(house: LedgerHouse) -> None:
    house.answer()
    house.wait(60)
    house.now_us += 30_000_000  # and no beat
    house.wait(110)
    (absence,) = house.report().absences
    assert absence.why == "silent"
    assert 29.4 <= (absence.ends_us - absence.begins_us) / 1e6 <= 30.6


def test_a_hang_while_files_change_is_seen_too(house: LedgerHouse) -> None:
    house.answer()
    house.wait(60)
    assert house.journal is not None
    house.now_us += 30_000_000
    house.journal.turn()
    house.wait(30)
    unfolded = house.report().absences
    house.fold()
    assert house.report().absences == unfolded
    assert [one.why for one in unfolded] == ["silent"]


def test_single_requests_go_sooner_than_their_sums(house: LedgerHouse) -> None:
    house.answer()
    house.end(house.begin(10))
    house.stop()
    house.fold()
    settings = ObjectiveSettings()
    forget_old(house.database, settings, BEGIN + timedelta(days=91))
    assert _count(house) == (0, 1)
    assert house.report().outcomes == {"ok": 10}
    forget_old(house.database, settings, BEGIN + timedelta(days=801))
    assert _count(house) == (0, 0)


def _count(house: LedgerHouse) -> tuple[int, int]:
    with house.database.reading() as connection:
        tables = (CHUNKS, MINUTES)
        found = [connection.execute(select(func.count()).select_from(one)).scalar_one() for one in tables]
    return found[0], found[1]


def _die(_self: Path, **_: object) -> None:
    raise KeyboardInterrupt


def _busy() -> None:
    raise DatabaseBusy("It is busy.")
