"""Who hears what, in how many pieces, and how often at most."""

from typing import Any

from tests.unit.health.alerts.incidents import change, incident, over
from tests.unit.health.probes.surroundings import Hand

from steadfast.errors import Severity
from steadfast.health.alerts.routes import Grouping, Route
from steadfast.health.incidents import Change


def grouping(clock: Hand, route: Route | None = None, **more: Any) -> Grouping:
    options: dict[str, Any] = {"instance": "cam-1", "group_s": 10.0, "per_hour": 30} | more
    return Grouping(route or Route(channel="slack"), clock=clock, **options)


def test_a_route_wants_its_severity_and_its_kinds() -> None:
    loud = Route(channel="mail", least=Severity.ERROR)
    assert loud.wants(incident())
    assert not loud.wants(incident(severity=Severity.WARNING))
    picky = Route(channel="mail", kinds=("disk_space",))
    assert not picky.wants(incident())


def test_what_comes_together_is_told_together_after_a_moment() -> None:
    clock = Hand()
    group = grouping(clock)
    group.add(change(Change.OPENED, incident(1)))
    clock.pass_(5)
    group.add(change(Change.OPENED, incident(2)))
    assert group.release() is None
    clock.pass_(5)
    notice = group.release()
    assert notice is not None
    assert [told.id for told in notice.incidents] == ["inc_1", "inc_2"]
    assert group.release() is None


def test_a_recovery_is_told_only_to_who_heard_of_the_beginning() -> None:
    clock = Hand()
    group = grouping(clock, group_s=0)
    group.add(change(Change.ENDED, over(1)))
    assert group.release() is None
    group.add(change(Change.OPENED, incident(1)))
    assert group.release() is not None
    group.add(change(Change.ENDED, over(1)))
    notice = group.release()
    assert notice is not None
    assert notice.is_recovery


def test_what_begins_and_ends_within_the_moment_is_told_once() -> None:
    clock = Hand()
    group = grouping(clock)
    group.add(change(Change.OPENED, incident(1)))
    group.add(change(Change.ENDED, over(1)))
    clock.pass_(10)
    notice = group.release()
    assert notice is not None
    assert len(notice.incidents) == 1
    assert notice.is_recovery


def test_signs_that_join_are_no_news() -> None:
    group = grouping(Hand(), group_s=0)
    group.add(change(Change.JOINED, incident(1)))
    group.add(change(Change.ACTED, incident(1)))
    assert group.release() is None


def test_beyond_the_rate_alerts_are_held_back_and_counted() -> None:
    clock = Hand()
    group = grouping(clock, group_s=0, per_hour=2)
    sent = []
    for number in range(5):
        group.add(change(Change.OPENED, incident(number)))
        sent.append(group.release())
    assert [notice is not None for notice in sent] == [True, True, False, False, False]
    clock.pass_(3601)
    group.add(change(Change.OPENED, incident(9)))
    late = group.release()
    assert late is not None
    assert late.held_back == 3
