"""`steadfast incidents`: what was wrong with a running service, and what was done about it."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from steadfast.cli.help_layout import CommandGroup
from steadfast.cli.invocation import Invocation, command
from steadfast.cli.service_client import ServiceClient
from steadfast.errors import OutputUnwritable

app = typer.Typer(cls=CommandGroup, no_args_is_help=True)

_STYLES = {"warning": "yellow", "error": "red", "fatal": "bold red"}
_MOST = 1000


class Least(StrEnum):
    """From how grave on."""

    WARNING = "warning"
    ERROR = "error"
    FATAL = "fatal"


LimitOption = Annotated[int, typer.Option("--limit", min=1, max=_MOST, help="How many at most.")]
OpenOption = Annotated[bool, typer.Option("--open", help="Only those that last.")]
SeverityOption = Annotated[Least, typer.Option("--severity", help="The least.")]


@app.callback()
def incidents() -> None:
    """Show what was wrong with a running service (STEADFAST_URL, STEADFAST_KEY)."""


@app.command("list")
@command
def list_incidents(
    invocation: Invocation,
    limit: LimitOption = 50,
    only_open: OpenOption = False,
    severity: SeverityOption = Least.WARNING,
) -> None:
    """List incidents, the latest first."""
    found = _fetch(limit, only_open=only_open, severity=severity)
    invocation.output.show({"incidents": found}, lambda: _table(found))


@app.command()
@command
def show(
    invocation: Invocation,
    incident_id: Annotated[str, typer.Argument(metavar="ID", help="See `steadfast incidents list`.")],
) -> None:
    """Show one incident: evidence, actions, what it touched."""
    found = ServiceClient().get(f"/v1/incidents/{incident_id}")
    invocation.output.show(found, lambda: _told(found))


@app.command()
@command
def export(
    invocation: Invocation,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="One JSON object per line.")],
    severity: SeverityOption = Least.WARNING,
) -> None:
    """Write incidents into a file, one JSON object per line, the oldest first."""
    found = _fetch_all(severity)
    lines = "".join(json.dumps(incident) + "\n" for incident in reversed(found))
    try:
        output.write_text(lines, encoding="utf-8")
    except OSError as error:
        raise OutputUnwritable(f"{output} cannot be written: {error.strerror}.") from error
    invocation.output.show({"written": len(found), "file": output}, lambda: Text(f"{len(found)} incidents."))


def _fetch_all(severity: Least) -> list[dict[str, Any]]:
    found = _fetch(_MOST, only_open=False, severity=severity)
    page = found
    while len(page) == _MOST:
        page = _fetch(_MOST, only_open=False, severity=severity, before=page[-1]["id"])
        found += page
    return found


def _fetch(limit: int, *, only_open: bool, severity: Least, **more: str) -> list[dict[str, Any]]:
    query = {"limit": limit, "open": str(only_open).lower(), "severity": severity.value, **more}
    found: list[dict[str, Any]] = ServiceClient().get("/v1/incidents", **query)["incidents"]
    return found


def _table(found: list[dict[str, Any]]) -> RenderableType:
    if not found:
        return Text("There are no incidents.")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Id", "Since", "Severity", "Kind", "About", "State", "Evidence"):
        table.add_column(heading, no_wrap=heading != "Evidence")
    for one in found:
        severity = Text(one["severity"], _STYLES.get(one["severity"], ""))
        about, evidence = Text(one["subject"]), Text(one["evidence"][-1])
        table.add_row(
            one["id"], _at(one["detected_at"]), severity, one["kind"], about, one["outcome"], evidence
        )
    return table


def _told(one: dict[str, Any]) -> RenderableType:
    rows = [
        ("Incident", one["id"]),
        ("Kind", f"{one['kind']} of {one['subject']} ({one['severity']})"),
        ("Detected", _at(one["detected_at"])),
        ("Recovered", _at(one["recovered_at"]) if one["recovered_at"] else "it lasts"),
        ("Outcome", f"{one['outcome']}, seen {one['signs']} times"),
        *(("Evidence", line) for line in one["evidence"]),
        *(("Action", line) for line in one["actions"]),
    ]
    rows += [(name.capitalize(), ", ".join(one[name])) for name in ("requests", "jobs") if one[name]]
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        table.add_row(Text(name, "bold"), Text(value))
    return table


def _at(moment: str) -> str:
    return moment[:19].replace("T", " ") + " UTC"
