"""The service manager hears what it is told, on paths and in the abstract namespace."""

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from steadfast.guardian.notify import Notifier

_ADDRESSES = [pytest.param("path", id="path")]
if sys.platform == "linux":
    _ADDRESSES.append(pytest.param("abstract", id="abstract"))


@pytest.fixture(params=_ADDRESSES)
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """The address as NOTIFY_SOCKET gives it, and the manager's socket."""
    named = (
        f"@steadfast-{os.getpid()}-{id(request)}" if request.param == "abstract" else str(tmp_path / "notify")
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.settimeout(10)
        listening.bind(named.replace("@", "\0", 1))
        yield named, listening


def test_assignments_arrive_as_one_message(manager: tuple[str, socket.socket]) -> None:
    address, listening = manager
    notifier = Notifier(address)
    assert notifier.tell("READY=1", "STATUS=serving")
    assert listening.recv(100) == b"READY=1\nSTATUS=serving"
    notifier.close()


def test_without_a_service_manager_it_is_silent() -> None:
    assert Notifier(None).tell("READY=1") is False


def test_a_service_manager_that_went_away_is_no_error(tmp_path: Path) -> None:
    notifier = Notifier(str(tmp_path / "gone"))
    assert notifier.tell("READY=1") is False
    notifier.close()


@pytest.mark.parametrize(
    ("watchdog", "every_s"),
    [
        ({"WATCHDOG_USEC": "3000000"}, 1.5),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, 1.5),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_pings_are_due_at_half_of_the_time_that_is_ours(
    watchdog: dict[str, str], every_s: float | None
) -> None:
    assert Notifier.from_environment(dict(watchdog)).watchdog_every_s == every_s


def test_no_child_inherits_the_variables() -> None:
    environment = {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1", "HOME": "/"}
    Notifier.from_environment(environment).close()
    assert environment == {"HOME": "/"}
