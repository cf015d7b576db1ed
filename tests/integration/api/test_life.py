"""The server's life: it starts, is reloaded, stops in order, and is brought back by its guardian."""

import json
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
from tests.ports import free_port
from tests.serving_house import FAULTY, ROOT, serving

ONE = FAULTY | {"STEADFAST_RUNTIME__WORKERS": "1", "STEADFAST_SERVER__GRACE_S": "8"}


def test_sigterm_finishes_what_runs_refuses_the_rest_and_exits_0(tmp_path: Path) -> None:
    with serving(tmp_path, ONE) as house:
        other, idle = house.new_client(), house.new_client()
        assert idle.get("/health/live").status_code == 200
        found: list[httpx.Response] = []
        asking = threading.Thread(target=lambda: found.append(house.swap("work", other, seconds=4)))
        asking.start()
        house.until(lambda: idle.get("/health").json()["tasks"]["face_swap"]["busy"] == 1)
        house.process.send_signal(signal.SIGTERM)
        house.until(lambda: idle.get("/health/ready").status_code == 503)
        refused = house.swap(client=idle)
        assert refused.status_code == 503
        assert refused.json()["code"] == "shutting_down"
        asking.join()
        assert found[0].status_code == 200
        assert house.process.wait(30) == 0


def test_work_beyond_the_grace_period_is_refused_and_the_server_still_exits_0(tmp_path: Path) -> None:
    with serving(tmp_path, ONE | {"STEADFAST_SERVER__GRACE_S": "0.5"}) as house:
        client, other = house.new_client(), house.new_client()
        found: list[httpx.Response] = []
        asking = threading.Thread(target=lambda: found.append(house.swap("work", other, seconds=20)))
        asking.start()
        house.until(lambda: client.get("/health").json()["tasks"]["face_swap"]["busy"] == 1)
        house.process.send_signal(signal.SIGTERM)
        asking.join()
        assert found[0].status_code == 503
        assert house.process.wait(30) == 0


def test_reload_replaces_every_worker_without_a_failed_request(tmp_path: Path) -> None:
    with serving(tmp_path, ONE) as house:
        before = {worker.pid for worker in house.workers()}
        statuses: list[int] = []
        done = threading.Event()

        def ask() -> None:
            client = house.new_client()
            while not done.is_set():
                statuses.append(house.swap("echo", client, seconds=0.02).status_code)

        asking = threading.Thread(target=ask)
        asking.start()
        said = subprocess.run(
            [sys.executable, "-m", "steadfast", "reload", "--json", "--data-dir", str(tmp_path)],
            capture_output=True,
            check=True,
            cwd=ROOT,
        )
        done.set()
        asking.join()
        assert json.loads(said.stdout)["ready"] is True
        house.await_ready()
        assert not before & {worker.pid for worker in house.workers()}
        assert set(statuses) == {200}


def test_reload_takes_what_can_change_at_once_and_names_what_waits_for_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text("")
    with serving(tmp_path, ONE | {"STEADFAST_CONFIG": str(file)}) as house:
        assert house.swap().status_code == 200
        file.write_text("[server]\nmax_request_bytes = 10\nkeep_alive_s = 9\n[admission]\nburst_by_key = 9\n")
        told = _reload(tmp_path)
        assert "Changed: admission.burst_by_key, server.max_request_bytes." in told
        assert "wait for a restart of the service: server.keep_alive_s." in told
        assert house.swap().status_code == 413
        file.write_text("[server]\nport = 'none'\n")
        assert "server.port" in _reload(tmp_path, status=78)
        assert house.swap().status_code == 413  # a reload that failed changed nothing
        assert house.is_ready()


def _reload(data_dir: Path, status: int = 0) -> str:
    command = [sys.executable, "-m", "steadfast", "reload", "--data-dir", str(data_dir)]
    said = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert said.returncode == status, said
    return " ".join((said.stdout + said.stderr).split())


def test_the_guardian_brings_a_killed_server_back(tmp_path: Path) -> None:
    with serving(tmp_path, ONE, "--port", str(free_port()), guardian=True) as house:
        old = house.server
        workers = house.workers()
        old.send_signal(signal.SIGKILL)
        house.until(lambda: not old.is_running() and _answers(house.url), within_s=60)
        house.await_ready()
        house.until(lambda: not any(worker.is_running() for worker in workers))
        house.process.send_signal(signal.SIGTERM)
        assert house.process.wait(60) == 0


def test_a_taken_port_and_a_wrong_setting_stop_the_start_with_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = _serve("--port", str(port), "--data-dir", str(tmp_path))
    assert said.returncode == 78
    assert f"127.0.0.1:{port}" in said.stderr
    assert _serve("--port", "70000").returncode == 2
    nowhere = _serve("--data-dir", "/proc/nowhere")
    assert nowhere.returncode == 73
    assert "/proc/nowhere" in nowhere.stderr


def test_sigterm_in_the_middle_of_a_start_ends_it_in_order(tmp_path: Path) -> None:
    with serving(tmp_path, ONE, told=False) as house:
        house.until((tmp_path / "control.sock").exists, within_s=60)
        house.process.send_signal(signal.SIGTERM)
        assert house.process.wait(60) == 0
        said = (tmp_path / "stderr.log").read_text() + (tmp_path / "stdout.log").read_text()
        assert "SystemExit" not in said
        assert "chore ended" not in said


def _serve(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "steadfast", "serve", "--no-guardian", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=ROOT,
    )


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/live", timeout=1.0, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
