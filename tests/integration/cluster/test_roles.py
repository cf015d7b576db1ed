"""The program itself in its roles: a server that takes jobs, one that works on them, and their operator."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.brokers import Broker
from tests.cluster_house import new_database
from tests.serving_house import FAULTY, ServingHouse, serving

HERE = {
    "STEADFAST_FACES__ENGINE": "embedded",
    "STEADFAST_RUNTIME__WORKERS": "1",
    "STEADFAST_RUNTIME__SPARES": "0",
    "STEADFAST_HEALTH__ENABLED": "false",
    "STEADFAST_CLUSTER__HEARTBEAT_S": "0.5",
    "STEADFAST_CLUSTER__GONE_AFTER_S": "4",
    "STEADFAST_JOBS__LEASE_S": "5",
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, postgresql: str, rabbitmq: Broker) -> dict[str, str]:
    """Settings that all servers have."""
    folder = tmp_path_factory.mktemp("cluster")
    return HERE | {
        "STEADFAST_DATABASE__URL": new_database(postgresql),
        "STEADFAST_BLOBS__URL": str(folder / "blobs"),
        "STEADFAST_CLUSTER__BROKER_URL": rabbitmq.url,
    }


@pytest.fixture(scope="module")
def servers(
    shared: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ServingHouse, ServingHouse]]:
    """One that takes jobs, one that works."""
    folder = tmp_path_factory.mktemp("servers")
    with ExitStack() as stack:
        api, node = (
            stack.enter_context(
                serving(folder / role, shared | {"STEADFAST_CLUSTER__NAME": role}, "--role", role, spares=0)
            )
            for role in ("api", "node")
        )
        yield api, node


def test_a_job_that_one_server_takes_another_works_on_and_the_first_gives_the_result(
    servers: tuple[ServingHouse, ServingHouse], hopper_path: Path, collins_path: Path
) -> None:
    api, _ = servers
    files = [
        ("source", ("h.png", hopper_path.read_bytes())),
        ("target", ("c.png", collins_path.read_bytes())),
    ]
    answer = api.client.post("/v1/jobs", files=files)
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["id"]
    api.until(
        lambda: api.client.get(f"/v1/jobs/{job_id}").json()["state"] in ("succeeded", "failed"), within_s=90.0
    )
    job = api.client.get(f"/v1/jobs/{job_id}").json()
    assert job["state"] == "succeeded", job
    result = api.client.get(f"/v1/jobs/{job_id}/result")
    assert result.status_code == 200
    assert len(result.content) > 10_000


def test_what_a_role_does_not_serve_is_refused_with_a_sentence(
    servers: tuple[ServingHouse, ServingHouse],
) -> None:
    api, node = servers
    refused = api.client.post("/v1/swap", files=[("source", b"x"), ("target", b"x")])
    assert (refused.status_code, refused.json()["code"]) == (421, "not_served_here")
    assert node.client.get("/v1/jobs").status_code == 421
    assert api.client.get("/health/ready").status_code == 200
    assert node.client.get("/health/ready").status_code == 200


def test_the_operator_sees_both_and_takes_one_out_of_work(
    servers: tuple[ServingHouse, ServingHouse], shared: dict[str, str]
) -> None:
    api, _ = servers

    def nodes() -> dict[str, Any]:
        document = api.client.get("/v1/cluster").json()
        return {node["name"]: node for node in document["nodes"]}

    api.until(lambda: nodes()["node"]["places"] == 1)
    assert nodes()["node"]["capabilities"] == ["cpu", "embedded", "embedded-cpu"]
    assert nodes()["api"]["role"] == "api"
    assert abs(nodes()["node"]["clock_skew_s"]) < 1.0
    assert api.client.get("/v1/cluster/demand").json()["device_s"] == 0.0
    told = _command(api, shared, "cluster", "drain", "node", "--wait", "30")
    assert told["state"] == "drained"
    assert nodes()["node"]["state"] == "drained"
    _command(api, shared, "cluster", "uncordon", "node")
    api.until(lambda: nodes()["node"]["state"] == "active")
    shown = _command(api, shared, "cluster", "status")
    assert {node["name"] for node in shown["nodes"]} == {"api", "node"}


def test_a_repetition_that_comes_to_another_server_gets_the_answer_of_the_first(
    shared: dict[str, str], tmp_path: Path
) -> None:
    settings = shared | FAULTY | {"STEADFAST_CLUSTER__ROLE": "all"}
    with ExitStack() as stack:
        one, other = (
            stack.enter_context(
                serving(tmp_path / name, settings | {"STEADFAST_CLUSTER__NAME": name}, spares=0)
            )
            for name in ("one", "other")
        )
        first = one.swap("echo", headers={"Idempotency-Key": "the same"})
        again = other.swap("echo", headers={"Idempotency-Key": "the same"})
        assert first.status_code == again.status_code == 200
        assert again.headers["idempotent-replayed"] == "true"
        assert again.content == first.content


def _command(house: ServingHouse, shared: dict[str, str], *arguments: str) -> dict[str, Any]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("STEADFAST_")}
    done = subprocess.run(
        [sys.executable, "-m", "steadfast", "--json", *arguments],
        env=own | shared | {"STEADFAST_DATA_DIR": str(house.data_dir)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_settings_that_cannot_work_together_stop_the_start_with_a_sentence(tmp_path: Path) -> None:
    own = {name: value for name, value in os.environ.items() if not name.startswith("STEADFAST_")}
    done = subprocess.run(
        [sys.executable, "-m", "steadfast", "serve", "--role", "node", "--no-guardian"],
        env=own | {"STEADFAST_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode != 0
    assert "one PostgreSQL" in done.stderr
    assert "Traceback" not in done.stderr
