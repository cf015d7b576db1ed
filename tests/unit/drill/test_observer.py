"""What is seen of a service from outside."""

from typing import Any, cast

import pytest

from steadfast.drill.house import is_whole
from steadfast.drill.observer import Look, Observer, look_of

WHOLE: dict[str, Any] = {
    "status": "healthy",
    "tasks": {
        "face_swap": {
            "ready": True,
            "degraded": [],
            "workers_able": 1,
            "workers_wanted": 1,
            "spares_ready": 1,
            "workers": [
                {"name": "w-1", "is_spare": False, "level": 0, "served": 7, "rss_bytes": 100},
                {"name": "w-2", "is_spare": True, "level": 0, "served": 0, "rss_bytes": 50},
            ],
        }
    },
    "incidents": [{"kind": "worker_died"}],
}


def changed(**more: Any) -> dict[str, Any]:
    return WHOLE | {"tasks": {"face_swap": WHOLE["tasks"]["face_swap"] | more}}


def test_a_service_is_whole_when_every_place_and_spare_is_filled() -> None:
    assert is_whole(WHOLE)


@pytest.mark.parametrize(
    "more",
    [
        {"ready": False},
        {"degraded": ["smaller"]},
        {"workers_able": 0},
        {"spares_ready": 0},
        {"workers": [{"name": "w", "is_spare": False, "level": 1, "served": 0, "rss_bytes": 1}]},
    ],
)
def test_it_is_not_whole_while_anything_is_missing_or_stepped_down(more: dict[str, Any]) -> None:
    assert not is_whole(changed(**more))
    assert not is_whole({})


def test_a_look_tells_who_serves_what_lasts_and_what_is_held() -> None:
    look = look_of(WHOLE, 5.0, 0)
    assert (look.answers, look.is_whole, look.served, look.resident_bytes) == (True, True, 7, 150)
    assert look.workers == frozenset({"w-1"})
    assert look.incidents == frozenset({"worker_died"})


def test_nobody_answering_is_a_look_too() -> None:
    look = look_of(None, 5.0, 300)
    assert (look.answers, look.is_whole, look.resident_bytes) == (False, False, 300)


def test_silence_is_the_longest_time_between_two_answers() -> None:
    observer = Observer(house=cast(Any, None))
    observer.looks = [
        Look(at_s=at_s, answers=answers) for at_s, answers in [(1, True), (2, True), (4, False), (5.5, True)]
    ]
    assert observer.longest_silence_s(1.0, 6.0) == 3.5


def test_an_incident_is_noted_once_however_often_it_is_told() -> None:
    observer = Observer(house=cast(Any, None), clock=lambda: 9.0)
    told = {"id": "i", "kind": "leak", "subject": "face_swap", "severity": "warning"}
    observer._note([told])
    observer._note([told])
    assert [(one.kind, one.first_seen_at_s) for one in observer.incidents_since(0.0)] == [("leak", 9.0)]
