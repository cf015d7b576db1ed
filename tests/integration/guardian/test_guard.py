"""A guardian keeps a real server alive through real signals, hangs and crashes."""

import ast
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import Start, is_alive, only_child_of, wait_until_gone

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="process trees are guarded on Linux only")


def test_a_killed_server_is_replaced_and_told_why_the_one_before_died(start_guarded: Start) -> None:
    guarded = start_guarded()
    first = guarded.wait_until_serving()
    os.kill(first, signal.SIGKILL)
    died = guarded.event("server_ended")
    assert (died["signal"], died["killed_by_guardian"]) == ("SIGKILL", False)
    last_death = ast.literal_eval(guarded.server_says("last death: {").join(["{", ""]))
    assert last_death["signal"] == "SIGKILL"
    assert guarded.wait_until_serving() != first
    assert guarded.get("/health/live") == "live"


def test_a_server_whose_loop_blocks_shows_its_stacks_and_is_replaced(start_guarded: Start) -> None:
    guarded = start_guarded()
    first = guarded.wait_until_serving()
    guarded.ask_without_waiting("/block")
    hung = guarded.event("server_hung")
    assert hung["why"] == "loop_blocked"
    stacks = "\n".join(guarded.event("server_stacks")["stacks"])
    assert "in answer" in stacks  # the line that blocks, by the name of its function
    assert guarded.event("server_ended")["killed_by_guardian"] is True
    assert guarded.wait_until_serving() != first
    assert guarded.get("/health/live") == "live"


def test_a_stopped_server_that_cannot_even_show_its_stacks_is_replaced(start_guarded: Start) -> None:
    guarded = start_guarded()
    first = guarded.wait_until_serving()
    os.kill(first, signal.SIGSTOP)
    assert guarded.event("server_hung")["why"] == "loop_blocked"
    assert guarded.wait_until_serving() != first


def test_a_server_whose_loop_turns_but_whose_port_is_dead_is_replaced(start_guarded: Start) -> None:
    guarded = start_guarded("--deaf", unanswered_after_s=0.5, probe_every_s=0.1)
    guarded.wait_until_serving()
    assert guarded.event("server_hung")["why"] == "unanswered"
    guarded.event("server_started")


def test_a_crash_loop_ends_with_a_status_that_asks_for_help(start_guarded: Start) -> None:
    guarded = start_guarded("--crash", "3", restarts=3, backoff_first_s=0.01)
    assert guarded.event("restarts_exhausted")["restarts"] == 3
    assert guarded.exit_code() == 75


def test_a_wrong_configuration_is_passed_through_and_not_tried_again(start_guarded: Start) -> None:
    guarded = start_guarded("--crash", "78")
    guarded.event("server_ended")
    assert guarded.event("guardian_ended")["exit_code"] == 78
    assert guarded.exit_code() == 78


def test_a_server_that_leaves_unasked_is_started_again(start_guarded: Start) -> None:
    guarded = start_guarded()
    first = guarded.wait_until_serving()
    guarded.ask_without_waiting("/leave")
    assert guarded.wait_until_serving() != first


@pytest.mark.parametrize("repeated", [1, 2], ids=["once", "twice"])
def test_sigterm_stops_the_server_in_order_however_often_it_comes(
    start_guarded: Start, repeated: int
) -> None:
    guarded = start_guarded()
    server = guarded.wait_until_serving()
    for _ in range(repeated):
        guarded.process.send_signal(signal.SIGTERM)
    guarded.server_says("stopped in order")
    assert guarded.exit_code() == 0
    assert not is_alive(server)


def test_a_server_that_will_not_stop_is_killed_at_the_end_of_its_grace(start_guarded: Start) -> None:
    guarded = start_guarded("--stubborn", grace_s=0.1)
    server = int(guarded.event("server_started")["server_pid"])
    wait_for_ignored_sigterm(server)
    guarded.process.send_signal(signal.SIGTERM)
    guarded.event("grace_exceeded")
    assert guarded.exit_code() == 70
    assert not is_alive(server)


def test_a_server_that_hangs_when_it_is_to_stop_is_not_waited_for(start_guarded: Start) -> None:
    guarded = start_guarded()
    guarded.wait_until_serving()
    guarded.ask_without_waiting("/block")
    guarded.process.send_signal(signal.SIGTERM)
    assert guarded.event("server_hung")["why"] == "loop_blocked"
    assert guarded.exit_code() == 70


def test_sighup_reloads_and_does_not_restart(start_guarded: Start) -> None:
    guarded = start_guarded()
    server = guarded.wait_until_serving()
    guarded.process.send_signal(signal.SIGHUP)
    guarded.server_says("reloaded")
    assert guarded.get("/pid") == str(server)


def test_the_guardian_shows_a_live_servers_stacks_on_sigusr1(start_guarded: Start) -> None:
    guarded = start_guarded()
    server = guarded.wait_until_serving()
    guarded.get("/pid")  # its loop has turned, so its guardian knows that it takes the signal
    guarded.process.send_signal(signal.SIGUSR1)
    assert any("fake_server.py" in line for line in guarded.event("server_stacks")["stacks"])
    assert guarded.get("/pid") == str(server)


def test_what_a_dead_server_left_behind_ends_with_it(start_guarded: Start) -> None:
    guarded = start_guarded()
    server = guarded.wait_until_serving()
    orphan = int(guarded.get("/orphan"))
    assert is_alive(orphan)
    os.kill(server, signal.SIGKILL)
    wait_until_gone(orphan)
    guarded.wait_until_serving()


def test_orphans_of_a_living_server_are_collected_and_leave_no_zombie(start_guarded: Start) -> None:
    guarded = start_guarded()
    guarded.wait_until_serving()
    orphans = [int(guarded.get("/orphan")) for _ in range(3)]
    for orphan in orphans:  # several deaths may come with one SIGCHLD
        os.kill(orphan, signal.SIGKILL)
    for orphan in orphans:
        wait_until_gone(orphan)
    assert guarded.get("/health/live") == "live"
    guarded.process.send_signal(signal.SIGTERM)
    assert guarded.exit_code() == 0
    assert not [pid for pid in orphans if Path(f"/proc/{pid}").exists()]


def test_the_server_dies_with_a_killed_guardian(start_guarded: Start) -> None:
    guarded = start_guarded()
    server = guarded.wait_until_serving()
    guarded.process.send_signal(signal.SIGKILL)
    wait_until_gone(server)


def test_the_server_has_a_process_group_of_its_own(start_guarded: Start) -> None:
    guarded = start_guarded()
    server = guarded.wait_until_serving()
    assert os.getpgid(server) == server
    os.killpg(server, signal.SIGKILL)  # what takes the server's group leaves the guardian
    assert guarded.wait_until_serving() != server


def test_the_service_manager_hears_ready_watchdog_status_and_stopping(
    start_guarded: Start, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(30)
        manager.bind(str(tmp_path / "notify"))
        env = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
        guarded = start_guarded(env=env)
        heard = hear_until(manager, "READY=1")
        assert "STATUS=starting" in heard
        assert "WATCHDOG=1" in hear_until(manager, "WATCHDOG=1")
        guarded.process.send_signal(signal.SIGTERM)
        assert "STATUS=stopping" in hear_until(manager, "STOPPING=1")
        assert guarded.exit_code() == 0


def test_the_server_is_not_told_of_the_service_manager(start_guarded: Start, tmp_path: Path) -> None:
    guarded = start_guarded(env={"NOTIFY_SOCKET": str(tmp_path / "nobody"), "WATCHDOG_USEC": "200000"})
    server = guarded.wait_until_serving()
    environment = Path(f"/proc/{server}/environ").read_bytes()
    assert b"NOTIFY_SOCKET" not in environment
    assert b"WATCHDOG_USEC" not in environment


def test_as_pid_1_of_a_container_it_reaps_and_stops_in_order(start_guarded: Start) -> None:
    as_pid_1 = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if subprocess.run([*as_pid_1, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine lets no test make a process namespace")
    guarded = start_guarded(under=as_pid_1)
    assert guarded.event("guardian_started")["pid"] == 1
    guarded.wait_until_serving()
    assert guarded.get("/orphan").isdecimal()
    os.kill(only_child_of(guarded.process.pid), signal.SIGTERM)
    guarded.server_says("stopped in order")
    assert guarded.exit_code() == 0


def hear_until(manager: socket.socket, wanted: str) -> list[str]:
    """Everything the manager was told, up to and with the message that has the wanted assignment."""
    heard: list[str] = []
    while wanted not in heard:
        heard += manager.recv(4096).decode().split("\n")
    return heard


def wait_for_ignored_sigterm(pid: int) -> None:
    """Waits until a starting process ignores SIGTERM."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        ignored = next(
            line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigIgn")
        )
        if int(ignored.split()[1], 16) & (1 << (signal.SIGTERM - 1)):
            return
        os.sched_yield()
    pytest.fail("the server never ignored SIGTERM")
