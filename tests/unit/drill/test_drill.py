"""How a drill tells that a fault was noticed, and that all is whole again; from looks that are made up."""

import random
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.unit.drill.made_up import answer, job, sent

from steadfast.drill.detection import detection, whole_since
from steadfast.drill.drill import _concerned
from steadfast.drill.fault import Expectation, Scene
from steadfast.drill.observer import Look, Observer, SeenIncident


def observer(*looks: Look, incidents: tuple[SeenIncident, ...] = ()) -> Observer:
    made = Observer(house=cast(Any, None))
    made.looks = list(looks)
    made.incidents = {one.id: one for one in incidents}
    return made


def look(at_s: float, *, whole: bool = True, **more: Any) -> Look:
    return Look(at_s=at_s, answers=True, is_whole=whole, **more)


def scene(*requests: Any, carriers: tuple[Any, ...] = (), **signs: float) -> Scene:
    traffic = SimpleNamespace(between=lambda begin_s, end_s: list(requests))
    return Scene(
        house=cast(Any, None),
        traffic=cast(Any, traffic),
        materials=cast(Any, None),
        dice=random.Random(1),
        carriers=list(carriers),
        signs=dict(signs),
    )


INCIDENT = SeenIncident(id="i", kind="worker_died", subject="s", severity="error", first_seen_at_s=12.0)


@pytest.mark.parametrize(
    ("sign", "seen_by", "in_scene", "at_s"),
    [
        ("incident:worker_died", observer(incidents=(INCIDENT,)), scene(), 12.0),
        ("incident:worker_died", observer(look(11.0, incidents=frozenset({"worker_died"}))), scene(), 11.0),
        ("replaced", observer(look(11.0, workers=frozenset({"w-1", "w-9"}))), scene(), 11.0),
        ("degraded", observer(look(11.0, status="degraded")), scene(), 11.0),
        ("carrier:504", observer(), scene(carriers=(answer(504, at_s=10.5, took_ms=500.0),)), 11.0),
        ("refusal:overloaded", observer(), scene(sent(503, "overloaded", at_s=10.9)), 11.0),
        ("takeover", observer(), scene(sent(at_s=10.9, x_steadfast_attempts="2")), 11.0),
        ("restarted", observer(), scene(restarted=11.0), 11.0),
    ],
)
def test_each_kind_of_sign_is_seen_when_it_comes(
    sign: str, seen_by: Observer, in_scene: Scene, at_s: float
) -> None:
    expected = Expectation(signs=(sign,))
    before = frozenset({"w-1"})
    found = detection(in_scene, seen_by, expected, 10.0, before)
    assert found is not None
    assert found[0] == pytest.approx(at_s)
    assert detection(scene(), observer(), expected, 10.0, before) is None


def test_of_several_signs_the_earliest_is_thedetection() -> None:
    expected = Expectation(signs=("incident:worker_died", "restarted"))
    found = detection(scene(restarted=10.5), observer(incidents=(INCIDENT,)), expected, 10.0, frozenset())
    assert found == (10.5, "restarted")


def test_an_incident_from_before_the_fault_is_no_detection_of_it() -> None:
    expected = Expectation(signs=("incident:worker_died",))
    assert detection(scene(), observer(incidents=(INCIDENT,)), expected, 12.5, frozenset()) is None


def test_whole_again_is_three_looks_in_a_row_and_counts_from_the_first_of_them() -> None:
    torn = look(10.0, whole=False)
    assert whole_since(observer(torn, look(11.0), look(12.0)), 9.0) is None
    assert whole_since(observer(torn, look(11.0), look(12.0), look(13.0)), 9.0) == 11.0
    assert whole_since(observer(look(11.0), look(12.0), look(13.0), look(14.0, whole=False)), 9.0) is None


def test_a_job_concerns_a_fault_if_it_was_open_at_some_moment_of_it() -> None:
    before, within, after = (
        job(submitted_at_s=1.0, ended_at_s=5.0),
        job(submitted_at_s=8.0, ended_at_s=12.0),
        job(submitted_at_s=30.0, ended_at_s=None),
    )
    assert _concerned([before, within, after], 10.0, 20.0) == [within]
