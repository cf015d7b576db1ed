"""What KEDA is given by the chart, judged by Prometheus and by the arithmetic of the scaler that it feeds."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.deploy_tools import judged_chart
from tests.prometheus_tools import program, told_by

from steadfast.observability.metrics.cluster_metrics import DEMAND, STEPS

STEP_S = 15
TOLERANCE = 0.1
"""The scaler of Kubernetes leaves a difference of that part alone."""
API, GPU, MIG = "shop-steadfast", "shop-steadfast-node-gpu", "shop-steadfast-node-mig"
SET_OF = {API: "gateway", GPU: "production", MIG: "front-and-nodes"}
CORES = {API: 4.0, GPU: 8.0, MIG: 2.5}


@cache
def triggers(deployment: str) -> dict[str, dict[str, Any]]:
    (found,) = [
        one["spec"]["triggers"]
        for one in judged_chart()["sets"][SET_OF[deployment]]["objects"]
        if one["kind"] == "ScaledObject" and one["metadata"]["name"] == deployment
    ]
    return {trigger["name"]: trigger for trigger in found}


@dataclass(frozen=True, kw_only=True)
class World:
    """Pods of a Deployment as Prometheus saw them, the same for each, every fifteen seconds."""

    deployment: str
    pods: int = 2
    cpu: str = ""
    """Part of a pod's cores that was busy, in each minute of a line such as `0.1x60 0.9x5`."""
    gpu: str = ""
    latency_s: str = ""
    namespace: str = "prod"

    @property
    def length_s(self) -> int:
        """From the first to the last look."""
        return max(sum(count for _, count in _phases(line)) * 60 for line in (self.cpu, self.gpu, "1x1"))

    def series(self) -> list[dict[str, str]]:
        """As promtool reads it."""
        found = []
        for number in range(self.pods):
            pod = f'namespace="{self.namespace}",pod="{self.deployment}-7d9f8-x{number}"'
            found.append((f'up{{job="steadfast",{pod}}}', _gauge(f"1x{self.length_s // 60}")))
            if self.gpu:
                found.append((self._gpu_name(pod), _gauge(self.gpu, 100 if self.deployment == MIG else 1)))
            if self.cpu:
                per_look = CORES[self.deployment] * STEP_S  # a tenth in the server, the rest in a worker
                worker = f'{pod},task="t",place="cpu:0"'
                for who, labels, part in (("server", pod, 0.1), ("worker", worker, 0.9)):
                    name = f"steadfast_{who}_cpu_seconds_total{{{labels}}}"
                    found.append((name, _counter(self.cpu, part * per_look)))
            for bound_s in (0.5, 1, 2, 5, "+Inf") if self.latency_s else ():
                below = " ".join(
                    f"{int(value <= float(bound_s))}x{count}" for value, count in _phases(self.latency_s)
                )
                name = f'steadfast_request_duration_seconds_bucket{{{pod},outcome="ok",le="{bound_s}"}}'
                found.append((name, _counter(below, 30)))
        return [{"series": name, "values": values} for name, values in found]

    def _gpu_name(self, pod: str) -> str:
        if self.deployment == MIG:  # the exporter's own pod has the label's plain name
            theirs = pod.replace("pod=", "exported_pod=").replace("namespace=", "exported_namespace=")
            return f'DCGM_FI_DEV_GPU_UTIL{{{theirs},pod="dcgm-exporter-abc",gpu="0"}}'
        return f'steadfast_gpu_utilization_ratio{{{pod},gpu="cuda:0"}}'


def _phases(line: str) -> list[tuple[float, int]]:
    return [(float(value), int(count)) for value, _, count in (part.partition("x") for part in line.split())]


def _gauge(line: str, scale: float = 1.0) -> str:
    looks = [value * scale for value, minutes in _phases(line) for _ in range(minutes * 60 // STEP_S)]
    return " ".join(f"{value:g}" for value in looks)


def _counter(line: str, per_look: float) -> str:
    total, seen = 0.0, []
    for value, minutes in _phases(line):
        for _ in range(minutes * 60 // STEP_S):
            total += value * per_look
            seen.append(total)
    return " ".join(f"{value:.6g}" if value < 1e5 else f"{value:.1f}" for value in seen)


def wanted(trigger: dict[str, Any], have: int) -> str:
    """How many pods the scaler wants for a trigger, in the language of the query: its own arithmetic."""
    query, bound = trigger["metadata"]["query"], float(trigger["metadata"]["threshold"])
    if trigger.get("metricType") == "Value":
        ratio, result = f"(({query}) / {bound})", f"ceil(({query}) / {bound} * {have})"
    else:
        ratio, result = f"(({query}) / {bound * have})", f"ceil(({query}) / {bound})"
    is_far = f"(abs({ratio} - 1) > bool {TOLERANCE})"
    return f"{is_far} * {result} + (1 - {is_far}) * {have}"


def told(folder: Path, world: World, expression: str, at_s: int | None = None) -> None:
    """Whether an expression is 1, or absent for `absent(…)`, at the end of the world."""
    at_s = world.length_s - STEP_S if at_s is None else at_s
    case = {"expr": expression, "eval_time": f"{at_s}s", "exp_samples": [{"labels": "{}", "value": 1}]}
    test = {"interval": f"{STEP_S}s", "input_series": world.series(), "promql_expr_test": [case]}
    file = folder / "test.yml"
    file.write_text(yaml.safe_dump({"evaluation_interval": f"{STEP_S}s", "tests": [test]}), encoding="utf-8")
    told_by(program("promtool"), "test", "rules", file)


def assert_wants(folder: Path, world: World, name: str, count: int, at_s: int | None = None) -> None:
    """That a trigger would have so many pods."""
    told(folder, world, f"({wanted(triggers(world.deployment)[name], world.pods)}) == bool {count}", at_s)


def test_out_when_gpus_were_busier_than_70_percent_for_two_minutes(tmp_path: Path) -> None:
    assert_wants(tmp_path, World(deployment=GPU, gpu="0.5x5 0.71x3"), "gpu", 3)
    assert_wants(tmp_path, World(deployment=GPU, gpu="0.5x5 0.71x1"), "gpu", 2)  # one minute
    assert_wants(tmp_path, World(deployment=GPU, gpu="0.5x5 0.69x3"), "gpu", 2)
    assert_wants(tmp_path, World(deployment=GPU, pods=10, gpu="0.71x3"), "gpu", 12)  # sums, not steps
    assert_wants(tmp_path, World(deployment=GPU, gpu="1x1"), "gpu", 0)  # known for a minute only: no opinion


def test_out_when_answers_take_two_seconds_and_processors_are_busier_than_80_percent_for_three_minutes(
    tmp_path: Path,
) -> None:
    slow, busy = "0.4x4 3x7", "0.3x4 0.81x7"
    assert_wants(tmp_path, World(deployment=API, cpu=busy, latency_s=slow), "latency", 3)
    short = World(deployment=API, cpu="0.3x4 0.81x3", latency_s="0.4x4 3x3")
    for world in (
        short,
        World(deployment=API, cpu="0.79x11", latency_s=slow),
        World(deployment=API, cpu=busy, latency_s="1.5x11"),
        World(deployment=API, cpu=busy, latency_s="0x11"),
    ):
        told(tmp_path, world, f"({wanted(triggers(API)['latency'], 2)}) <= bool 2")


def test_in_one_by_one_when_the_load_was_below_20_percent_for_an_hour(tmp_path: Path) -> None:
    def keeps(count: int, **load: Any) -> None:
        assert_wants(tmp_path, World(deployment=GPU, pods=4, **load), "keep", count)

    keeps(2, cpu="0.19x70", gpu="0.1x70")
    keeps(4, cpu="0.19x50", gpu="0.1x50")  # not an hour yet
    keeps(4, cpu="0.1x70", gpu="0.1x30 0.3x2 0.1x38")  # GPUs were busy half an hour ago
    keeps(4, cpu="0.1x30 0.3x3 0.1x37", gpu="0.1x70")
    keeps(2, cpu="0.1x70")  # no figures of GPUs: processors decide
    keeps(4, gpu="0.1x70")  # no figures of processors: nobody knows
    behaviour = next(
        one["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        for one in judged_chart()["sets"]["production"]["objects"]
        if one["kind"] == "ScaledObject"
    )
    assert behaviour["scaleDown"]["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 300}]


def test_the_last_one_goes_when_it_is_idle_and_what_it_left_behind_starts_none(tmp_path: Path) -> None:
    keep = triggers(GPU)["keep"]["metadata"]
    idle = World(deployment=GPU, pods=1, cpu="0.1x70")
    busy = World(deployment=GPU, pods=1, cpu="0.1x60 0.5x10")
    is_active = f"({keep['query']}) > bool {keep['activationThreshold']}"
    told(tmp_path, idle, f"1 - ({is_active})")
    told(tmp_path, busy, is_active)
    after_s = busy.length_s + 600  # its series have ended
    told(tmp_path, busy, f"absent({keep['query']})", after_s)


def test_bounds_and_times_are_settable_and_figures_may_be_those_of_nvidias_exporter(tmp_path: Path) -> None:
    assert_wants(tmp_path, World(deployment=MIG, gpu="0.1x2 0.55x2"), "gpu", 3)
    assert_wants(tmp_path, World(deployment=MIG, gpu="0.1x2 0.45x2"), "gpu", 2)
    assert_wants(tmp_path, World(deployment=MIG, pods=4, cpu="0.05x35", gpu="0.05x35"), "keep", 2)
    assert_wants(tmp_path, World(deployment=MIG, pods=4, cpu="0.15x35", gpu="0.05x35"), "keep", 4)


def test_what_another_release_does_counts_for_nothing(tmp_path: Path) -> None:
    world = World(deployment=GPU, namespace="other", cpu="0.9x5", gpu="0.9x5")
    for name in ("gpu", "keep", "latency"):
        told(tmp_path, world, f"absent({triggers(GPU)[name]['metadata']['query']})")


@pytest.mark.parametrize("deployment", SET_OF)
def test_work_that_waits_and_its_queue_are_asked_for_too(deployment: str) -> None:
    assert list(triggers(deployment)) == ["work", "queue", "gpu", "latency", "keep"]
    queries = [triggers(deployment)[name]["metadata"]["query"] for name in ("work", "queue")]
    names = ("steadfast_queue_predicted_wait_seconds", "steadfast_queue_depth")
    if "-node-" in deployment:
        names = (DEMAND.name, STEPS.name)
    assert [name in query for name, query in zip(names, queries, strict=True)] == [True, True]


@pytest.mark.parametrize(
    ("deployment", "capability", "is_its_own"),
    [
        (GPU, "cuda", True),
        (GPU, "cuda-40g", True),
        (GPU, "neural-cuda", True),
        (GPU, "m2:standard-cuda", True),
        (GPU, "any", False),  # there is a class for everything else
        (GPU, "standard-cpu", False),
        (MIG, "standard-cuda", True),
        (MIG, "standard-cpu", False),
    ],
)
def test_a_class_of_nodes_is_scaled_by_the_work_that_it_can_do(
    tmp_path: Path, deployment: str, capability: str, is_its_own: bool
) -> None:
    pod = f'namespace="prod",pod="{API}-7d9f8-x0"'
    name = f'{DEMAND.name}{{{pod},capability="{capability}",priority="normal"}}'
    query = triggers(deployment)["work"]["metadata"]["query"]
    test = {
        "interval": "15s",
        "input_series": [{"series": name, "values": "600x4"}],
        "promql_expr_test": [
            {
                "expr": query,
                "eval_time": "30s",
                "exp_samples": [{"labels": "{}", "value": 600}] if is_its_own else [],
            }
        ],
    }
    file = tmp_path / "test.yml"
    file.write_text(yaml.safe_dump({"tests": [test]}), encoding="utf-8")
    told_by(program("promtool"), "test", "rules", file)
