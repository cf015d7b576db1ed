"""A scrape shows what has happened, and nothing that was not declared."""

import dataclasses
import inspect
import random
import string
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from tests.unit.observability.metrics.surroundings import (
    TASK,
    TRACE,
    ended,
    metrics,
    reading,
    snapshot,
    worker,
)

from steadfast import events
from steadfast.admission import events as admission_events
from steadfast.admission.keys import utc_now
from steadfast.errors import Severity
from steadfast.events import Event, FrequentEvent, publish
from steadfast.health import events as health_events
from steadfast.health.incidents import Change, Incident
from steadfast.jobs import events as job_events
from steadfast.jobs.job import Cost, StepKind
from steadfast.observability import quality, requests
from steadfast.observability.metrics.family import Family, Kind
from steadfast.observability.metrics.service_metrics import FAMILIES, ServiceMetrics
from steadfast.readings import QualityReading
from steadfast.runtime import events as runtime_events
from steadfast.runtime.events import (
    BreakerChanged,
    SpareTookOver,
    WorkerDied,
    WorkerLoaded,
    WorkerLogged,
    WorkerStateChanged,
)
from steadfast.runtime.exit_reason import Cause, ExitReport, KillReason
from steadfast.runtime.states import WorkerState

MODULES = (admission_events, health_events, job_events, quality, runtime_events, requests)


@pytest.fixture
def measured(tmp_path: Path) -> Iterator[ServiceMetrics]:
    it = metrics(tmp_path)
    it.start()
    yield it
    it.stop()


def value(measured: ServiceMetrics, name: str, **labels: str) -> float | None:
    return measured.registry.get_sample_value(name, labels)


def death(cause: Cause = Cause.SIGNALLED, **more: Any) -> WorkerDied:
    report = ExitReport(pid=1, cause=cause, **more)
    return WorkerDied(task=TASK, worker="w", report=report, wanted=False)


# --- bounds ---------------------------------------------------------------------------------------------


PLAIN: dict[type, Callable[[random.Random], object]] = {
    bool: lambda rng: rng.random() < 0.5,
    int: lambda rng: rng.randrange(1000),
    float: lambda rng: rng.random() * 10,
    str: lambda rng: "".join(rng.choices(string.printable, k=12)),
}


def anything(kind: Any, rng: random.Random) -> Any:
    """A value of that type that nobody has seen before."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return rng.choice(list(kind))
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return made(kind, rng)
    if kind in PLAIN:
        return PLAIN[kind](rng)
    if "Mapping" in str(kind):
        return {"model": anything(str, rng), "load_s": rng.random()}
    if "tuple" in str(kind):
        return ()
    return next((anything(one, rng) for one in getattr(kind, "__args__", ()) if one is not type(None)), None)


def made(kind: Any, rng: random.Random) -> Any:
    hints = get_type_hints(kind)
    names = (
        kind.__struct_fields__
        if issubclass(kind, msgspec.Struct)
        else [field.name for field in dataclasses.fields(kind)]
    )
    return kind(**{name: anything(hints[name], rng) for name in names})


def every_event() -> list[type]:
    return [
        kind
        for module in MODULES
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Event | FrequentEvent)
        and kind.__module__ == module.__name__
        and not kind.__subclasses__()
    ]


def base_name(family: Family) -> str:
    return family.name.removesuffix("_total") if family.kind is Kind.COUNTER else family.name


def test_no_event_whatever_it_says_makes_more_series_than_its_family_promises(tmp_path: Path) -> None:
    rng = random.Random(1)

    def incident() -> Incident:
        return Incident(
            id="i",
            kind=anything(str, rng),
            severity=Severity.ERROR,
            subject="s",
            evidence=("e",),
            detected_at=utc_now(),
        )

    it = metrics(
        tmp_path,
        snapshot=lambda: snapshot(*(worker(n, slot=anything(str, rng)) for n in range(50))),
        readings=lambda: [reading(anything(str, rng), anything(str, rng)) for _ in range(50)],
        open_incidents=lambda: [incident() for _ in range(50)],
        answers=lambda: {(anything(str, rng), rng.randrange(10_000)): 1 for _ in range(50)},
    )
    it.start()
    kinds = every_event()
    assert len(kinds) >= 25
    for kind in kinds:
        for _ in range(60):
            publish(made(kind, rng))
    bounds = {base_name(family): family.bound for family in FAMILIES}
    for _ in range(20):
        seen = list(it.registry.collect())
    it.stop()
    for metric in seen:
        series = {tuple(sorted((k, v) for k, v in s.labels.items() if k != "le")) for s in metric.samples}
        assert len(series) <= bounds[metric.name], metric.name
        for sample in metric.samples:
            assert all(len(text) <= 80 and text.isprintable() for text in sample.labels.values())


def test_every_family_that_is_shown_was_declared_with_its_labels(measured: ServiceMetrics) -> None:
    declared = {base_name(family): family for family in FAMILIES}
    publish(ended())
    publish(WorkerStateChanged(task=TASK, worker="w", pid=1, before=None, after=WorkerState.STARTING))
    shown = {metric.name: metric for metric in measured.registry.collect()}
    assert shown.keys() == declared.keys()
    for name, metric in shown.items():
        assert metric.type == declared[name].kind.value
        for sample in metric.samples:
            assert set(sample.labels) - {"le"} == set(declared[name].label_names), name


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_names_keep_to_the_conventions(family: Family) -> None:
    assert family.name.startswith("steadfast_")
    assert family.name.endswith("_total") == (family.kind is Kind.COUNTER)
    assert not any(unit in family.name.split("_") for unit in ("ms", "milliseconds", "mb", "percent"))
    assert family.meaning.endswith(".")
    assert bool(family.buckets) == (family.kind is Kind.HISTOGRAM)


# --- what is counted ------------------------------------------------------------------------------------


def test_an_answered_request_is_counted_by_outcome_engine_size_and_stage(measured: ServiceMetrics) -> None:
    publish(ended(predicted_s=0.03))
    labels = {"task": TASK, "outcome": "ok", "engine": "standard"}
    assert value(measured, "steadfast_requests_total", **labels) == 1
    duration = "steadfast_request_duration_seconds"
    assert value(measured, f"{duration}_count", **labels, size_class="medium") == 1
    assert value(measured, f"{duration}_bucket", **labels, size_class="medium", le="0.04") == 0
    assert value(measured, f"{duration}_bucket", **labels, size_class="medium", le="0.06") == 1
    stage = "steadfast_request_stage_seconds_sum"
    took = [
        value(measured, stage, task=TASK, stage=one) for one in ("queue", "decode", "inference", "encode")
    ]
    assert took == [0.01, 0.01, 0.02, 0.01]
    assert value(measured, "steadfast_faces_found_total", task=TASK) == 2
    assert value(measured, "steadfast_predicted_work_seconds_total", task=TASK) == 0.03
    assert value(measured, "steadfast_actual_work_seconds_total", task=TASK) == 0.04
    assert value(measured, "steadfast_identity_similarity_count", engine="standard") == 1


def test_frames_and_faces_of_jobs_count_as_those_of_requests_do(measured: ServiceMetrics) -> None:
    publish(
        job_events.StepFinished(
            job_id="j",
            owner="k",
            task=TASK,
            item=0,
            kind=StepKind.SEGMENT,
            number=0,
            cost=Cost(frames=96, faces=120),
            worker="w",
            took_s=2.0,
        )
    )
    publish(ended())
    assert value(measured, "steadfast_frames_processed_total", task=TASK, engine="") == 96
    assert value(measured, "steadfast_frames_processed_total", task=TASK, engine="standard") == 1
    assert value(measured, "steadfast_faces_found_total", task=TASK) == 120 + 2


def test_a_refused_request_is_counted_and_its_stages_are_not(measured: ServiceMetrics) -> None:
    publish(ended(status=503, code="overloaded", engine="", pixels=0.0))
    assert value(measured, "steadfast_requests_total", task=TASK, outcome="shed", engine="") == 1
    assert value(measured, "steadfast_request_stage_seconds_count", task=TASK, stage="queue") is None


def test_the_trace_of_a_request_stands_beside_its_bucket(measured: ServiceMetrics) -> None:
    publish(ended(traceparent=TRACE))
    kind, body = measured.expose("application/openmetrics-text; version=1.0.0")
    assert kind.startswith(b"application/openmetrics-text")
    families = {one.name: one for one in text_string_to_metric_families(body.decode())}  # type: ignore[no-untyped-call]
    samples = families["steadfast_request_duration_seconds"].samples
    exemplars = [sample.exemplar.labels for sample in samples if sample.exemplar]
    assert exemplars == [{"trace_id": "0af7651916cd43dd8448eb211c80319c"}]


@pytest.mark.parametrize("sent", ["x" * 55, '00-"} 1 # {evil="1234567890123456789"-b7ad6b7169203331-01'])
def test_a_trace_that_is_none_is_passed_over(measured: ServiceMetrics, sent: str) -> None:
    publish(ended(traceparent=sent))
    assert b"trace_id" not in measured.expose("application/openmetrics-text")[1]


def test_prometheus_own_text_is_answered_to_whoever_does_not_know_openmetrics(
    measured: ServiceMetrics,
) -> None:
    kind, body = measured.expose("text/html")
    assert kind.startswith(b"text/plain")
    assert b"# EOF" not in body


def test_deaths_are_told_apart_by_cause_and_takeovers_by_their_time(measured: ServiceMetrics) -> None:
    publish(death())
    publish(death(Cause.KILLED, kill_reason=KillReason.STALL))
    publish(SpareTookOver(task=TASK, slot="cpu:0", worker="w", empty_s=0.02))
    deaths = "steadfast_worker_deaths_total"
    assert value(measured, deaths, task=TASK, cause="signalled", wanted="false") == 1
    assert value(measured, deaths, task=TASK, cause="stall", wanted="false") == 1
    assert value(measured, "steadfast_takeover_seconds_sum", task=TASK) == 0.02


def test_counters_of_a_task_begin_at_zero_so_that_the_first_death_is_an_increase(
    measured: ServiceMetrics,
) -> None:
    publish(WorkerStateChanged(task=TASK, worker="w", pid=1, before=None, after=WorkerState.STARTING))
    for cause in ("signalled", "stall", "out_of_memory"):
        assert value(measured, "steadfast_worker_deaths_total", task=TASK, cause=cause, wanted="false") == 0
    assert value(measured, "steadfast_requests_total", task=TASK, outcome="error", engine="") == 0
    assert value(measured, "steadfast_worker_starts_total", task=TASK) == 1


def test_loads_are_told_apart_by_why_they_were_needed(measured: ServiceMetrics) -> None:
    first = WorkerLoaded(task=TASK, worker="w", level=0, load_s=1.0, is_first=True)
    publish(first)
    publish(death())
    publish(first)
    publish(dataclasses.replace(first, is_first=False))
    loads = [
        value(measured, "steadfast_worker_loads_total", task=TASK, why=why)
        for why in ("start", "replacement", "again")
    ]
    assert loads == [1, 1, 1]


def test_a_model_that_a_worker_loads_once_more_is_a_reload(measured: ServiceMetrics) -> None:
    said = WorkerLogged(
        task=TASK, worker="w", kind="model_loaded", severity="", fields={"model": "yunet", "load_s": 0.5}
    )
    publish(said)
    publish(said)
    publish(death())
    publish(said)
    loads = "steadfast_model_loads_total"
    assert value(measured, loads, model="yunet", which="first") == 2
    assert value(measured, loads, model="yunet", which="again") == 1


def test_a_breaker_that_opens_is_counted_and_one_that_closes_is_not(measured: ServiceMetrics) -> None:
    for state in ("open", "half_open", "closed"):
        publish(BreakerChanged(task=TASK, state=state))
    assert value(measured, "steadfast_breaker_opened_total", task=TASK) == 1


def test_an_incident_is_counted_when_it_begins(measured: ServiceMetrics) -> None:
    for change in Change:
        publish(
            health_events.IncidentMoved(
                incident="i", kind="worker_died", severity=Severity.ERROR, change=change
            )
        )
    assert value(measured, "steadfast_incidents_total", kind="worker_died", severity="error") == 1


def test_a_measured_result_is_counted_by_what_was_promised(measured: ServiceMetrics) -> None:
    publish(
        quality.QualityMeasured(
            task=TASK,
            engine="neural",
            reading=QualityReading.FLICKER,
            value=1.2,
            verdict=quality.Verdict.MISSED,
        )
    )
    labels = {"engine": "neural", "reading": "flicker"}
    assert value(measured, "steadfast_quality_readings_total", **labels, verdict="missed") == 1
    assert value(measured, "steadfast_quality_latest", **labels) == 1.2
    assert value(measured, "steadfast_quality_flicker_ratio_sum", engine="neural") == 1.2


def test_alerts_that_do_not_arrive_are_told_apart(measured: ServiceMetrics) -> None:
    publish(health_events.AlertNotDelivered(channel="slack", attempts=1, is_kept=True))
    publish(health_events.AlertDelivered(channel="slack", attempts=2))
    sent = "steadfast_alert_deliveries_total"
    results = [
        value(measured, sent, channel="slack", result=one) for one in ("delivered", "delayed", "given_up")
    ]
    assert results == [1, 1, 0]


def test_workers_are_named_by_their_place_so_that_their_names_never_pile_up(
    measured: ServiceMetrics,
) -> None:
    resident = "steadfast_worker_resident_memory_bytes"
    assert value(measured, resident, task=TASK, worker="cpu:0") == 1000
    assert value(measured, resident, task=TASK, worker="spare:0") == 1000


def test_devices_are_shown_as_the_driver_last_told_and_absent_where_there_is_none(
    measured: ServiceMetrics, tmp_path: Path
) -> None:
    assert value(measured, "steadfast_gpu_utilization_ratio", gpu="gpu:0") == 0.5
    assert value(measured, "steadfast_gpu_xid_errors_total", gpu="gpu:0") == 1
    bare = metrics(tmp_path, devices=lambda: [])
    assert value(bare, "steadfast_gpu_utilization_ratio", gpu="gpu:0") is None


def test_what_stops_listening_counts_no_more(measured: ServiceMetrics) -> None:
    measured.stop()
    publish(ended())
    assert value(measured, "steadfast_faces_found_total", task=TASK) is None
    assert not events._subscribers_of_kind.get(requests.RequestEnded)
