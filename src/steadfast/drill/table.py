"""The table of a drill, as it grows."""

from collections.abc import Sequence

from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from steadfast.drill.schedule import Planned
from steadfast.drill.verdicts import Outcome, Verdict

HEADINGS = (
    ("fault", "left"),
    ("injected\nat s", "right"),
    ("detected\nin s", "right"),
    ("recovered\nin s", "right"),
    ("requests\nsent", "right"),
    ("failed", "right"),
    ("retried\nunseen", "right"),
    ("jobs\nlost", "right"),
    ("p99\nms", "right"),
    ("verdict", "left"),
)
_COLOURS = {Verdict.HELD: "green", Verdict.BROKEN: "bold red", Verdict.NOT_RUN: "yellow"}
_NONE = "—"


def outcome_table(outcomes: Sequence[Outcome], running: Planned | None = None) -> RenderableType:
    """A line per fault; below it why verdicts are what they are."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading, side in HEADINGS:
        table.add_column(heading, justify="right" if side == "right" else "left", no_wrap=True)
    for outcome in outcomes:
        table.add_row(*cells(outcome)[:-1], Text(outcome.verdict.value, style=_COLOURS[outcome.verdict]))
    if running is not None:
        table.add_row(running.name, *([""] * (len(HEADINGS) - 2)), Text("…", style="dim"))
    return Lines(table, *explanations(outcomes))


def explanations(outcomes: Sequence[Outcome]) -> list[Text]:
    """Of what was not met, and of what was not run."""
    lines = []
    for outcome in outcomes:
        if outcome.verdict is Verdict.BROKEN:
            lines.append(Text(f"{outcome.fault}: {' '.join(outcome.why)}", style="red"))
        elif outcome.verdict is Verdict.NOT_RUN:
            lines.append(Text(f"{outcome.fault} was not run: {' '.join(outcome.why)}.", style="yellow"))
    return [Text(""), *lines] if lines else []


def cells(outcome: Outcome) -> tuple[str, ...]:
    """One line, as words."""
    if outcome.verdict is Verdict.NOT_RUN:
        return (outcome.fault, *([_NONE] * (len(HEADINGS) - 2)), outcome.verdict.value)
    return (
        outcome.fault,
        f"{outcome.at_s:.1f}",
        _seconds(outcome.detected_s),
        _seconds(outcome.recovered_s),
        str(outcome.requests),
        str(outcome.failed) + (f" (+{outcome.refused})" if outcome.refused else ""),
        str(outcome.retried_unseen),
        f"{outcome.jobs_lost} of {outcome.jobs}",
        _NONE if outcome.p99_ms is None else f"{outcome.p99_ms:.0f}",
        outcome.verdict.value,
    )


def summary(outcomes: Sequence[Outcome]) -> str:
    """One sentence."""
    count = {verdict: sum(one.verdict is verdict for one in outcomes) for verdict in Verdict}
    return (
        f"{count[Verdict.HELD]} held, {count[Verdict.BROKEN]} broken, {count[Verdict.NOT_RUN]} not run; "
        f"{sum(one.requests for one in outcomes)} requests during faults, "
        f"{sum(one.failed for one in outcomes)} failed, "
        f"{sum(one.retried_unseen for one in outcomes)} retried unseen, "
        f"{sum(one.jobs_lost for one in outcomes)} jobs lost meanwhile."
    )


def _seconds(value: float | None) -> str:
    return _NONE if value is None else f"{value:.1f}"
