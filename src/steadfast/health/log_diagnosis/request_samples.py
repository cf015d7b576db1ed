"""What a line tells of one finished request: its kind, how long it took, how much memory was held.

Durations and sizes stand in logs in many ways: as fields of JSON lines, and as text in the access lines of
servers of this kind (uvicorn behind a proxy, gunicorn, nginx, BentoML, TorchServe, Ray Serve, gin).
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from steadfast.health.log_diagnosis.log_line import LogLine

SAMPLE_LITERALS = tuple(
    text.encode()
    for text in (
        *("_ms", "ms)", "ms (", " ms", "duration", "latency", "elapsed", "took", "request_time"),
        *("post /", "http/1", "[gin]"),
        *("rss", "mem_mb", "memory=", "memory:", "memory_", "memoryused"),
    )
)
"""Every line that tells of a duration or of memory holds one of them, in lower case."""

_MS_FIELDS = {
    "total": (
        "total_ms",
        "duration_ms",
        "elapsed_ms",
        "latency_ms",
        "took_ms",
        "response_time_ms",
        "time_ms",
    ),
    "infer": ("infer_ms", "inference_ms", "compute_ms", "worked_ms", "predict_ms"),
    "queue": ("queue_ms", "wait_ms", "waited_ms", "queue_time_ms"),
}
_SECONDS_FIELDS = ("duration_s", "request_time", "duration", "elapsed", "process_time", "latency", "took")
_MB_OF_FIELD = {
    "rss_mb": ("resident", 1.0),
    "memory_mb": ("resident", 1.0),
    "mem_mb": ("resident", 1.0),
    "rss_bytes": ("resident", 1e-6),
    "memory_bytes": ("resident", 1e-6),
    "max_rss_kb": ("resident", 1.024e-3),
    "device_mem_mb": ("device", 1.0),
    "gpu_mem_mb": ("device", 1.0),
    "device_memory_bytes": ("device", 1e-6),
}
_SUBJECT_FIELDS = ("task", "route", "endpoint", "model", "path", "handler", "url", "request_uri")
_SIZE_FIELDS = ("pixels", "text_len", "frames", "input_bytes", "body_bytes", "tokens")
_NOT_AN_END = frozenset({"request_started", "request_slow"})

_REQUEST = re.compile(r"\b(GET|POST|PUT)(?:[ ,]|\s*\"|,path=)+(/[^\s?\",]*)|path=(/[^\s,?]*)")
_STATUS = re.compile(r"(?:\"| |=|\| )([1-5]\d\d)\b")
_WITH_UNIT = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?) ?(ms|milliseconds|µs|us|s|seconds|sec)(?![\w/])")
_NAMED = re.compile(
    r"\b(total|duration|elapsed|latency|took|request_time|rt|time)(_ms|_s|_sec|\.ms)?"
    r"[\"']?[=: ]+[\"']?(\d+(?:\.\d+)?)(?![\w:.-])",
    re.IGNORECASE,
)
_AT_THE_END = re.compile(r"\" [1-5]\d\d (?:.* )?(\d+(?:\.\d+)?)$")
_MEMORY = re.compile(
    r"\b(rss|memory|mem|memoryused|max_rss|vram|gpu_mem)(?:[ _.](used|usage|mb|megabytes))?[\"']?[=: ]+"
    r"(\d+(?:\.\d+)?) ?(GiB|GB|MiB|MB|KiB|kB|bytes)?\b",
    re.IGNORECASE,
)
_PROCESS = re.compile(r"\b(?:pid|worker|process)[=: #\[\"-]{1,3}(\w[\w:.-]*)|\[(\d{2,7})\]", re.IGNORECASE)
_VARYING = re.compile(r"/(?:\d+|[0-9a-f]{8,}|[0-9a-f-]{36})(?=/|$)", re.IGNORECASE)
_TO_MS = {"ms": 1.0, "milliseconds": 1.0, "µs": 1e-3, "us": 1e-3, "s": 1e3, "sec": 1e3, "seconds": 1e3}
_TO_MB = {"gib": 1073.74, "gb": 1e3, "mib": 1.048576, "mb": 1.0, "kib": 1.024e-3, "kb": 1e-3, "bytes": 1e-6}
_PROBES = frozenset(
    {"health", "healthz", "livez", "readyz", "live", "ready", "metrics", "ping", "favicon.ico"}
)
_LEAST_ERROR = 400


@dataclass(frozen=True, slots=True)
class Sample:
    """What one line tells."""

    request_class: str = ""
    """The same for requests that ask for the same amount of the same work; empty: no request."""
    total_ms: float | None = None
    infer_ms: float | None = None
    queue_ms: float | None = None
    process: str = ""
    """Whose memory it is."""
    resident_mb: float | None = None
    device_mb: float | None = None


def sample_of(line: LogLine) -> Sample | None:
    """What the line tells, or None."""
    sample = _of_fields(line.fields) if line.fields else _of_text(line.whole)
    is_empty = sample.total_ms is None and sample.resident_mb is None and sample.device_mb is None
    return None if is_empty else sample


def _of_fields(fields: Mapping[str, Any]) -> Sample:
    memory = {}
    for name, (measure, to_mb) in _MB_OF_FIELD.items():
        if (value := _number(fields.get(name))) is not None:
            memory[measure] = value * to_mb
    process = str(fields.get("worker") or fields.get("pid") or fields.get("process") or "")
    total_ms = None if _is_no_end(fields) else _total_ms(fields)
    return Sample(
        request_class=_class_of_fields(fields) if total_ms is not None else "",
        total_ms=total_ms,
        infer_ms=_of_names(fields, _MS_FIELDS["infer"]) if total_ms is not None else None,
        queue_ms=_of_names(fields, _MS_FIELDS["queue"]) if total_ms is not None else None,
        process=process[:80],
        resident_mb=memory.get("resident"),
        device_mb=memory.get("device"),
    )


def _is_no_end(fields: Mapping[str, Any]) -> bool:
    """Starts, repetitions, probes, and failures, which are quick or slow for reasons of their own."""
    status = fields.get("status") or fields.get("status_code")
    failed = isinstance(status, (int, str)) and str(status).isdigit() and int(status) >= _LEAST_ERROR
    return (
        failed
        or fields.get("event") in _NOT_AN_END
        or _is_probe(str(fields.get("path") or fields.get("route")))
    )


def _total_ms(fields: Mapping[str, Any]) -> float | None:
    total_ms = _of_names(fields, _MS_FIELDS["total"])
    if total_ms is None and (seconds := _of_names(fields, _SECONDS_FIELDS)) is not None:
        return seconds * 1e3
    return total_ms


def _class_of_fields(fields: Mapping[str, Any]) -> str:
    subject = next((str(fields[name]) for name in _SUBJECT_FIELDS if fields.get(name)), "requests")
    parts = [_normalised(subject)]
    if fields.get("engine"):
        parts.append(str(fields["engine"])[:40])
    for name in _SIZE_FIELDS:
        if size := _number(fields.get(name)):
            # Half octaves: the same class means the same work within a fifth.
            parts.append(f"{name}≈{2 ** (round(math.log2(size) * 2) / 2):.3g}")
            break
    if (faces := _number(fields.get("faces"))) is not None:
        parts.append(f"faces={min(faces, 4):.0f}")
    return " ".join(parts)


def _of_text(text: str) -> Sample:
    request = _REQUEST.search(text)
    path = (request[2] or request[3]) if request else ""
    total_ms = None
    if request is None or not (_is_probe(path) or _failed(text, request.end())):
        total_ms = _duration_ms(text, request.end() if request else 0, is_request=request is not None)
    resident_mb = device_mb = None
    process = ""
    if (memory := _MEMORY.search(text)) is not None:
        unit = (memory[4] or memory[2] or "").lower().replace("megabytes", "mb")
        size_mb = float(memory[3]) * _TO_MB[unit] if unit in _TO_MB else None
        is_device = memory[1].lower() in ("vram", "gpu_mem")
        resident_mb, device_mb = (None, size_mb) if is_device else (size_mb, None)
        found = _PROCESS.search(text)
        process = (found[1] or found[2]) if found else ""
    return Sample(
        request_class=_normalised(path) if path and total_ms is not None else "requests",
        total_ms=total_ms,
        process=process,
        resident_mb=resident_mb,
        device_mb=device_mb,
    )


def _failed(text: str, after: int) -> bool:
    status = _STATUS.search(text, after)
    return status is not None and int(status[1]) >= _LEAST_ERROR


def _duration_ms(text: str, after: int, *, is_request: bool) -> float | None:
    if named := _NAMED.search(text, after if is_request else 0):
        unit = (named[2] or "").strip("_.").lower()
        if not unit and (with_unit := _WITH_UNIT.match(text, named.start(3))):
            unit = with_unit[2]
        return float(named[3]) * _TO_MS.get(unit, 1e3 if "." in named[3] else 1.0)
    if not is_request:
        return None
    # Gin puts the duration before the path.
    start = 0 if text.startswith("[GIN]") else after
    if with_unit := _WITH_UNIT.search(text, start):
        return float(with_unit[1]) * _TO_MS[with_unit[2]]
    if (at_end := _AT_THE_END.search(text, max(0, after - 1))) and ("." in at_end[1] or "HTTP" in text):
        # nginx and gunicorn write seconds with a point; TorchServe whole milliseconds right after the status.
        is_size = "." not in at_end[1] and " " in text[at_end.start() + 6 : at_end.start(1)].strip()
        return None if is_size else float(at_end[1]) * (1e3 if "." in at_end[1] else 1.0)
    return None


def _normalised(path: str) -> str:
    return _VARYING.sub("/*", path.partition("?")[0])[:80]


def _is_probe(path: str) -> bool:
    return not _PROBES.isdisjoint(path.lower().split("/"))


def _of_names(fields: Mapping[str, Any], names: Iterable[str]) -> float | None:
    return next((number for name in names if (number := _number(fields.get(name))) is not None), None)


def _number(value: object) -> float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e18:
        return float(value)
    return None
