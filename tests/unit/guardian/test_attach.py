"""The server's side: what a guardian hands over is taken, used and passed on to nobody."""

import asyncio
import json
import os
import signal
import subprocess
import sys

import pytest

from steadfast.guardian.attach import DUMP_FD, GUARDIAN_PID, HEARTBEAT_FD, LAST_DEATH, attach_to_guardian
from steadfast.guardian.heartbeat import Heartbeat


def test_without_a_guardian_nothing_happens() -> None:
    attachment = attach_to_guardian({"HOME": "/"})
    assert (attachment.guardian_pid, attachment.last_death) == (None, None)
    attachment.heartbeat.ready("127.0.0.1", 80)


def test_the_handover_is_taken_out_of_the_environment_and_of_what_children_inherit() -> None:
    read_fd, write_fd = os.pipe()
    os.set_inheritable(write_fd, True)
    code = f"""
import os
from steadfast.guardian.attach import attach_to_guardian
attachment = attach_to_guardian()
assert not [name for name in os.environ if name.startswith("STEADFAST_")], os.environ
assert not os.get_inheritable({write_fd})
assert attachment.last_death == {{"signal": "SIGKILL"}}
attachment.heartbeat.ready("127.0.0.1", 8080)
"""
    handover = {
        HEARTBEAT_FD: str(write_fd),
        DUMP_FD: "",
        GUARDIAN_PID: str(os.getpid()),
        LAST_DEATH: json.dumps({"signal": "SIGKILL"}),
    }
    subprocess.run([sys.executable, "-c", code], env=handover, pass_fds=[write_fd], check=True, timeout=30)
    assert os.read(read_fd, 100) == b"ready 127.0.0.1 8080\n"
    os.close(read_fd)
    os.close(write_fd)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ends orphans on Linux only")
def test_a_server_whose_guardian_died_before_it_attached_ends_at_once() -> None:
    code = "from steadfast.guardian.attach import attach_to_guardian; attach_to_guardian(); print('lives')"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={GUARDIAN_PID: "999999999"},
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert (ran.returncode, ran.stdout) == (128 + signal.SIGKILL, b"")


def test_each_beat_is_a_turn_of_the_loop_itself() -> None:
    read_fd, write_fd = os.pipe()

    async def turn() -> None:
        heartbeat = Heartbeat(write_fd, every_s=0.0)
        heartbeat.start(asyncio.get_running_loop())
        for _ in range(10):
            await asyncio.sleep(0)
        heartbeat.stop()
        beaten = os.read(read_fd, 1000).splitlines()
        assert set(beaten) == {b"beat"}
        assert len(beaten) >= 5
        await asyncio.sleep(0)
        os.set_blocking(read_fd, False)
        with pytest.raises(BlockingIOError):
            os.read(read_fd, 1000)

    asyncio.run(turn())
    os.close(read_fd)
    os.close(write_fd)


def test_a_guardian_that_does_not_read_never_blocks_the_loop() -> None:
    read_fd, write_fd = os.pipe()
    heartbeat = Heartbeat(write_fd)
    for _ in range(20_000):
        heartbeat.ready("127.0.0.1", 80)
    os.close(read_fd)
    heartbeat.ready("127.0.0.1", 80)
    os.close(write_fd)
