"""Intake stops before the disk is full, and begins again by itself."""

import pytest

from steadfast.blobs.store import Headroom
from steadfast.errors import DiskFull
from steadfast.jobs.headroom import IntakeGuard


def test_intake_pauses_at_its_limit_and_resumes_a_little_below() -> None:
    free = [50]
    guard = IntakeGuard(lambda: [Headroom(free_bytes=free[0], total_bytes=100)], full_at=0.9)
    guard.check()
    free[0] = 10
    assert guard.look()
    with pytest.raises(DiskFull, match="90% full"):
        guard.check()
    free[0] = 11
    assert not guard.look(), "no flicker at the limit"
    free[0] = 13
    assert guard.look()
    guard.check()


def test_the_fullest_disk_decides_and_no_known_bound_is_room() -> None:
    roomy, full = Headroom(free_bytes=90, total_bytes=100), Headroom(free_bytes=1, total_bytes=100)
    with pytest.raises(DiskFull):
        IntakeGuard(lambda: [roomy, full]).check()
    IntakeGuard(list).check()
