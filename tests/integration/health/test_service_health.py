"""A real service: a worker dies, and afterwards it says what happened, without what belongs to users."""

import json
import signal
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.http_receiver import Hook
from tests.ports import free_port
from tests.serving_house import FAULTY, ROOT, ServingHouse, serving

FAST = FAULTY | {"STEADFAST_RUNTIME__WORKERS": "1", "STEADFAST_HEALTH__INTERVAL_S": "0.2"}


@pytest.fixture(scope="module")
def hook() -> Iterator[Hook]:
    hook = Hook()
    yield hook
    hook.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, hook: Hook) -> Iterator[ServingHouse]:
    options = FAST | {
        "STEADFAST_SERVER__REQUIRE_KEYS": "always",
        "STEADFAST_ALERTS__WEBHOOK_URL": f"{hook.url}/alerts",
        "STEADFAST_ALERTS__WEBHOOK_KINDS": "worker_died",
        "STEADFAST_ALERTS__GROUP_S": "0",
    }
    with serving(tmp_path_factory.mktemp("house"), options) as house:
        yield house


def incidents(house: ServingHouse, kind: str) -> list[dict[str, Any]]:
    found = house.client.get("/v1/incidents").json()["incidents"]
    return [one for one in found if one["kind"] == kind]


def workers(house: ServingHouse) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = house.client.get("/health").json()["tasks"]["face_swap"]["workers"]
    return told


def steadfast(house: ServingHouse, *arguments: str, key: str | None = None, cwd: Path = ROOT) -> Any:
    environment = {"STEADFAST_URL": house.url, "PATH": "/usr/bin:/bin"}
    if key is not None:
        environment["STEADFAST_KEY"] = key
    return subprocess.run(
        [sys.executable, "-m", "steadfast", *arguments, "--json"],
        capture_output=True,
        text=True,
        env=environment,
        cwd=cwd,
        check=False,
    )


def test_a_killed_worker_is_an_incident_an_alert_and_a_report_and_it_recovers(
    house: ServingHouse, hook: Hook
) -> None:
    house.await_ready()
    house.until(
        lambda: bool(house.client.get("/health").json()["readings"])
    )  # the report holds the last ones
    house.workers()[0].send_signal(signal.SIGKILL)
    house.until(lambda: any(one["outcome"] == "recovered" for one in incidents(house, "worker_died")))
    one = incidents(house, "worker_died")[0]
    assert "SIGKILL" in one["evidence"][0]
    assert house.client.get(f"/v1/incidents/{one['id']}").json() == one
    crash = house.client.get("/v1/crashes").json()["crashes"][0]
    report = house.client.get(f"/v1/crashes/{crash['id']}").json()
    assert report["report.json"]["what"]["signal_name"] == "SIGKILL"
    assert report["readings.json"]
    assert [event["event"] for event in report["events.json"]][-1] == "worker_died"

    def told() -> list[Any]:
        alerts = [json.loads(body) for _, _, body in list(hook.got)]
        mine = [told for alert in alerts for told in alert["incidents"] if told["id"] == one["id"]]
        return [told["recovered_at"] for told in mine]

    # A recovery that comes before the first delivery makes one message of both.
    house.until(lambda: any(recovered is not None for recovered in told()))


def test_the_public_answer_hides_what_only_an_admin_may_see(house: ServingHouse) -> None:
    house.await_ready()
    admin = house.client.get("/health").json()
    stranger = house.new_client()
    del stranger.headers["Authorization"]
    public = stranger.get("/health").json()
    assert admin["version"]
    assert "workers" in admin["tasks"]["face_swap"]
    assert "version" not in public
    assert "workers" not in public["tasks"]["face_swap"]
    assert public["status"] in ("healthy", "degraded")
    assert {reading["level"] for reading in public["readings"]} == {"process", "resource", "capability"}
    assert not any("note" in reading for reading in public["readings"])
    assert stranger.get("/v1/incidents").status_code == 401


def test_incidents_are_told_live(house: ServingHouse) -> None:
    house.await_ready()
    with house.new_client().stream("GET", "/v1/incidents/stream", timeout=30) as stream:
        assert stream.headers["content-type"] == "text/event-stream"
        house.workers()[0].send_signal(signal.SIGKILL)
        lines = stream.iter_lines()
        told = next(line for line in lines if line == "event: opened")
        assert told
        assert json.loads(next(lines).removeprefix("data: "))["kind"] == "worker_died"
    house.await_ready()


def test_the_command_line_asks_the_service(house: ServingHouse, tmp_path: Path) -> None:
    house.await_ready()
    house.workers()[0].send_signal(signal.SIGKILL)  # each test brings its own death: they run in any order
    house.until(lambda: bool(house.client.get("/v1/crashes").json()["crashes"]))
    house.until(lambda: bool(incidents(house, "worker_died")))
    listed = json.loads(steadfast(house, "incidents", "list", key=house.key).stdout)["incidents"]
    assert listed
    shown = json.loads(steadfast(house, "incidents", "show", listed[0]["id"], key=house.key).stdout)
    assert shown["id"] == listed[0]["id"]
    crash = json.loads(steadfast(house, "crashes", "list", key=house.key).stdout)["crashes"][0]
    archive = tmp_path / "report.zip"
    steadfast(house, "crashes", "bundle", crash["id"], "-o", str(archive), key=house.key)
    assert f"{crash['id']}/report.json" in zipfile.ZipFile(archive).namelist()
    refused = steadfast(house, "incidents", "list")
    assert (refused.returncode, json.loads(refused.stdout)["error"]["code"]) == (77, "key_refused")
    missing = steadfast(house, "incidents", "show", "inc_none", key=house.key)
    assert (missing.returncode, json.loads(missing.stdout)["error"]["code"]) == (66, "incident_unknown")


def test_nothing_of_a_users_is_in_what_health_has_written(house: ServingHouse) -> None:
    house.await_ready()
    secrets = ("grandma-secret", "hunter2secret")
    house.swap("segfault", source=b"hunter2secret", headers={"X-Request-Id": "grandma-secret"})
    house.await_ready()
    house.until(lambda: len(house.client.get("/v1/crashes").json()["crashes"]) >= 2)
    written = b"".join(f.read_bytes() for f in (house.data_dir / "crashes").rglob("*") if f.is_file())
    with sqlite3.connect(house.data_dir / "steadfast.db") as database:
        written += str(database.execute("SELECT document FROM incidents").fetchall()).encode()
    assert b"SIGSEGV" in written
    assert b'"part_bytes"' in written
    assert not [secret for secret in secrets if secret.encode() in written]


def test_a_fatal_reading_is_reported_and_ends_the_server_in_order(tmp_path: Path) -> None:
    fatal = FAST | {"STEADFAST_HEALTH__PROBES__THREADS__FATAL": "1", "STEADFAST_SERVER__GRACE_S": "2"}
    with serving(tmp_path, fatal, ready=False) as house:
        assert house.process.wait(30) == 70
    reports = [json.loads(file.read_text()) for file in tmp_path.glob("crashes/*/report.json")]
    assert "threads" in {report["kind"] for report in reports}
    with sqlite3.connect(tmp_path / "steadfast.db") as database:
        (row,) = database.execute("SELECT document FROM incidents WHERE kind = 'threads'")
    assert json.loads(row[0])["actions"] == ["a crash report was ordered", "the server was told to end"]


def test_a_worker_that_is_frozen_costs_its_request_one_retry_and_nobody_a_refusal(
    house: ServingHouse,
) -> None:
    house.await_ready()
    with ThreadPoolExecutor() as threads:
        asked = threads.submit(house.swap, "work", house.new_client(), seconds=2.5)
        house.until(lambda: any(one["state"] == "busy" for one in workers(house)))
        house.workers()[0].send_signal(signal.SIGSTOP)
        answer = asked.result()
    assert answer.status_code == 200
    assert int(answer.headers["x-steadfast-attempts"]) == 2
    house.until(lambda: bool(incidents(house, "deadlock")))
    assert (
        "the worker was ended, its work begins again in another" in incidents(house, "deadlock")[0]["actions"]
    )


def test_an_input_that_stands_still_in_every_worker_is_refused_as_the_one_to_blame(
    house: ServingHouse,
) -> None:
    house.await_ready()
    answer = house.swap("echo", seconds=60)  # asleep: work is there, nothing moves
    assert (answer.status_code, answer.json()["code"]) == (422, "poison_input")
    house.await_ready()
    assert house.swap().status_code == 200


def test_a_server_that_falls_leaves_its_stacks_to_its_successor_who_reports_them(tmp_path: Path) -> None:
    with serving(tmp_path, FAST, "--port", str(free_port()), guardian=True) as house:
        before = house.server.pid
        house.server.send_signal(signal.SIGSEGV)
        house.until(lambda: house.is_ready() and house.server.pid != before, within_s=60)
        house.until(lambda: bool(incidents(house, "server_died")))
        crashes = house.client.get("/v1/crashes").json()["crashes"]
        (crash,) = [one for one in crashes if one["kind"] == "server_died"]
        report = house.client.get(f"/v1/crashes/{crash['id']}").json()["report.json"]
    assert report["summary"] == "it was ended by SIGSEGV"
    told = report["what"]["tracebacks"]
    assert "Fatal Python error: Segmentation fault" in told
    assert any("asyncio/" in line for line in told), told
