"""What the service does beside requests."""

import pytest
from tests.unit.admission.test_gate import TASK

from steadfast.admission.arrival import Arrival
from steadfast.admission.gate import Gate, GateOptions
from steadfast.assembly.housework import tell_gate_of_loads
from steadfast.events import publish
from steadfast.runtime.events import WorkerLoaded


@pytest.mark.parametrize(("request_s", "expected_s"), [(4.0, 4.0), (None, 1.0)])
def test_the_gate_expects_of_requests_what_a_loaded_worker_s_canary_took(
    request_s: float | None, expected_s: float
) -> None:
    gate = Gate(GateOptions(first_guess_s=1.0))
    stop = tell_gate_of_loads(gate)
    publish(WorkerLoaded(task=TASK, worker="w", level=0, load_s=9.0, is_first=True, request_s=request_s))
    stop()
    publish(WorkerLoaded(task=TASK, worker="w", level=0, load_s=9.0, is_first=True, request_s=77.0))
    permit = gate.admit(Arrival(task=TASK, key="k", deadline_s=30.0))
    assert permit.forecast.median_s == expected_s
