"""One record from the first sign to recovery."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.databases import open_migrated_sqlite

from steadfast.database.database import Database
from steadfast.errors import IncidentUnknown, Severity
from steadfast.health.detection.detector import Findings
from steadfast.health.detection.sign import Sign
from steadfast.health.incident_store import IncidentStore
from steadfast.health.incidents import Change, Incident, IncidentBook, IncidentChange, Outcome
from steadfast.observability.redaction import Redactor
from steadfast.runtime.caller import Caller


class Wall:
    """A wall clock that can be set, both ways."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


def sign(kind: str = "disk_space", **more: Any) -> Sign:
    facts: dict[str, Any] = {
        "subject": "data",
        "severity": Severity.WARNING,
        "evidence": "little is left",
    } | more
    return Sign(kind=kind, **facts)


def opened() -> tuple[IncidentBook, list[IncidentChange], Wall]:
    wall = Wall()
    book = IncidentBook(wall, redact=Redactor("key").value)
    heard: list[IncidentChange] = []
    book.subscribe(heard.append)
    return book, heard, wall


def test_repeated_signs_join_a_graver_one_raises_and_the_end_dates_it() -> None:
    book, heard, wall = opened()
    book.apply(Findings(signs=[sign()]))
    book.apply(Findings(signs=[sign(callers=(Caller("00000000000000aa"),))]))
    others = (Caller("00000000000000aa"), Caller("00000000000000bb", "0123456789abcdef"))
    book.apply(Findings(signs=[sign(severity=Severity.ERROR, evidence="nothing is left", callers=others)]))
    book.note_action(("disk_space", "data"), "caches were given back")
    wall.at += timedelta(minutes=5)
    book.apply(Findings(over=[("disk_space", "data")]))
    assert [change.change for change in heard] == [
        Change.OPENED,
        Change.JOINED,
        Change.RAISED,
        Change.ACTED,
        Change.ENDED,
    ]
    assert len({change.incident.id for change in heard}) == 1
    ended = heard[-1].incident
    assert (ended.severity, ended.signs) == (Severity.ERROR, 3)
    assert ended.requests == ("00000000000000aa", "00000000000000bb")
    assert ended.jobs == ("0123456789abcdef",)
    assert ended.evidence == ("little is left", "nothing is left")
    assert ended.actions == ("caches were given back",)
    assert ended.recovered_at == ended.detected_at + timedelta(minutes=5)
    assert ended.outcome is Outcome.RECOVERED
    assert book.open() == []


def test_a_name_that_a_client_chose_for_its_request_is_told_as_the_log_tells_it() -> None:
    book, heard, _ = opened()
    book.apply(Findings(signs=[sign(callers=(Caller("grandma-at-the-sea"),))]))
    assert heard[0].incident.requests == (Redactor("key").hashed("grandma-at-the-sea"),)


def test_a_moment_is_over_at_once() -> None:
    book, heard, _ = opened()
    moment = sign(kind="poison_input", is_moment=True)
    book.apply(Findings(signs=[moment], over=[moment.key]))
    assert [change.change for change in heard] == [Change.OPENED, Change.ENDED]
    assert heard[-1].incident.outcome is Outcome.PASSED


def test_a_clock_set_back_by_an_hour_lets_nothing_recover_before_it_began() -> None:
    book, heard, wall = opened()
    book.apply(Findings(signs=[sign()]))
    wall.at -= timedelta(hours=1)
    book.apply(Findings(over=[("disk_space", "data")]))
    assert heard[-1].incident.recovered_at == heard[-1].incident.detected_at


def test_evidence_is_bounded_and_keeps_how_it_began() -> None:
    book, heard, _ = opened()
    for number in range(100):
        book.apply(Findings(signs=[sign(evidence=f"look {number}")]))
    evidence = heard[-1].incident.evidence
    assert len(evidence) == 20
    assert (evidence[0], evidence[-1]) == ("look 0", "look 99")


def test_the_gravest_stands_first() -> None:
    book, _, _ = opened()
    book.apply(Findings(signs=[sign(), sign(kind="deadlock", severity=Severity.ERROR)]))
    assert [incident.kind for incident in book.open()] == ["deadlock", "disk_space"]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_migrated_sqlite(tmp_path)
    yield database
    database.close()


def incident(number: int, wall: Wall, **more: Any) -> Incident:
    facts: dict[str, Any] = {
        "kind": "deadlock",
        "severity": Severity.ERROR,
        "subject": "face_swap-1",
        "evidence": ("it stands still",),
        "detected_at": wall.at + timedelta(minutes=number),
    } | more
    return Incident(id=f"inc_{number}", **facts)


def test_a_long_list_is_read_page_by_page_without_gap_or_repetition(database: Database) -> None:
    wall = Wall()
    store = IncidentStore(database, now=wall)
    for number in range(7):
        store.save(incident(number, wall, detected_at=wall.at + timedelta(minutes=number // 3)))
    whole = [one.id for one in store.list()]
    paged: list[str] = []
    while page := store.list(limit=2, before=paged[-1] if paged else None):
        paged += [one.id for one in page]
    assert paged == whole
    assert len(whole) == 7
    with pytest.raises(IncidentUnknown):
        store.list(before="inc_none")


def test_an_incident_comes_back_from_the_database_as_it_was_last_saved(database: Database) -> None:
    wall = Wall()
    store = IncidentStore(database, now=wall)
    store.save(incident(1, wall))
    ended = incident(1, wall, outcome=Outcome.RECOVERED, recovered_at=wall.at, requests=("aa",), signs=4)
    store.save(ended)
    assert store.get("inc_1") == ended
    with pytest.raises(IncidentUnknown):
        store.get("inc_2")


def test_a_list_is_the_latest_first_of_what_was_asked_for(database: Database) -> None:
    wall = Wall()
    store = IncidentStore(database, now=wall)
    for number in range(5):
        severity = Severity.WARNING if number % 2 else Severity.ERROR
        outcome = Outcome.OPEN if number == 2 else Outcome.RECOVERED
        store.save(incident(number, wall, severity=severity, outcome=outcome))
    assert [one.id for one in store.list(limit=2)] == ["inc_4", "inc_3"]
    assert [one.id for one in store.list(least=Severity.ERROR)] == ["inc_4", "inc_2", "inc_0"]
    assert [one.id for one in store.list(only_open=True)] == ["inc_2"]
    assert [one.id for one in store.list(since=wall.at + timedelta(minutes=3))] == ["inc_4", "inc_3"]


def test_what_a_dead_server_has_left_open_is_closed_by_the_next(database: Database) -> None:
    wall = Wall()
    store = IncidentStore(database, now=wall)
    store.save(incident(1, wall))
    wall.at -= timedelta(hours=1)
    assert store.close_left_open() == 1
    closed = store.get("inc_1")
    assert closed.recovered_at == closed.detected_at  # though the clock was set back
    assert store.get("inc_1").outcome is Outcome.RESTARTED
    assert store.close_left_open() == 0


def test_of_several_servers_the_gone_ones_alone_lose_what_they_had_open(database: Database) -> None:
    wall = Wall()
    stores = {name: IncidentStore(database, server=name, now=wall) for name in ("here", "there", "gone")}
    for number, store in enumerate(stores.values()):
        store.save(incident(number, wall))
    assert stores["here"].close_left_by_others(["there"]) == 1
    still_open = {one.id for one in stores["here"].list(only_open=True)}
    assert still_open == {"inc_0", "inc_1"}


def test_the_old_and_the_too_many_go_but_what_lasts_stays(database: Database) -> None:
    wall = Wall()
    store = IncidentStore(database, now=wall)
    for number in range(6):
        outcome = Outcome.OPEN if number == 0 else Outcome.RECOVERED
        store.save(incident(number, wall, outcome=outcome))
    wall.at += timedelta(days=1, minutes=2)
    assert store.forget(older_than=timedelta(days=1), most=100) == 1
    assert store.forget(older_than=timedelta(days=1), most=2) == 2
    assert [one.id for one in store.list()] == ["inc_5", "inc_4", "inc_0"]
