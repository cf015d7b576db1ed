"""`steadfast diagnose`: what is wrong, read from logs."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from steadfast.cli.invocation import Invocation, command
from steadfast.errors import InvalidOption, Severity

if TYPE_CHECKING:
    from steadfast.health.log_diagnosis.findings import Diagnosis, Evidence, Finding

_STYLES = {
    Severity.FATAL: "bold red",
    Severity.ERROR: "red",
    Severity.WARNING: "yellow",
    Severity.INFO: "dim",
}

_SURE, _LIKELY = 0.9, 0.75

FilesArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[FILE…|-]", help="Logs, plain or packed; - or nothing: standard input."),
]
RulesOption = Annotated[
    list[Path] | None,
    typer.Option("--rules", metavar="PATH", help="File or folder with rules of your own; may be repeated."),
]


@command
def diagnose(invocation: Invocation, files: FilesArgument = None, rules: RulesOption = None) -> None:
    """Read logs and say what is wrong, why, and what to do.

    It reads JSON and plain logs of this service and of others like it, of containers and of the kernel. The
    likeliest cause stands first. The exit status is 0 whether or not something was found.
    """
    from steadfast.health.log_diagnosis.diagnosis import diagnose as diagnose_logs  # noqa: PLC0415
    from steadfast.health.log_diagnosis.rule_files import load_rules  # noqa: PLC0415

    if not files and sys.stdin.isatty():
        raise InvalidOption(
            "There is no log to read.", remedy="Name a file, or pipe one in: … | steadfast diagnose -"
        )
    settings = invocation.settings.diagnosis
    known = load_rules((*settings.rules, *(rules or ())), disabled=settings.disabled)
    with invocation.output.progress("{task.description}") as progress:
        progress.add_task("Reading…")
        found = diagnose_logs(files or ["-"], known)
    for skipped in found.skipped:
        invocation.output.warn(f"{skipped.reason} {skipped.remedy}")
    invocation.output.show(_plain(found), lambda: Group(*_report(found)))


def _plain(diagnosis: "Diagnosis") -> dict[str, Any]:
    return {
        "findings": list(diagnosis.findings),
        "lines": diagnosis.lines,
        "size_bytes": diagnosis.size_bytes,
        "requests": diagnosis.requests,
        "skipped": list(diagnosis.skipped),
    }


def _report(diagnosis: "Diagnosis") -> Iterator[RenderableType]:
    for number, finding in enumerate(diagnosis.findings, start=1):
        yield _headline(number, finding)
        yield Padding(Group(*_body(finding)), (0, 0, 1, 3))
    yield _conclusion(diagnosis)


def _headline(number: int, finding: "Finding") -> Text:
    style = _STYLES[finding.severity] if not finding.consequence_of else "dim"
    lines = "line" if finding.count == 1 else "lines"
    return Text.assemble(
        f"{number}. ",
        (finding.cause, style),
        (f"  {finding.kind.value}, {_sureness(finding.confidence)}, {finding.count} {lines}", "dim"),
    )


def _sureness(confidence: float) -> str:
    if confidence >= _SURE:
        return "sure"
    return "likely" if confidence >= _LIKELY else "possible"


def _body(finding: "Finding") -> Iterator[RenderableType]:
    if finding.consequence_of:
        yield Text(f"Follows from: {', '.join(finding.consequence_of)}.", "dim")
    yield Text(finding.remedy)
    for evidence in finding.evidence[:3]:
        yield _quoted(evidence)


def _quoted(evidence: "Evidence") -> Text:
    place = evidence.place
    # Control characters of a log must not reach the terminal.
    told = "".join(sign if sign.isprintable() else " " for sign in evidence.text)
    return Text.assemble((f"{place.file}:{place.line} ", "cyan"), (told, "dim"))


def _conclusion(diagnosis: "Diagnosis") -> Text:
    read = f"{diagnosis.lines:,} {'line' if diagnosis.lines == 1 else 'lines'}"
    if diagnosis.requests:
        read += f" and the durations of {diagnosis.requests:,} requests"
    if not diagnosis.findings:
        return Text(f"Nothing is wrong as far as {read} tell.", "bold green")
    causes = sum(not finding.consequence_of for finding in diagnosis.findings)
    return Text(f"{causes} {'cause' if causes == 1 else 'causes'} in {read}.", "bold")
