"""Several servers as one: who is there, and how much work waits for what. Told by the chief alone."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from steadfast.jobs.job import JobPriority
from steadfast.observability.metrics.family import Family, Kind, Label
from steadfast.observability.metrics.instrument import Readings, Sample

_CAPABILITY: Final = Label(
    name="capability", meaning="What a server must be able to do: `any`, `cuda`, `cuda-40g`, …", most=32
)
_PRIORITY: Final = Label(
    name="priority",
    meaning="Of jobs: `low`, `normal` or `high`.",
    values=frozenset(one.name.lower() for one in JobPriority),
)
_STATE: Final = Label(
    name="state",
    meaning="Of a node: `active`, `cordoned`, `draining`, `drained`, `stopped`, `gone`.",
    values=frozenset({"active", "cordoned", "draining", "drained", "stopped", "gone"}),
)

DEMAND: Final = Family(
    name="steadfast_cluster_demand_device_seconds",
    kind=Kind.GAUGE,
    meaning="Seconds of a worker's place for which steps of jobs wait, by what they need; what to scale by.",
    labels=(_CAPABILITY, _PRIORITY),
)
STEPS: Final = Family(
    name="steadfast_cluster_steps_waiting",
    kind=Kind.GAUGE,
    meaning="Steps of jobs that nobody works on.",
    labels=(_CAPABILITY, _PRIORITY),
)
OLDEST: Final = Family(
    name="steadfast_cluster_oldest_job_seconds",
    kind=Kind.GAUGE,
    meaning="Age of the oldest job that has a step waiting.",
    labels=(_CAPABILITY, _PRIORITY),
)
UNSERVED: Final = Family(
    name="steadfast_cluster_unserved_steps",
    kind=Kind.GAUGE,
    meaning="Of those the ones that no server which takes work can do.",
    labels=(_CAPABILITY, _PRIORITY),
)
NODES: Final = Family(
    name="steadfast_cluster_nodes", kind=Kind.GAUGE, meaning="Servers, by their state.", labels=(_STATE,)
)
SKEW: Final = Family(
    name="steadfast_cluster_clock_skew_seconds",
    kind=Kind.GAUGE,
    meaning="By how much the clock of the server that is furthest off differs from the database's.",
)
FAMILIES: Final = (DEMAND, STEPS, OLDEST, UNSERVED, NODES, SKEW)


@dataclass(frozen=True, kw_only=True)
class ClusterFigures:
    """What is shown; keys are capability and priority."""

    device_s: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    steps: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    oldest_s: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    unserved: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    nodes: Mapping[str, int] = field(default_factory=dict)
    """By state."""
    skew_s: float = 0.0


def cluster_readings(latest: Callable[[], ClusterFigures | None]) -> Readings:
    """What was found last; nothing on a server that is not the chief."""

    def told(pick: Callable[[ClusterFigures], Mapping[tuple[str, ...], float]]) -> Iterable[Sample]:
        figures = latest()
        return [] if figures is None else list(pick(figures).items())

    return Readings(
        {
            DEMAND: lambda: told(lambda figures: figures.device_s),
            STEPS: lambda: told(lambda figures: figures.steps),
            OLDEST: lambda: told(lambda figures: figures.oldest_s),
            UNSERVED: lambda: told(lambda figures: figures.unserved),
            NODES: lambda: told(
                lambda figures: {(state,): float(count) for state, count in figures.nodes.items()}
            ),
            SKEW: lambda: told(lambda figures: {(): figures.skew_s}),
        }
    )
