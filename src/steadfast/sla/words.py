"""A report as Markdown, as CSV, and the figures of it in words."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

from steadfast.sla.achievement import Achievement
from steadfast.sla.report import Report, moment

MOST_EATERS: Final = 25
"""Shown of incidents and outages; JSON has all."""


def percent(part: float | None) -> str:
    """To as many places as it takes to tell it from 100 %."""
    if part is None:
        return "–"
    if part == 1:
        return "100 %"
    places = 2
    while round(part * 100, places) == 100 and places < 9:
        places += 1
    return f"{part * 100:.{places}f} %"


def achieved(one: Achievement) -> str:
    """What was kept."""
    if one.achieved is None:
        return "not measured"
    if one.is_count:
        return one.shown
    return f"{percent(one.achieved)}" + (f" ({one.shown})" if one.shown else "")


def target(one: Achievement) -> str:
    """What was promised."""
    return f"{one.target:g} lost" if one.is_count else percent(one.target)


def left(one: Achievement) -> str:
    """What is left of the budget."""
    part = one.budget_left
    if part is None:
        return "–"
    if part >= 0:
        return f"{part:.0%}"
    return f"spent {1 - part:.1f} times" if 1 - part < 1000 else "spent over 1000 times"


def when(at_us: int) -> str:
    """A moment for people."""
    return moment(at_us).strftime("%Y-%m-%d %H:%M:%S")


def remainder(report: Report) -> str:
    """What the table of what ate the budget leaves out."""
    rest = report.eaters[MOST_EATERS:]
    outside = f"{report.unexplained} bad requests lie outside of every incident and outage."
    if not rest:
        return outside
    absent_s = sum(one.absent_s for one in rest)
    return f"{len(rest)} smaller ones are not shown ({absent_s:.1f} s without a server). {outside}"


def as_markdown(report: Report) -> str:
    """For a wiki or a mail."""
    lines = [
        f"# Service levels of {report.service}",
        "",
        f"{when(report.period[0])} to {when(report.period[1])} UTC. "
        f"All objectives: **{report.standing.value}**.",
        "",
        *_table(
            ("Objective", "Promise", "Target", "Achieved", "Budget left", "Standing"),
            (
                (one.name, one.says, target(one), achieved(one), left(one), one.standing.value)
                for one in report.objectives
            ),
        ),
        "",
        "## What ate the budget",
        "",
        *_table(
            ("From (UTC)", "Until", "What", "Bad requests", "Seconds without a server"),
            (
                (
                    when(one.begins_us),
                    when(one.ends_us),
                    one.what,
                    str(one.bad_requests),
                    f"{one.absent_s:.1f}",
                )
                for one in report.eaters[:MOST_EATERS]
            ),
        ),
        "",
        remainder(report),
        "",
        "## Slowest classes",
        "",
        *_table(
            ("Task", "Engine", "Size", "Answers", "p50", "p90", "p99"),
            (
                (
                    one.task,
                    one.engine,
                    one.size_class,
                    str(one.answers),
                    *map(ms, (one.p50_s, one.p90_s, one.p99_s)),
                )
                for one in report.speeds
            ),
        ),
        "",
        "## Planned maintenance",
        "",
        *_table(
            ("From (UTC)", "Until", "Why", "Announced"),
            (
                (*map(when, one.interval), one.why, "afterwards" if one.is_belated else "before")
                for one in report.maintenance
            ),
        ),
    ]
    return "\n".join(lines) + "\n"


def as_csv(report: Report) -> str:
    """One line per objective."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fieldnames=("from", "until", *_columns()))
    writer.writeheader()
    period = {"from": moment(report.period[0]).isoformat(), "until": moment(report.period[1]).isoformat()}
    for one in report.objectives:
        writer.writerow({**period, **one.as_dict()})
    return stream.getvalue()


def _columns() -> Sequence[str]:
    return (
        "name", "promise", "target", "achieved", "shown", "standing",
        "good", "bad", "total", "unit", "budget", "budget_left",
    )  # fmt: skip


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    found = [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows]
    if not found:
        return ["None."]
    return [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}", *found]


def ms(seconds: float) -> str:
    """A duration."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"
