"""`steadfast crashes`: what is known of processes that died, and an archive of it for a bug report."""

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

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="See `steadfast crashes list`.")]


@app.callback()
def crashes() -> None:
    """Show crash reports of a running service (STEADFAST_URL, STEADFAST_KEY)."""


@app.command("list")
@command
def list_crashes(invocation: Invocation) -> None:
    """List crash reports, the latest first."""
    found = ServiceClient().get("/v1/crashes")["crashes"]
    invocation.output.show({"crashes": found}, lambda: _table(found))


@app.command()
@command
def show(invocation: Invocation, crash_id: IdArgument) -> None:
    """Show one report: why it died, tracebacks, the last events."""
    found = ServiceClient().get(f"/v1/crashes/{crash_id}")
    invocation.output.show(found, lambda: _told(found))


@app.command()
@command
def bundle(
    invocation: Invocation,
    crash_id: IdArgument,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="The archive. Default: ID.zip.")
    ] = None,
) -> None:
    """Write one report as an archive without names, paths or secrets, fit for a bug report."""
    archive = ServiceClient().get_bytes(f"/v1/crashes/{crash_id}/bundle")
    target = output or Path(f"{crash_id}.zip")
    try:
        target.write_bytes(archive)
    except OSError as error:
        raise OutputUnwritable(f"{target} cannot be written: {error.strerror}.") from error
    invocation.output.show({"file": target, "bytes": len(archive)}, lambda: Text(str(target)))


def _table(found: list[dict[str, Any]]) -> RenderableType:
    if not found:
        return Text("There are no crash reports.")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Id", "Kind", "What", "Bytes"):
        table.add_column(heading, justify="right" if heading == "Bytes" else "left")
    for one in found:
        table.add_row(one["id"], one["kind"], Text(one["summary"]), str(one["size_bytes"]))
    return table


def _told(report: dict[str, Any]) -> RenderableType:
    main = report["report.json"]
    lines = [Text(f"{main['kind']} at {main['at']}: {main['summary']}", "bold")]
    for name, value in main["what"].items():
        if isinstance(value, list):
            lines += [Text(f"{name}:", "bold"), *(Text(f"  {line}") for line in value)] if value else []
        elif value is not None:
            lines.append(Text(f"{name}: {value}"))
    lines.append(Text("last events:", "bold"))
    lines += [Text(f"  {one['at'][:23]} {one['event']}") for one in report.get("events.json", [])[-20:]]
    return Text("\n").join(lines)
