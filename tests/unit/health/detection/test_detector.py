"""False alarms and misses on a simulated service: an hour of healthy load is silent, faults are seen."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.health.detection.simulated_house import House

from steadfast.errors import Severity
from steadfast.health.detection.detector import QUIET_LOOKS

HOUR = 720
WARM = 60
"""Looks after which the house knows what is usual: five minutes."""


@pytest.mark.parametrize("seed", range(3))
def test_an_hour_of_healthy_load_raises_no_alarm(seed: int) -> None:
    assert [(sign.kind, sign.evidence) for sign in House(seed=seed).run(HOUR)] == []


def _set(name: str, value: Any) -> Callable[[House], None]:
    return lambda house: setattr(house, name, value)


def _reads(probe: str, value: Callable[[float], float]) -> Callable[[House], None]:
    return lambda house: house.readings.update({probe: value})


FAULTS: dict[str, tuple[str, Callable[[House], None]]] = {
    "slower work": ("latency_regression", _set("slower", 2.5)),
    "errors": ("error_rate", _set("failing", 0.3)),
    "a cliff": ("throughput_cliff", _set("is_throttled", True)),
    "too much work": ("saturation", _set("waiting", 40)),
    "a blocked loop": ("loop_lag", _reads("loop_lag", lambda _: 1.5)),
    "descriptors": ("open_files", _reads("open_files", lambda _: 0.95)),
    "zombies": ("zombies", _reads("zombies", lambda _: 8.0)),
    "memory": ("memory", _reads("memory", lambda _: 0.97)),
    "a full disk": ("disk_space", _reads("disk_space", lambda _: 0.01)),
    "device memory": ("device_memory", _reads("device_memory", lambda _: 0.93)),
    "an Xid error": ("device_errors", _reads("device_errors", lambda _: 1.0)),
    "a disk that fills": ("disk_space_trend", _reads("disk_space", lambda look: 0.35 - 0.08 * look)),
    "device memory that leaks": (
        "device_memory_trend",
        _reads("device_memory", lambda look: 0.66 + 0.08 * look),
    ),
    "descriptors that leak": ("open_files_trend", _reads("open_files", lambda look: 0.15 + 0.12 * look)),
    "memory of the machine that leaks": ("memory_trend", _reads("memory", lambda look: 0.55 + 0.12 * look)),
    "a probe that hangs": ("probe_failed", _set("unknown", frozenset({"disk_space"}))),
    "a deadlock": ("deadlock", _set("is_deadlocked", True)),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("seed", range(3))
def test_a_planted_fault_is_found_within_two_intervals(fault: str, seed: int) -> None:
    kind, plant = FAULTS[fault]
    house = House(seed=seed)
    house.run(WARM)
    plant(house)
    assert house.looks_until(kind) <= 2


def test_a_queue_that_does_not_move_is_found_within_two_intervals() -> None:
    house = House(seed=1)
    house.run(WARM)
    house.is_stuck, house.waiting = True, 3
    assert house.looks_until("stuck_queue") <= 2


def test_a_worker_that_leaks_fast_is_found_in_two_intervals_and_a_slow_leak_in_two_windows() -> None:
    fast, slow = House(seed=1), House(seed=1)
    for house, growth in ((fast, 600e6), (slow, 6e6)):
        house.run(WARM)
        house.worker_growth_bytes = growth
        house.age_s = [1000.0, 1000.0]
    assert fast.looks_until("worker_memory_trend") <= 2
    assert slow.looks_until("worker_memory_trend", 60) <= 48
    (sign,) = [sign for sign in slow.look().signs if sign.kind == "worker_memory_trend"]
    assert sign.worker == "w0"
    assert "at its limit in" in sign.evidence


def test_one_odd_reading_wakes_nobody_and_an_incident_is_over_only_when_it_stays_away() -> None:
    house = House(seed=2)
    house.run(WARM)
    house.readings["memory"] = lambda _: 0.99
    assert house.look().signs == []
    house.readings["memory"] = lambda _: 0.5
    assert house.run(5) == []
    house.readings["memory"] = lambda _: 0.95
    assert house.looks_until("memory") == 2
    house.readings["memory"] = lambda _: 0.89  # below the threshold, not by more than the hysteresis
    assert [sign.kind for sign in house.run(3)] == ["memory"] * 3
    house.readings["memory"] = lambda _: 0.7
    overs = [house.look().over for _ in range(QUIET_LOOKS)]
    assert overs == [[], [], [("memory", "resource")]]


def test_what_comes_and_goes_is_flapping() -> None:
    house = House(seed=3)
    house.run(WARM)
    found = []
    for _ in range(4):
        house.unknown = frozenset({"disk_space"})
        found += house.run(2)
        house.unknown = frozenset()
        found += house.run(4)
    assert [sign.subject for sign in found if sign.kind == "flapping"][:1] == ["probe_failed"]


def test_readiness_that_comes_and_goes_is_flapping() -> None:
    house = House(seed=3)
    house.run(WARM)
    found = []
    for look in range(12):
        house.is_ready = look % 2 == 0
        found += house.run(1)
    assert {(sign.kind, sign.subject) for sign in found} == {("flapping", "readiness:face_swap")}


def test_models_that_load_again_and_again_are_told() -> None:
    house = House(seed=4)
    house.run(WARM)
    for _ in range(20):
        house._recycle(1)
    assert house.looks_until("reloading") == 1


def test_a_clock_that_was_set_changes_nothing_because_nobody_reads_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import time

    house = House(seed=5)
    house.run(WARM)
    for jump_s in (3600.0, -3600.0):
        real_s = time.time()
        monkeypatch.setattr(time, "time", lambda at=real_s + jump_s: at)
        assert house.run(20) == []


def test_slowness_is_not_learnt_as_normal_while_it_lasts() -> None:
    house = House(seed=6)
    house.run(WARM)
    house.slower = 3.0
    house.run(200)
    last = house.look()
    assert any(sign.kind == "latency_regression" for sign in last.signs)
    assert all(sign.severity is Severity.WARNING for sign in last.signs)
