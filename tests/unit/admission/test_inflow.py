"""What keeps coming is known per second."""

import pytest
from tests.unit.runtime.clock import Clock

from steadfast.admission.arrival import Priority
from steadfast.admission.inflow import Inflow


def test_a_steady_stream_is_measured_per_priority() -> None:
    clock = Clock()
    inflow = Inflow(clock=clock)
    for _ in range(1000):
        clock.pass_(0.1)
        inflow.add(Priority.INTERACTIVE, 0.2)
    assert inflow.per_s()[Priority.INTERACTIVE] == pytest.approx(2.0, rel=0.02)
    assert inflow.per_s()[Priority.BATCH] == 0.0


def test_what_no_longer_comes_is_forgotten() -> None:
    clock = Clock()
    inflow = Inflow(clock=clock)
    inflow.add(Priority.INTERACTIVE, 100.0)
    clock.pass_(100.0)
    assert inflow.per_s()[Priority.INTERACTIVE] < 0.001
