"""`steadfast doctor`: what is here, what is missing, and whether a face swap can run."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from steadfast.cli.invocation import Invocation, command
from steadfast.errors import ExitCode

if TYPE_CHECKING:
    from steadfast.doctor.finding import Diagnosis, Finding
    from steadfast.settings import Settings

# Sign and style of each colour: the sign tells them apart where there is none.
_MARKS = {"green": ("✓", "green"), "yellow": ("!", "yellow"), "red": ("✗", "bold red"), "off": ("–", "dim")}


PreflightOption = Annotated[
    bool, typer.Option("--preflight", help="Look only at what a start of the service needs; quick.")
]


@command
def doctor(invocation: Invocation, preflight: PreflightOption = False) -> None:
    """Try everything a face swap needs and say what is missing.

    The exit status is 0 if a swap can run, and 69 if not; with --preflight, 78 if the service cannot start.
    """
    if preflight:
        _show_preflight(invocation)
        return
    from steadfast.doctor.examination import examine  # noqa: PLC0415 — it imports everything there is

    with invocation.output.progress("{task.description}") as progress:
        progress.add_task("Trying the engines, providers and codecs…")
        diagnosis = examine(invocation.settings)
    invocation.output.show(_plain(diagnosis), lambda: Group(*_report(diagnosis)))
    if not diagnosis.can_swap:
        raise typer.Exit(int(ExitCode.UNAVAILABLE))


def check_before_start(invocation: Invocation, settings: "Settings") -> None:
    """What `serve` does first: says what is yellow, and raises `PreflightFailed` for what is red."""
    from steadfast.doctor.preflight import (  # noqa: PLC0415 — only where it is asked for
        SKIP_VARIABLE,
        is_skipped,
        preflight,
        refuse_what_is_fatal,
    )

    if is_skipped():
        invocation.output.warn(f"{SKIP_VARIABLE} is set: nothing was looked at before this start.")
        return
    findings = preflight(settings)
    for finding in findings:
        if finding.health == "yellow":
            invocation.output.warn(f"{finding.name}: {finding.summary}. {finding.remedy}")
    refuse_what_is_fatal(findings)


def _show_preflight(invocation: Invocation) -> None:
    from steadfast.doctor.preflight import preflight, refuse_what_is_fatal  # noqa: PLC0415

    findings = preflight(invocation.settings)
    can_start = all(finding.health != "red" for finding in findings)
    plain = {"can_start": can_start, "findings": findings}
    said = Text("The service can start here.", "bold green")
    invocation.output.show(plain, lambda: Group(_table(findings), *([Text(), said] if can_start else [])))
    if not can_start and invocation.output.as_json:
        raise typer.Exit(int(ExitCode.CONFIG))
    refuse_what_is_fatal(findings)


def _plain(diagnosis: "Diagnosis") -> dict[str, Any]:
    return {
        "can_swap": diagnosis.can_swap,
        "health": diagnosis.health,
        "engine": diagnosis.auto_engine,
        "findings": diagnosis.findings,
    }


def _report(diagnosis: "Diagnosis") -> Iterator[RenderableType]:
    yield _table(diagnosis.findings)
    yield Text()
    yield _conclusion(diagnosis)


def _table(findings: "Sequence[Finding]") -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    section = None
    for finding in findings:
        if finding.section != section:
            section = finding.section
            table.add_row("", "")
            table.add_row("", Text(section.capitalize(), "bold"))
        table.add_row(*_row(finding))
    return table


def _row(finding: "Finding") -> Iterator[RenderableType]:
    sign, style = _MARKS[finding.health]
    yield Text(sign, style)
    yield Text(finding.name, style if finding.health == "off" else "")
    summary = Text(finding.summary, style if finding.health == "off" else "")
    yield summary.append(f"\n{finding.remedy}", style) if finding.remedy else summary


def _conclusion(diagnosis: "Diagnosis") -> Text:
    if not diagnosis.can_swap:
        return Text("A face swap cannot run here until what is red is mended.", "bold red")
    engine = f"A face swap can run here, with the {diagnosis.auto_engine} engine."
    if diagnosis.health == "yellow":
        return Text(f"{engine} What is yellow could be better.", "bold yellow")
    return Text(engine, "bold green")
