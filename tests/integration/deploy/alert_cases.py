"""For each alert, what the world looks like when it must be silent, fire, and be silent again."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from deploy.prometheus.objectives import OBJECTIVES, PAIRS, Objective, Pair

HERE = 'environment="test", instance="a:1", job="steadfast"'
TASK = f'{HERE}, task="face_swap"'


@dataclass(frozen=True, kw_only=True)
class Series:
    """One series in three phases: before, during and after the trouble."""

    name: str
    """With its labels."""
    before: float
    during: float
    after: float
    is_counter: bool = False
    """Whether the three are increases per step."""
    start: float = 0.0
    """Of a counter."""

    def values(self, steps: Sequence[int]) -> str:
        """As promtool reads them."""
        found: list[float] = []
        total = self.start
        for value, count in zip((self.before, self.during, self.after), steps, strict=True):
            for _ in range(count):
                total += value
                found.append(total if self.is_counter else value)
        return " ".join(f"{value:g}" if value < 1e6 else f"{value:.1f}" for value in found)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One alert."""

    alert: str
    series: Sequence[Series]
    steps: Sequence[int] = (20, 40, 40)
    """Of each phase; the alert is looked for at the end of each."""
    step_min: int = 1
    labels: str = ""
    """Of the alert, beside its name."""
    tag: str = field(default="")
    """Where one alert has several."""

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.alert}{self.tag}"


def gauge(name: str, before: float, during: float, after: float | None = None) -> Series:
    """A value that is bad for a while."""
    return Series(name=name, before=before, during=during, after=before if after is None else after)


def counter(name: str, before: float, during: float, after: float | None = None) -> Series:
    """Increases per step."""
    after = before if after is None else after
    return Series(name=name, before=before, during=during, after=after, is_counter=True)


def _case(alert: str, *series: Series, **more: object) -> Case:
    return Case(alert=alert, series=series, **more)  # type: ignore[arg-type]


GPU = f'{HERE}, gpu="gpu:0"'
WAITING = (
    gauge(f'steadfast_queue_depth{{{TASK}, priority="interactive"}}', 0, 2, 2),
    gauge(f"steadfast_task_waiting{{{TASK}}}", 0, 0),
    gauge(f"steadfast_task_busy_workers{{{TASK}}}", 0, 1),
)
_LATENCY = f'steadfast_request_duration_seconds_bucket{{{TASK}, outcome="ok", engine="standard"'

THRESHOLD_CASES: Sequence[Case] = (
    _case("SteadfastGpuSaturated", gauge(f"steadfast_gpu_utilization_ratio{{{GPU}}}", 0.94, 0.97)),
    _case(
        "SteadfastLatencyHigh",
        counter(f'{_LATENCY}, size_class="small", le="0.6"}}', 10, 8),
        counter(f'{_LATENCY}, size_class="small", le="0.8"}}', 10, 8),
        counter(f'{_LATENCY}, size_class="small", le="3.0"}}', 10, 10),
        counter(f'{_LATENCY}, size_class="small", le="+Inf"}}', 10, 10),
    ),
    _case(
        "SteadfastModelsReloading",
        counter(f'steadfast_worker_loads_total{{{TASK}, why="replacement"}}', 0, 0.5),
        counter(f'steadfast_worker_loads_total{{{TASK}, why="start"}}', 2, 2),
        steps=(20, 60, 70),
    ),
    _case(
        "SteadfastModelsReloading",
        counter(f'steadfast_model_loads_total{{{HERE}, model="yunet", which="again"}}', 0, 0.5),
        counter(f'steadfast_model_loads_total{{{HERE}, model="yunet", which="first"}}', 1, 1),
        steps=(20, 60, 70),
        tag=" by model",
    ),
    _case(
        "SteadfastDeviceMemoryHigh",
        gauge(f"steadfast_gpu_memory_used_bytes{{{GPU}}}", 84, 86),
        gauge(f"steadfast_gpu_memory_total_bytes{{{GPU}}}", 100, 100),
    ),
    _case("SteadfastMemoryHigh", gauge(f"steadfast_memory_used_ratio{{{HERE}}}", 0.89, 0.93)),
    _case(
        "SteadfastWorkerCrashLoop",
        counter(f'steadfast_worker_deaths_total{{{TASK}, cause="signalled", wanted="false"}}', 0.2, 2),
        counter(f'steadfast_worker_deaths_total{{{TASK}, cause="exited", wanted="true"}}', 5, 5),
    ),
    _case("SteadfastBreakerOpen", gauge(f'steadfast_breaker_state{{{TASK}, state="closed"}}', 1, 0)),
    _case(
        "SteadfastQueueAge",
        gauge(f'steadfast_queue_age_seconds{{{TASK}, priority="interactive"}}', 9, 11),
        gauge(f'steadfast_queue_age_seconds{{{TASK}, priority="batch"}}', 500, 500),
    ),
    _case(
        "SteadfastDeadlock",
        counter(f'steadfast_worker_cpu_seconds_total{{{TASK}, worker="cpu:0"}}', 6, 0),
        *WAITING,
    ),
    _case(
        "SteadfastDeadlock",
        counter(f'steadfast_worker_cpu_seconds_total{{{TASK}, worker="cpu:0"}}', 0, 0, 6),
        *WAITING,
        tag=" but idle before",
    ),
    _case(
        "SteadfastDiskFillsIn4h",
        replace(counter(f'steadfast_disk_free_bytes{{{HERE}, disk="data"}}', 0, -3, 0.0), start=400.0),
        gauge(f'steadfast_disk_size_bytes{{{HERE}, disk="data"}}', 1000, 1000),
        steps=(60, 60, 90),
    ),
    _case(
        "SteadfastScratchHigh",
        gauge(f"steadfast_scratch_used_bytes{{{HERE}}}", 79, 81),
        gauge(f"steadfast_scratch_quota_bytes{{{HERE}}}", 100, 100),
    ),
    _case(
        "SteadfastWorkUnserved",
        gauge(f'steadfast_cluster_unserved_steps{{{HERE}, capability="cuda", priority="normal"}}', 0, 3),
    ),
    _case("SteadfastJobStuck", gauge(f"steadfast_job_checkpoint_age_seconds{{{HERE}}}", 590, 700)),
    _case(
        "SteadfastThroughputFallen",
        counter(f'steadfast_requests_total{{{TASK}, outcome="ok", engine="standard"}}', 60, 6, 60),
        *WAITING,
        steps=(60, 25, 40),
    ),
    _case(
        "SteadfastInstancesUnbalanced",
        counter(f'steadfast_requests_total{{{TASK}, outcome="ok", engine="standard"}}', 60, 100, 60),
        counter(
            'steadfast_requests_total{environment="test", instance="b:1", job="steadfast", task="face_swap", '
            'outcome="ok", engine="standard"}',
            50,
            10,
        ),
    ),
    _case(
        "SteadfastCapabilityFailing",
        gauge(f'steadfast_probe_status{{{HERE}, probe="task_proof", subject="face_swap"}}', 3, 4),
        gauge(f'steadfast_probe_status{{{HERE}, probe="disk_space", subject="data"}}', 4, 4),
    ),
    _case("SteadfastNoData", gauge(f"up{{{HERE}}}", 1, 0)),
    _case(
        "SteadfastWorkersMissing",
        gauge(f"steadfast_task_able_workers{{{TASK}}}", 2, 1),
        gauge(f"steadfast_task_wanted_workers{{{TASK}}}", 2, 2),
    ),
    _case("SteadfastGpuErrors", counter(f"steadfast_gpu_xid_errors_total{{{GPU}}}", 0, 0.2)),
    _case("SteadfastGpuErrors", counter(f"steadfast_gpu_ecc_errors_total{{{GPU}}}", 0, 0.2), tag=" ECC"),
    _case(
        "SteadfastAlertsUndelivered",
        counter(f'steadfast_alert_deliveries_total{{{HERE}, channel="slack", result="delayed"}}', 0, 1),
    ),
    _case(
        "SteadfastAlertsUndelivered",
        counter(f'steadfast_alert_deliveries_total{{{HERE}, channel="slack", result="given_up"}}', 0, 0.1),
        steps=(20, 40, 80),
        tag=" given up",
    ),
)


def _requests(outcome: str, before: float, during: float) -> Series:
    return counter(f'steadfast_requests_total{{{TASK}, outcome="{outcome}", engine=""}}', before, during)


def _histogram(family: str, bound: str, labels: str) -> list[Series]:
    return [
        counter(f'{family}_bucket{{{TASK}, {labels}le="{bound}"}}', 1000, 0, 1000),
        counter(f"{family}_count{{{TASK}, {labels.rstrip(', ')}}}", 1000, 1000),
    ]


_OF_REQUESTS = 'outcome="ok", engine="standard", size_class="small", '
_SPENT: dict[str, Sequence[Series]] = {
    "availability": [_requests("ok", 1000, 500), _requests("shed", 0.4, 500)],
    "success": [_requests("ok", 1000, 500), _requests("error", 2, 500), _requests("shed", 500, 500)],
    "latency_p90": _histogram("steadfast_request_duration_seconds", "0.8", _OF_REQUESTS),
    "latency_p99": _histogram("steadfast_request_duration_seconds", "3.0", _OF_REQUESTS),
    "turnaround": _histogram("steadfast_job_duration_seconds", "900.0", 'state="succeeded", '),
    "durability": [
        counter(f"steadfast_jobs_lost_total{{{TASK}}}", 0, 1, 0),
        counter(f"steadfast_jobs_submitted_total{{{TASK}}}", 100, 100),
    ],
    "takeover": _histogram("steadfast_takeover_seconds", "0.25", ""),
    "quality": [
        counter(
            f'steadfast_quality_readings_total{{{HERE}, engine="neural", reading="flicker", '
            f'verdict="{verdict}"}}',
            before,
            during,
        )
        for verdict, before, during in (("met", 1000, 0), ("missed", 20, 1000), ("not_judged", 500, 500))
    ],
    "identity": [
        counter(f'steadfast_identity_similarity_bucket{{{HERE}, engine="neural", le="0.85"}}', 20, 990, 20),
        counter(f'steadfast_identity_similarity_count{{{HERE}, engine="neural"}}', 1000, 1000),
    ],
}
_MINUTES = {"5m": 5, "30m": 30, "1h": 60, "6h": 360, "3d": 3 * 1440}


def _burn(objective: Objective, pair: Pair) -> Case:
    step_min = 5 if pair.long == "3d" else 1
    long, short = (_MINUTES[window] // step_min for window in (pair.long, pair.short))
    return Case(
        alert=objective.alert,
        series=_SPENT[objective.name],
        steps=(30, long + 10, short + 10),
        step_min=step_min,
        labels=f'window="{pair.long}"',
        tag=f" {pair.long}",
    )


CASES: Sequence[Case] = (
    *THRESHOLD_CASES,
    *(_burn(objective, pair) for objective in OBJECTIVES for pair in PAIRS),
)
