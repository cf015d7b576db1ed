"""A real server, a real worker, a real receiver of OTLP: one trace from HTTP to the stages of the models."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.tasks.test_face_jobs import moving
from tests.otlp_receiver import OtlpReceiver, otlp_receiver
from tests.serving_house import ServingHouse, serving

CALLERS = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def receiver() -> Iterator[OtlpReceiver]:
    with otlp_receiver() as listening:
        yield listening


@pytest.fixture(scope="module")
def house(receiver: OtlpReceiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingHouse]:
    settings = {
        "STEADFAST_FACES__ENGINE": "embedded",
        "STEADFAST_RUNTIME__WORKERS": "1",
        "STEADFAST_RUNTIME__SPARES": "0",
        "STEADFAST_TELEMETRY__TRACES": "true",
        "STEADFAST_TELEMETRY__OTLP_URL": receiver.url,
        "STEADFAST_TELEMETRY__OTLP_HEADERS": "authorization=Bearer hush-hush",
    }
    with serving(tmp_path_factory.mktemp("traced") / "data", settings, spares=0) as running:
        yield running


def test_a_request_is_one_trace_down_to_the_stages_in_the_worker(
    house: ServingHouse, receiver: OtlpReceiver, collins_path: Path, hopper_path: Path
) -> None:
    files = {"source": collins_path.read_bytes(), "target": hopper_path.read_bytes()}
    answer = house.client.post("/v1/swap", files=files)
    assert answer.status_code == 200, answer.text
    trace_id = answer.headers["traceparent"][3:35]
    spans = receiver.await_span(trace_id, "POST /v1/swap")
    assert {"receive", "worker", "decode", "analyse", "swap", "encode"} <= set(spans)
    root, worker = spans["POST /v1/swap"], spans["worker"]
    assert worker.parent_span_id == root.span_id
    for stage in ("decode", "analyse", "swap", "encode"):
        assert spans[stage].parent_span_id == worker.span_id
        assert worker.start_time_unix_nano <= spans[stage].start_time_unix_nano
        assert spans[stage].end_time_unix_nano <= worker.end_time_unix_nano
    assert root.start_time_unix_nano <= worker.start_time_unix_nano
    assert worker.end_time_unix_nano <= root.end_time_unix_nano
    assert receiver.resources[0]["service.name"] == "steadfast"
    assert receiver.headers[0]["authorization"] == "Bearer hush-hush"
    _is_in_exemplars(house, trace_id)


def _is_in_exemplars(house: ServingHouse, trace_id: str) -> None:
    for log in ("stdout.log", "stderr.log"):
        assert "hush-hush" not in (house.data_dir / log).read_text()
    scraped = house.client.get("/metrics", headers={"Accept": "application/openmetrics-text"}).text
    assert f'trace_id="{trace_id}"' in scraped


def test_a_job_goes_on_with_the_trace_it_was_submitted_in(
    house: ServingHouse, receiver: OtlpReceiver, collins_path: Path, hopper_path: Path
) -> None:
    files = {"source": collins_path.read_bytes(), "target": hopper_path.read_bytes()}
    answer = house.client.post("/v1/jobs", files=files, headers={"traceparent": CALLERS})
    assert answer.status_code == 202, answer.text
    spans = receiver.await_span(CALLERS[3:35], "job")
    submitted, job = spans["POST /v1/jobs"], spans["job"]
    assert submitted.parent_span_id.hex() == CALLERS[36:52]
    assert job.parent_span_id == submitted.span_id
    for step in ("job plan", "job segment", "job join"):
        assert spans[step].parent_span_id == job.span_id
        assert job.start_time_unix_nano <= spans[step].start_time_unix_nano
        assert spans[step].end_time_unix_nano <= job.end_time_unix_nano
    labels = house.client.get(f"/v1/jobs/{answer.json()['id']}").json()["labels"]
    assert labels == {}


def test_every_segment_of_a_video_is_in_the_trace_of_its_job_with_its_stages(
    house: ServingHouse, receiver: OtlpReceiver, tmp_path: Path, collins_path: Path, hopper_path: Path
) -> None:
    clip = moving(collins_path, tmp_path / "clip.mp4", 24)
    files: list[Any] = [("source", hopper_path.read_bytes()), ("target", (clip.name, clip.read_bytes()))]
    trace = "3" * 32
    answer = house.client.post(
        "/v1/jobs", files=files, data={"segment_s": "1"}, headers={"traceparent": f"00-{trace}-{'4' * 16}-01"}
    )
    assert answer.status_code == 202, answer.text
    job = receiver.await_span(trace, "job")["job"]
    every = receiver.all_of_trace(trace)
    segments = [span for span in every if span.name == "job segment"]
    assert len(segments) > 1
    for segment in segments:
        assert segment.parent_span_id == job.span_id
        stages = {span.name for span in every if span.parent_span_id == segment.span_id}
        assert {"decode", "analyse", "swap", "encode"} <= stages


def test_the_lines_of_a_request_name_its_trace(house: ServingHouse, collins_path: Path) -> None:
    trace = "5" * 32
    files = {"source": collins_path.read_bytes(), "target": collins_path.read_bytes()}
    headers = {"traceparent": f"00-{trace}-{'6' * 16}-01"}
    assert house.client.post("/v1/swap", files=files, headers=headers).status_code == 200

    def lines() -> list[dict[str, Any]]:
        text = (house.data_dir / "stdout.log").read_text()
        found = [json.loads(line) for line in text.splitlines() if line.startswith('{"timestamp')]
        return [line for line in found if line.get("trace_id") == trace]

    house.until(lambda: {"request_started", "request_ended"} <= {line["event"] for line in lines()})


def test_a_caller_that_is_not_recorded_costs_no_span(
    house: ServingHouse, receiver: OtlpReceiver, hopper_path: Path
) -> None:
    unrecorded = f"00-{'1' * 32}-{'2' * 16}-00"
    answer = house.client.post(
        "/v1/faces", content=hopper_path.read_bytes(), headers={"traceparent": unrecorded}
    )
    assert answer.status_code == 200
    later = house.client.post("/v1/faces", content=hopper_path.read_bytes())
    receiver.await_span(later.headers["traceparent"][3:35], "POST /v1/faces")
    assert receiver.of_trace("1" * 32) == {}
