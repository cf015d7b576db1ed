"""Callbacks from end to end: a job is sent with a URL, whose receiver is down, slow, sly or well."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.http_receiver import MoodyReceiver
from tests.serving_house import ServingHouse, serving

from steadfast.jobs.webhook_secrets import secret_of_key

SETTINGS = {
    "STEADFAST_FACES__ENGINE": "embedded",
    "STEADFAST_RUNTIME__WORKERS": "1",
    "STEADFAST_RUNTIME__SPARES": "0",
    "STEADFAST_SERVER__REQUIRE_KEYS": "always",
    "STEADFAST_HEALTH__ENABLED": "false",
    "STEADFAST_WEBHOOKS__ALLOWED_NETWORKS": "127.0.0.1/32",
    "STEADFAST_WEBHOOKS__ALLOW_HTTP": "true",
    "STEADFAST_WEBHOOKS__TIMEOUT_S": "3",
}
STATES = ["job.running", "job.succeeded"]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingHouse]:
    with serving(tmp_path_factory.mktemp("house") / "data", SETTINGS, spares=0) as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[MoodyReceiver]:
    receiver = MoodyReceiver()
    yield receiver
    receiver.close()


def submit(house: ServingHouse, picture: Path, port: int) -> str:
    files = [
        ("source", (picture.name, picture.read_bytes())),
        ("target", (picture.name, picture.read_bytes())),
    ]
    callback = {"callback_url": f"http://127.0.0.1:{port}/hook", "fresh": "true", "subject": "anna"}
    answer = house.client.post("/v1/jobs", files=files, data=callback)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def told(house: ServingHouse, job_id: str) -> list[tuple[str, str]]:
    """What the job's history says of its callbacks."""
    found = []
    with house.client.stream("GET", f"/v1/jobs/{job_id}/events") as stream:
        for line in stream.iter_lines():
            if line.startswith("data:") and (entry := json.loads(line[5:]))["kind"] == "callback":
                found.append((entry["data"]["event"], entry["data"]["outcome"]))
    return found


def delivered(house: ServingHouse, job_id: str) -> list[str]:
    return [event for event, outcome in told(house, job_id) if outcome == "delivered"]


def events(receiver: MoodyReceiver) -> list[str]:
    """What it heard of, once each: on a busy machine an answer may come too late to count."""
    return list(dict.fromkeys(event for event, _, _ in receiver.got))


def is_done(house: ServingHouse, job_id: str) -> bool:
    return bool(house.client.get(f"/v1/jobs/{job_id}").json()["state"] == "succeeded")


def is_genuine(secret: str, header: str, body: bytes) -> bool:
    """As docs/how-to/retention.md tells receivers to look."""
    parts = dict(part.split("=", 1) for part in header.split(","))
    wanted = hmac.new(secret.encode(), f"{parts['t']}.".encode() + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(parts["v1"], wanted) and abs(time.time() - int(parts["t"])) < 300


def bodies(receiver: MoodyReceiver) -> list[dict[str, Any]]:
    return [json.loads(body) for _, _, body in receiver.got]


def test_every_change_of_state_is_told_in_order_and_signed_with_the_keys_own_secret(
    house: ServingHouse, receiver: MoodyReceiver, hopper_path: Path
) -> None:
    job_id = submit(house, hopper_path, receiver.port)
    house.until(lambda: events(receiver) == STATES, 60)
    assert house.key is not None
    master = (house.data_dir / "webhook.secret").read_text().strip()
    secret = secret_of_key(master, house.key.split("_")[1])
    assert all(is_genuine(secret, signed, body) for _, signed, body in receiver.got)
    assert not any(is_genuine(master, signed, body) for _, signed, body in receiver.got)
    assert {(one["job_id"], one["subject"]) for one in bodies(receiver)} == {(job_id, "anna")}
    house.until(lambda: delivered(house, job_id) == STATES)


def test_a_receiver_that_was_down_or_slow_hears_it_later_and_the_job_does_not_wait(
    house: ServingHouse, receiver: MoodyReceiver, hopper_path: Path
) -> None:
    down = MoodyReceiver()
    port = down.port
    down.close()
    receiver.mood = "slow"
    jobs = submit(house, hopper_path, port), submit(house, hopper_path, receiver.port)
    house.until(lambda: all(is_done(house, job_id) for job_id in jobs), 60)
    house.until(lambda: all(told(house, job_id)[:1] == [("job.running", "retrying")] for job_id in jobs))
    receiver.mood = "well"
    receiver.over.set()
    up = MoodyReceiver(port)
    try:
        house.until(lambda: all(delivered(house, job_id) == STATES for job_id in jobs), 60)
        assert events(up) == STATES
        ids = [one["id"] for one in bodies(receiver) if one["event"] == "job.running"]
        assert len(ids) >= 2
        assert len(set(ids)) == 1, "a repetition can be told by its id"
    finally:
        up.close()


def test_a_receiver_that_leads_to_the_metadata_address_is_refused_and_recorded(
    house: ServingHouse, receiver: MoodyReceiver, hopper_path: Path
) -> None:
    receiver.mood = "redirecting"
    job_id = submit(house, hopper_path, receiver.port)
    house.until(lambda: told(house, job_id) == [(event, "refused") for event in STATES], 60)
    assert is_done(house, job_id)
    assert events(receiver) == STATES
