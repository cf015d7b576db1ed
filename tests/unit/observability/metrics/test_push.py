"""A run's figures reach a receiver in the form that it reads, and hold no name of a file."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.http_receiver import Hook

from steadfast.errors import InvalidOption, ServiceUnreachable
from steadfast.observability.metrics.batch_metrics import batch_registry
from steadfast.observability.metrics.push import check_push_url, push_metrics

REPORT: dict[str, Any] = {
    "counts": {"done": 2, "skipped": 1, "failed": 1, "not_run": 0},
    "seconds": 3.5,
    "items": [
        {"target": "secret.jpg", "state": "done", "seconds": 0.2, "swap": swap, "error": None}
        for swap in (
            {"engine": "standard", "faces_swapped": 1, "video": None},
            {"engine": "standard", "faces_swapped": 90, "video": {"frames": 100}},
        )
    ]
    + [
        {"target": "secret.mp4", "state": "failed", "seconds": 0.1, "swap": None, "error": {}},
        {"target": "there.jpg", "state": "skipped", "seconds": 0.0, "swap": None, "error": None},
    ],
}


@pytest.fixture
def hook() -> Iterator[Hook]:
    it = Hook()
    yield it
    it.close()


def test_a_report_becomes_figures_without_names() -> None:
    registry = batch_registry(REPORT, ended_at_s=100.0)
    get = registry.get_sample_value
    assert get("steadfast_batch_items", {"state": "done"}) == 2
    assert get("steadfast_batch_frames", {"engine": "standard"}) == 101
    assert get("steadfast_batch_faces_swapped", {"engine": "standard"}) == 91
    assert get("steadfast_batch_item_seconds_count", {"state": "done", "engine": "standard"}) == 2
    assert get("steadfast_batch_item_seconds_count", {"state": "skipped", "engine": ""}) is None
    assert get("steadfast_batch_end_time_seconds") == 100.0


def test_a_collector_is_sent_otlp_with_buckets_of_their_own(hook: Hook) -> None:
    push_metrics(batch_registry(REPORT), f"{hook.url}/v1/metrics", job="j", instance="i")
    path, headers, body = hook.got[0]
    assert (path, headers["Content-Type"]) == ("/v1/metrics", "application/json")
    assert b"secret" not in body
    resource = json.loads(body)["resourceMetrics"][0]
    assert {"key": "service.name", "value": {"stringValue": "j"}} in resource["resource"]["attributes"]
    metrics = {one["name"]: one for one in resource["scopeMetrics"][0]["metrics"]}
    point = metrics["steadfast_batch_item_seconds"]["histogram"]["dataPoints"][0]
    assert len(point["bucketCounts"]) == len(point["explicitBounds"]) + 1
    assert sum(map(int, point["bucketCounts"])) == int(point["count"]) == 2
    assert metrics["steadfast_batch_duration_seconds"]["gauge"]["dataPoints"][0]["asDouble"] == 3.5


def test_a_receiver_that_refuses_is_told_without_its_address(hook: Hook) -> None:
    hook.status = 401
    with pytest.raises(ServiceUnreachable, match="answered 401") as caught:
        push_metrics(batch_registry(REPORT), f"{hook.url}/v1/metrics?token=secret", job="j", instance="i")
    assert "secret" not in str(caught.value)


def test_nobody_listening_is_one_sentence(hook: Hook) -> None:
    url = hook.url
    hook.server.server_close()
    with pytest.raises(ServiceUnreachable):
        push_metrics(batch_registry(REPORT), f"{url}/v1/metrics", job="j", instance="i")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a", "nothing", "http://"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidOption):
        check_push_url(url)
