"""Events become lines without anybody writing them out."""

import pytest

from steadfast.observability.event_log import event_fields, event_name
from steadfast.runtime.events import SteppedDown, WorkerDied
from steadfast.runtime.exit_reason import Cause, ExitReport


@pytest.mark.parametrize(("kind", "name"), [(WorkerDied, "worker_died"), (SteppedDown, "stepped_down")])
def test_an_event_is_named_by_its_class(kind: type, name: str) -> None:
    assert event_name(kind) == name


def test_a_nested_record_is_told_beside_the_fields() -> None:
    event = WorkerDied(
        task="t", worker="w", report=ExitReport(pid=3, cause=Cause.EXITED, exit_code=1), wanted=True
    )
    fields = dict(event_fields(event))
    assert (fields["task"], fields["pid"], fields["cause"], fields["exit_code"]) == ("t", 3, "exited", 1)
    assert "report" not in fields
