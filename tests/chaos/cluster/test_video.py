"""A real video on real nodes, one of which dies in the middle of it: the same bytes come out."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
from tests.brokers import Broker
from tests.chaos.jobs.test_video_job import moving_portrait, packets_of
from tests.cluster_house import new_database
from tests.serving_house import ServingHouse, serving

KEY = "a key that all servers of this test know"
LEASE_S = 5.0
WITHIN_S = 240.0


@pytest.fixture
def servers(postgresql: str, redis: Broker, tmp_path: Path) -> Iterator[list[ServingHouse]]:
    """One that takes jobs, two that work on them."""
    (key_file := tmp_path / "api_key").write_text(KEY)
    key_file.chmod(0o600)
    shared = {
        "STEADFAST_BOOTSTRAP_KEY_FILE": str(key_file),
        "STEADFAST_DATABASE__URL": new_database(postgresql),
        "STEADFAST_BLOBS__URL": str(tmp_path / "blobs"),
        "STEADFAST_CLUSTER__BROKER_URL": redis.url,
        "STEADFAST_CLUSTER__QUEUE_PREFIX": tmp_path.name,
        "STEADFAST_CLUSTER__HEARTBEAT_S": "1",
        "STEADFAST_CLUSTER__GONE_AFTER_S": "4",
        "STEADFAST_JOBS__LEASE_S": str(LEASE_S),
        "STEADFAST_FACES__ENGINE": "embedded",
        "STEADFAST_HEALTH__ENABLED": "false",
        "STEADFAST_RUNTIME__WORKERS": "1",
        "STEADFAST_RUNTIME__SPARES": "0",
    }
    with ExitStack() as stack:
        started = []
        for name, role in (("front", "api"), ("one", "node"), ("other", "node")):
            own = shared | {"STEADFAST_CLUSTER__NAME": name}
            house = stack.enter_context(serving(tmp_path / name, own, "--role", role, spares=0))
            house.key = KEY
            started.append(house)
        yield started


def test_a_video_whose_node_dies_is_the_same_to_the_bit(
    servers: list[ServingHouse], hopper_path: Path, collins_path: Path, tmp_path: Path
) -> None:
    front, one, _ = servers
    target = moving_portrait(collins_path, tmp_path / "target.mp4")
    undisturbed = _result(front, _submit(front, hopper_path, target), tmp_path / "undisturbed.mp4")
    job_id = _submit(front, hopper_path, target)
    front.until(lambda: _leases(front)["one"] > 0, within_s=WITHIN_S)
    _kill(one)
    disturbed = _result(front, job_id, tmp_path / "disturbed.mp4")
    assert packets_of(disturbed) == packets_of(undisturbed)
    attempts = front.client.get(f"/v1/jobs/{job_id}/attempts", params={"limit": 1000}).json()["attempts"]
    outcomes = [attempt["outcome"] for attempt in attempts]
    assert outcomes.count("lost") == 1, "what it held is done again, and nothing else"


def _submit(front: ServingHouse, source: Path, target: Path) -> str:
    files = [
        ("source", ("source.png", source.read_bytes())),
        ("target", ("target.mp4", target.read_bytes())),
    ]
    answer = front.client.post("/v1/jobs", files=files, data={"segment_s": "1", "fresh": "true"})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def _result(front: ServingHouse, job_id: str, output: Path) -> Path:
    until_s = time.monotonic() + WITHIN_S
    while (job := front.client.get(f"/v1/jobs/{job_id}").json())["state"] in ("queued", "running"):
        assert time.monotonic() < until_s, json.dumps(job)
        time.sleep(0.1)
    assert job["state"] == "succeeded", json.dumps(job)
    output.write_bytes(front.client.get(f"/v1/jobs/{job_id}/result").content)
    return output


def _leases(front: ServingHouse) -> dict[str, int]:
    return {node["name"]: node["leases"] for node in front.client.get("/v1/cluster").json()["nodes"]}


def _kill(house: ServingHouse) -> None:
    """SIGKILL to all of it, as the end of its machine."""
    family = psutil.Process(house.process.pid).children(recursive=True)
    house.process.kill()
    for member in family:
        if member.is_running():
            member.kill()
