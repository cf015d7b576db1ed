"""Figures of one run from the command line, for whoever has no server to scrape."""

import time
from collections.abc import Mapping
from typing import Any, Final

from prometheus_client.registry import CollectorRegistry

from steadfast.observability.metrics.family import Family, Kind, Label
from steadfast.observability.metrics.instrument import Instrument
from steadfast.observability.metrics.labels import ENGINE, SECONDS_OF_JOBS

_STATE: Final = Label(
    name="state",
    meaning="`done`, `skipped` (its output was there already), `failed` or `not_run`.",
    values=frozenset({"done", "skipped", "failed", "not_run"}),
)

ITEMS: Final = Family(
    name="steadfast_batch_items",
    kind=Kind.GAUGE,
    meaning="Items of the last run, by what became of them.",
    labels=(_STATE,),
)
DURATION: Final = Family(
    name="steadfast_batch_duration_seconds", kind=Kind.GAUGE, meaning="How long the last run took."
)
ENDED: Final = Family(
    name="steadfast_batch_end_time_seconds",
    kind=Kind.GAUGE,
    meaning="When the last run ended, in seconds since 1970.",
)
ITEM: Final = Family(
    name="steadfast_batch_item_seconds",
    kind=Kind.HISTOGRAM,
    meaning="Time of an item that was worked on.",
    labels=(_STATE, ENGINE),
    buckets=(0.05, 0.1, 0.25, 0.5, *SECONDS_OF_JOBS),
)
FRAMES: Final = Family(
    name="steadfast_batch_frames",
    kind=Kind.GAUGE,
    meaning="Pictures and frames of videos in the last run.",
    labels=(ENGINE,),
)
SWAPPED: Final = Family(
    name="steadfast_batch_faces_swapped",
    kind=Kind.GAUGE,
    meaning="Faces exchanged in the last run, in all frames.",
    labels=(ENGINE,),
)
FAMILIES: Final = (ITEMS, DURATION, ENDED, ITEM, FRAMES, SWAPPED)


def batch_registry(report: Mapping[str, Any], *, ended_at_s: float | None = None) -> CollectorRegistry:
    """What a batch's report (`BatchReport.as_dict`) comes to; without names of files."""
    registry = CollectorRegistry()
    of = {family: Instrument(family, registry) for family in FAMILIES}
    for state, count in report["counts"].items():
        of[ITEMS].at(state).set(count)
    of[DURATION].at().set(report["seconds"])
    of[ENDED].at().set(time.time() if ended_at_s is None else ended_at_s)
    for item in report["items"]:
        if not item["seconds"]:
            continue
        swap: Mapping[str, Any] = item["swap"] or {}
        engine = str(swap.get("engine", ""))
        of[ITEM].at(item["state"], engine).observe(item["seconds"])
        if swap:
            of[FRAMES].at(engine).inc((swap["video"] or {}).get("frames", 1))
            of[SWAPPED].at(engine).inc(swap["faces_swapped"])
    return registry
