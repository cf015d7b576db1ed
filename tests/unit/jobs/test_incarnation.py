"""One life of a server is told from every other."""

import os
import subprocess
import sys
from dataclasses import replace

from steadfast.jobs.incarnation import Incarnation, start_of

HERE = Incarnation.of_this_process()


def test_it_comes_back_from_its_text() -> None:
    assert Incarnation.parse(str(HERE)) == HERE
    assert len(str(HERE)) <= 200
    for noise in ("", "a/b/c", "host/boot/pid/0/x", "host/boot/1/2/3/4"):
        assert Incarnation.parse(noise) is None


def test_who_lives_is_not_taken_for_dead() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        started = start_of(process.pid)
        assert started is not None
        other = replace(HERE, pid=process.pid, started=started, nonce="other")
        assert not other.is_surely_dead(HERE)
        process.kill()
        process.wait()
        assert other.is_surely_dead(HERE)
    assert not HERE.is_surely_dead(HERE)


def test_another_process_with_the_number_of_a_dead_one_is_not_mistaken_for_it() -> None:
    parent = os.getppid()
    started = start_of(parent)
    assert started is not None
    assert replace(HERE, pid=parent, started=started - 1).is_surely_dead(HERE)


def test_another_boot_of_this_host_is_dead_and_another_host_is_unknown() -> None:
    assert replace(HERE, boot="before").is_surely_dead(HERE)
    assert not replace(HERE, host="elsewhere", pid=1).is_surely_dead(HERE)


def test_a_zombie_is_dead() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert start_of(process.pid) is None
    process.wait()
