"""Intake stops before the disk is full, and begins again by itself."""

import pytest

from steadfast.blobs.store import Headroom
from steadfast.errors import DiskFull
from steadfast.jobs.headroom import IntakeGuard


def test_intake_pauses_at_its_limit_and_resumes_a_little_below() -> None:
    free = [50]
    guard = IntakeGuard(lambda: [Headroom(free_bytes=free[0], total_bytes=100)], full_at=0.9)
    guard.check_now()
    free[0] = 10
    assert guard.look()
    with pytest.raises(DiskFull, match="90% full"):
        guard.check_now()
    free[0] = 11
    assert not guard.look(), "no flicker at the limit"
    free[0] = 13
    assert guard.look()
    guard.check_now()


def test_the_fullest_disk_decides_and_no_known_bound_is_room() -> None:
    roomy, full = Headroom(free_bytes=90, total_bytes=100), Headroom(free_bytes=1, total_bytes=100)
    with pytest.raises(DiskFull):
        IntakeGuard(lambda: [roomy, full]).check_now()
    IntakeGuard(list).check_now()


def test_what_is_asked_between_two_looks_answers_by_the_last_and_asks_no_disk() -> None:
    asked = 0

    def rooms() -> list[Headroom]:
        nonlocal asked
        asked += 1
        return [Headroom(free_bytes=1, total_bytes=100)]

    guard = IntakeGuard(rooms)
    guard.check()
    assert asked == 0
    guard.look()
    with pytest.raises(DiskFull):
        guard.check()
    assert asked == 1
