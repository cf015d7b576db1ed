"""What a running service writes of a request: a line at its start and at its end, and one if it was slow."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.serving_house import FAULTY, ServingHouse, serving

SLOW_MS = 300.0


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingHouse]:
    settings = FAULTY | {"STEADFAST_LOGS__SLOW_MS": str(SLOW_MS), "STEADFAST_RUNTIME__WORKERS": "1"}
    with serving(tmp_path_factory.mktemp("logs"), settings) as house:
        yield house


def lines_of(house: ServingHouse, request_id: str) -> dict[str, dict[str, Any]]:
    """The lines of one request by their event; waits for the last one."""

    def written() -> list[dict[str, Any]]:
        lines = (house.data_dir / "stdout.log").read_text().splitlines()
        return [json.loads(line) for line in lines if f'"request_id":"{request_id}"' in line]

    house.until(lambda: any(line["event"] == "request_ended" for line in written()))
    found = {line["event"]: line for line in written()}
    assert len(found) == len(written())
    return found


def test_an_answer_leaves_two_lines_with_everything_that_is_known_of_it(house: ServingHouse) -> None:
    answer = house.swap()
    lines = lines_of(house, answer.headers["x-request-id"])
    assert lines.keys() == {"request_started", "request_ended"}
    ended = lines["request_ended"]
    assert ended["timestamp"]
    assert (ended["level"], ended["task"], ended["status"]) == ("info", "face_swap", 200)
    assert ended["worker"].startswith("face_swap-")
    assert (ended["engine"], ended["faces"], ended["degraded"]) == ("faulty", 2, [])
    assert 0 <= ended["infer_ms"] <= ended["total_ms"]
    assert ended["queue_ms"] >= 0


def test_a_refusal_tells_who_had_it_and_where_its_time_went(house: ServingHouse) -> None:
    refused = house.swap("no_face")
    ended = lines_of(house, refused.headers["x-request-id"])["request_ended"]
    assert (ended["status"], ended["code"], ended["attempts"]) == (422, "no_face", 1)
    assert ended["worker"].startswith("face_swap-")
    assert 0 < ended["worked_ms"] <= ended["total_ms"]


def test_a_slow_request_is_told_once_more_with_the_reason(house: ServingHouse) -> None:
    slow = house.swap("work", seconds=SLOW_MS / 1000 + 0.1)
    line = lines_of(house, slow.headers["x-request-id"])["request_slow"]
    assert (line["reason"], line["level"]) == ("inference", "warning")
    late = house.swap("work", seconds=30, headers={"X-Deadline-Ms": "400"})
    assert late.status_code == 504
    assert lines_of(house, late.headers["x-request-id"])["request_slow"]["reason"] == "inference"


def test_a_request_that_nobody_let_in_is_told_without_a_worker(house: ServingHouse) -> None:
    refused = house.client.post("/v1/swap", content=b"no form")
    ended = lines_of(house, refused.headers["x-request-id"])["request_ended"]
    assert ended["status"] in (400, 415, 422)
    assert "worker" not in ended
