"""What a worker can no longer reach, what it shows of itself, and that it never outlives its server."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from tests.fault_task import Act
from tests.runtime_house import ROOT, house, run

from steadfast.runtime import landlock, sandbox, seccomp
from steadfast.runtime.options import ConfinementOptions, WorkerOptions
from steadfast.runtime.states import WorkerState


def test_a_hostile_worker_gets_no_file_no_network_no_program_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if landlock.abi() < 6 or not seccomp.is_known_machine():
        pytest.skip("this kernel does not confine everything that is tried here")
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "flag.secret").write_text("secret")
    monkeypatch.setenv("STEADFAST_SECRET", "hush")

    async def test() -> None:
        async with house(spares=0, folder=inside) as it:
            act = Act(do="look_around", flag=str(inside / "once"))
            confined = await it.done(act)
            # `flag` also names the bait: one outside its folder is refused, one inside is allowed.
            assert "write=allowed" in confined.text
            bait = Act(do="look_around_at", flag=str(tmp_path / "flag"))
            outside = await it.done(bait)
            assert outside.text == (
                "read=refused write=refused socket=refused exec=refused signal=refused environ=clean"
            )
            (worker,) = it.pool.workers
            assert worker.confinement["landlock"] == worker.confinement["seccomp"] == "on"

    run(test())


def test_without_confinement_the_same_worker_gets_through(tmp_path: Path) -> None:
    (tmp_path / "flag.secret").write_text("secret")
    worker = WorkerOptions(confinement=ConfinementOptions(landlock=False, no_network=False))

    async def test() -> None:
        async with house(spares=0, worker=worker) as it:
            seen = await it.done(Act(do="look_around_at", flag=str(tmp_path / "flag")))
            assert seen.text.startswith("read=allowed write=allowed socket=allowed exec=allowed")

    run(test())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_started_as_root_a_worker_becomes_nobody_and_still_serves_and_dies_with_its_server() -> None:
    readable = sandbox.user_for_workers([Path(ROOT)])
    if readable is None:
        pytest.skip("this interpreter lies where nobody may read it")
    worker = WorkerOptions(confinement=ConfinementOptions(user=readable))

    async def test() -> None:
        async with house(spares=0, worker=worker) as it:
            pid = (await it.done()).pid
            assert Path(f"/proc/{pid}").stat().st_uid == readable[0]
            assert it.pool.workers[0].confinement["other_user"] == "on"

    run(test())


def test_a_worker_loads_at_full_speed_and_stands_back_with_every_thread_once_it_serves() -> None:
    def nices(pid: int) -> set[int]:
        stats = Path(f"/proc/{pid}/task").glob("*/stat")
        return {int(stat.read_text().rpartition(")")[2].split()[16]) for stat in stats}

    async def test() -> None:
        options = WorkerOptions(nice=7)
        async with house(spares=0, worker=options, config={"load_s": 0.5, "threads": 2}, wait_s=None) as it:
            await it.until(lambda: any(w.state is WorkerState.LOADING for w in it.pool.workers))
            (worker,) = it.pool.workers
            assert nices(worker.pid) == {os.nice(0)}
            await it.until(lambda: it.pool.ready)
            assert nices(worker.pid) == {os.nice(0) + 7}

    run(test())


def test_titles_tell_worker_from_spare_and_follow_a_takeover() -> None:
    async def test() -> None:
        async with house() as it:
            await it.full()
            await it.ask()
            titles = {_title(pid) for pid in it.pids()}
            assert titles == {"steadfast: worker fault cpu:0", "steadfast: spare fault cpu"}
            (spare,) = (worker.pid for worker in it.pool.workers if worker.slot is None)
            os.kill(next(iter(it.pids() - {spare})), signal.SIGKILL)
            await it.until(lambda: _title(spare) == "steadfast: worker fault cpu:0")

    run(test())


def _title(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode()


def test_a_worker_is_the_first_to_go_when_memory_ends_and_leaves_no_core() -> None:
    async def test() -> None:
        async with house(spares=0) as it:
            (pid,) = it.pids()
            assert Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "500"
            limits = Path(f"/proc/{pid}/limits").read_text()
            assert [line.split()[4] for line in limits.splitlines() if "core file" in line] == ["0"]
            assert os.getpgid(pid) == pid
            assert os.getpriority(os.PRIO_PROCESS, pid) == os.getpriority(os.PRIO_PROCESS, 0) + 5

    run(test())


def test_a_worker_holds_only_the_files_it_was_given() -> None:
    async def test() -> None:
        held = os.open("/dev/null", os.O_RDONLY)
        os.set_inheritable(held, True)  # what a library without close-on-exec leaves open
        try:
            async with house(spares=0) as it:
                (pid,) = it.pids()
                links = {str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()}
                kinds = {link.split(":")[0] for link in links}
                assert kinds == {"/dev/null", "pipe", "socket", "/memfd"}
                assert len(list(Path(f"/proc/{pid}/fd").iterdir())) == 7
        finally:
            os.close(held)

    run(test())


SERVER = """
    import asyncio, sys
    from tests.runtime_house import house
    async def main():
        async with house(workers=2) as it:
            await it.full()
            print(*it.pids(), flush=True)
            await asyncio.sleep(60)
    asyncio.run(main())
"""


def test_workers_die_with_a_server_that_is_killed() -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SERVER)], stdout=subprocess.PIPE, cwd=ROOT, text=True
    )
    assert server.stdout is not None
    pids = [int(word) for word in server.stdout.readline().split()]
    server.kill()
    server.wait()
    server.stdout.close()
    assert len(pids) == 3
    until_s = time.monotonic() + 30
    while any(_alive(pid) for pid in pids):
        assert time.monotonic() < until_s
        time.sleep(0.005)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


def test_the_server_imports_nothing_that_touches_pixels_or_models() -> None:
    code = (
        "import sys, steadfast.runtime.supervisor as s;"
        "heavy = {'numpy', 'cv2', 'av', 'onnxruntime', 'PIL', 'dlib'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_what_this_kernel_offers_is_tried_for_real() -> None:
    offers = sandbox.available()
    assert set(offers) == {measure.value for measure in sandbox.Measure}
    assert offers["no_new_privs"] == "on"


def test_waking_a_worker_does_not_take_the_core_from_the_server() -> None:
    async def test() -> None:
        async with house(spares=0) as it:
            (worker,) = it.pool.workers
            assert os.sched_getscheduler(worker.pid) == os.SCHED_BATCH
            assert os.getpriority(os.PRIO_PROCESS, worker.pid) > os.getpriority(os.PRIO_PROCESS, 0)

    run(test())
