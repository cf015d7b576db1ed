"""Durations and memory are read from the lines of many servers."""

import json

import pytest

from steadfast.health.log_diagnosis.log_line import read_line
from steadfast.health.log_diagnosis.request_samples import SAMPLE_LITERALS, sample_of


@pytest.mark.parametrize(
    ("line", "request_class", "total_ms"),
    [
        (
            '1.2.3.4 - - [20/Nov/2026:11:12:13 +0000] "POST /predict HTTP/1.1" 200 512 "-" "curl/8" rt=0.345',
            "/predict",
            345,
        ),
        (
            '1.2.3.4 - - [20/Nov/2026:11:12:13 +0000] "POST /predict HTTP/1.1" 200 512 "-" "curl/8" 0.345',
            "/predict",
            345,
        ),
        (
            "[INFO] 1.2.3.4:5 (method=POST,path=/classify,length=9) (status=200,length=2) 12.5ms (trace=1)",
            "/classify",
            12.5,
        ),
        ('[GIN] 2026/11/20 - 11:12:13 | 200 |  1.5s |  127.0.0.1 | POST     "/api/chat"', "/api/chat", 1500),
        (
            'ACCESS_LOG - /127.0.0.1:4242 "POST /predictions/resnet HTTP/1.1" 200 63',
            "/predictions/resnet",
            63,
        ),
        ("INFO replica m#1 x -- POST /jobs/1234/frames/77 200 41.7ms", "/jobs/*/frames/*", 41.7),
        ("INFO POST /predict 200 took 210 ms", "/predict", 210),
        ("INFO task done, elapsed=1.25", "requests", 1250),
    ],
)
def test_access_lines_tell_class_and_duration(line: str, request_class: str, total_ms: float) -> None:
    sample = sample_of(read_line(line))
    assert sample is not None
    assert sample.request_class == request_class
    assert sample.total_ms == pytest.approx(total_ms)
    assert any(literal in line.lower().encode() for literal in SAMPLE_LITERALS)


def test_our_own_lines_tell_where_the_time_went_and_how_much_work_it_was() -> None:
    fields = {
        "event": "request_ended",
        "task": "face_swap",
        "pixels": 2_073_600,
        "faces": 2,
        "engine": "standard",
    }
    fields |= {
        "queue_ms": 3.5,
        "infer_ms": 40.0,
        "total_ms": 50.0,
        "worker": "cpu:0-1",
        "device_mem_mb": 900.0,
    }
    sample = sample_of(read_line(json.dumps(fields)))
    assert sample is not None
    assert (sample.total_ms, sample.infer_ms, sample.queue_ms) == (50.0, 40.0, 3.5)
    assert (sample.process, sample.device_mb, sample.resident_mb) == ("cpu:0-1", 900.0, None)
    assert sample.request_class.startswith("face_swap standard pixels≈")
    twice = sample_of(read_line(json.dumps(fields | {"pixels": 8_294_400})))
    near = sample_of(read_line(json.dumps(fields | {"pixels": 2_000_000})))
    assert twice is not None
    assert near is not None
    assert twice.request_class != sample.request_class == near.request_class


@pytest.mark.parametrize(
    ("line", "resident_mb"),
    [
        ("worker pid=71 rss=512MB", 512),
        ("RSS: 1.5 GiB (worker 3)", 1610.6),
        ('{"pid": 71, "rss_bytes": 512000000}', 512),
        ("[INFO ] pool-3-thread-1 TS_METRICS - MemoryUsed.Megabytes:5112.4|#Level:Host", 5112.4),
    ],
)
def test_lines_tell_of_memory(line: str, resident_mb: float) -> None:
    sample = sample_of(read_line(line))
    assert sample is not None
    assert sample.resident_mb == pytest.approx(resident_mb, rel=1e-3)


@pytest.mark.parametrize(
    "line",
    [
        'INFO: 127.0.0.1:1 - "POST /predict HTTP/1.1" 200 OK',
        '1.2.3.4 - - [x] "GET /healthz HTTP/1.1" 200 2 "-" "kube-probe/1.3" 0.001',
        '1.2.3.4 - - [x] "POST /predict HTTP/1.1" 503 512 "-" "curl/8" 0.001',
        '{"event": "request_slow", "total_ms": 9000, "task": "face_swap"}',
        '{"event": "request_ended", "total_ms": 9, "status": 422}',
        '{"event": "request_ended", "total_ms": -1}',
        '{"event": "request_ended", "total_ms": "many"}',
        "INFO timeout set to 30 s",
        "memory 61% used",
        "",
    ],
)
def test_other_lines_tell_of_no_request(line: str) -> None:
    assert sample_of(read_line(line)) is None
