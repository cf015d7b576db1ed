"""An alert stays until it was delivered, or is no news any more."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.databases import Clock, open_migrated_sqlite
from tests.unit.health.alerts.incidents import notice

from steadfast.database.database import Database
from steadfast.health.alerts import outbox as module
from steadfast.health.alerts.outbox import Outbox


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_migrated_sqlite(tmp_path)
    yield database
    database.close()


def test_an_alert_survives_the_process_that_queued_it(tmp_path: Path) -> None:
    first = open_migrated_sqlite(tmp_path)
    Outbox(first).put("slack", notice())
    first.close()
    second = open_migrated_sqlite(tmp_path)
    (letter,) = Outbox(second).due()
    assert (letter.channel, letter.notice) == ("slack", notice())
    second.close()


def test_pauses_double_and_then_stay(database: Database) -> None:
    clock = Clock()
    box = Outbox(database, now=clock, keep_for=timedelta(days=9))
    box.put("slack", notice())
    pauses = []
    for _ in range(12):
        (letter,) = box.due()
        assert box.failed(letter)
        pause_s = 0
        while not box.due():
            clock.turn(seconds=5)
            pause_s += 5
        pauses.append(pause_s)
    assert pauses[:4] == [5, 10, 20, 40]
    assert pauses[-1] == 900


@pytest.mark.parametrize("jump", [timedelta(hours=-1), timedelta(hours=1)])
def test_a_clock_that_is_set_by_an_hour_delays_no_alert(database: Database, jump: timedelta) -> None:
    clock = Clock()
    box = Outbox(database, now=clock)
    box.put("slack", notice())
    assert box.failed(box.due()[0])
    assert box.due() == []
    clock.turn(seconds=jump.total_seconds())
    assert len(box.due()) == 1
    box.put("slack", notice())
    assert len(box.due()) == 2


def test_what_is_no_news_any_more_is_given_up(database: Database) -> None:
    clock = Clock()
    box = Outbox(database, now=clock, keep_for=timedelta(hours=1))
    box.put("slack", notice())
    clock.turn(seconds=3601)
    (letter,) = box.due()
    assert not box.failed(letter)
    assert box.waiting() == 0


def test_a_receiver_that_is_gone_for_good_does_not_fill_the_database(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_WAITING", 3)
    clock = Clock()
    box = Outbox(database, now=clock)
    for number in range(5):
        clock.turn(seconds=1)
        box.put(f"channel-{number}", notice())
    assert [letter.channel for letter in box.due()] == ["channel-2", "channel-3", "channel-4"]


def test_what_was_delivered_is_gone(database: Database) -> None:
    box = Outbox(database)
    box.put("slack", notice())
    box.delivered(box.due()[0])
    assert box.due() == []
