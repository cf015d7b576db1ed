"""A report as Markdown, as CSV, and the figures of it in words."""

import csv
import io
from collections.abc import Iterable, Sequence

from steadfast.sla.achievement import Achievement
from steadfast.sla.report import Report, moment


def percent(part: float | None) -> str:
    """To as many places as it takes to tell it from 100 %."""
    if part is None:
        return "–"
    places = 2 if part < 0.999 else 4
    text = f"{part * 100:.{places}f}"
    return "100 %" if part == 1 else f"{text} %" if not text.startswith("100") else f"{part * 100:.6f} %"


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
    return f"{part:.0%}" if part >= 0 else f"overspent {1 - part:.1f} times"


def when(at_us: int) -> str:
    """A moment for people."""
    return moment(at_us).strftime("%Y-%m-%d %H:%M:%S")


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
                for one in report.eaters
            ),
        ),
        "",
        f"{report.unexplained} bad requests lie outside of these.",
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
                    *map(_ms, (one.p50_s, one.p90_s, one.p99_s)),
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


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"
