"""What a panel shows, as plain data; `build.py` makes Grafana's own of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Look(StrEnum):
    """How a panel shows its figures."""

    LINES = "lines"  # over time
    STACK = "stack"  # over time, one upon the other
    NUMBER = "number"  # the latest, large
    LIGHTS = "lights"  # states over time, in colours
    BARS = "bars"  # the latest, side by side
    TABLE = "table"  # the latest, in rows
    LOGS = "logs"  # lines of Loki


GREEN: Final = "green"
YELLOW: Final = "yellow"
ORANGE: Final = "orange"
RED: Final = "red"
BLUE: Final = "blue"
GREY: Final = "#8e8e8e"


@dataclass(frozen=True, kw_only=True)
class Query:
    """One expression and how its series are named."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One panel."""

    title: str
    says: str
    """What it shows and what is good, for whoever hovers over it."""
    queries: Sequence[Query]
    look: Look = Look.LINES
    unit: str = "short"
    steps: Sequence[tuple[float | None, str]] = ()
    """From which value it has which colour; the first from None."""
    names: Sequence[tuple[float, str, str]] = ()
    """Values that have a word and a colour instead of a number."""
    width: int = 8
    """Of 24."""
    height: int = 8
    least: float | None = 0.0
    """Lower end of the axis."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, kw_only=True)
class Board:
    """One dashboard."""

    uid: str
    title: str
    says: str
    rows: Sequence[Row]
    variables: Sequence[str] = ("environment", "instance", "task", "engine")
    refresh: str = "15s"
    since: str = "now-3h"
    tags: Sequence[str] = field(default=("steadfast",))


def query(expr: str, legend: str = "") -> Query:
    """Short for the most usual."""
    return Query(expr=expr, legend=legend)


HERE: Final = 'environment=~"$environment", instance=~"$instance"'
"""The instances that are chosen."""
TASK: Final = f'{HERE}, task=~"$task"'
WORK: Final = f'{TASK}, engine=~"$engine|"'
"""The engine is empty where nothing was done."""
DONE: Final = f'{WORK}, outcome=~"ok|degraded"'


def quantile(part: float, family: str, labels: str, by: str) -> str:
    """A quantile of a histogram over the interval that the panel shows."""
    return (
        f"histogram_quantile({part}, sum by ({by}, le) (rate({family}_bucket{{{labels}}}[$__rate_interval])))"
    )


def rate(family: str, labels: str, by: str) -> str:
    """Per second, summed."""
    return f"sum by ({by}) (rate({family}{{{labels}}}[$__rate_interval]))"
