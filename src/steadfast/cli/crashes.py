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

_EVENTS_SHOWN = 30

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
    for heading in ("Id", "At", "Kind", "What", "Bytes"):
        table.add_column(heading, justify="right" if heading == "Bytes" else "left")
    for one in found:
        table.add_row(one["id"], _at(one["at"]), one["kind"], Text(one["summary"]), str(one["size_bytes"]))
    return table


def _told(report: dict[str, Any]) -> RenderableType:
    main = report["report.json"]
    lines = [Text(f"{main['kind']} at {_at(main['at'])}: {main['summary']}", "bold")]
    if main.get("worker"):
        lines.append(Text(f"worker: {main['worker']}"))
    for name, value in main["what"].items():
        lines += _fact(name.replace("_", " "), value)
    for worker, models in main.get("providers", {}).items():
        told = [f"{model}: {', '.join(providers)}" for model, providers in models.items()]
        lines += _fact(f"providers of {worker}", told)
    lines += _fact("versions", [" ".join(item) for item in main["versions"].items()])
    lines += _fact("kernel", report.get("kernel.txt", "").splitlines())
    events = report.get("events.json", [])
    # One that was cut to its share of the bytes is no list any more.
    told = [_event(one) for one in events[-_EVENTS_SHOWN:]] if isinstance(events, list) else [events[:2000]]
    lines += _fact("last events", told)
    return Text("\n").join(lines)


def _fact(name: str, value: Any) -> list[Text]:
    if value is None or value == []:
        return []
    if not isinstance(value, list):
        return [Text(f"{name}: {value}")]
    shown = (_plain(item) if isinstance(item, dict) else item for item in value)
    return [Text(f"{name}:", "bold"), *(Text(f"  {line}") for line in shown)]


def _event(one: dict[str, Any]) -> str:
    told = {key: value for key, value in one.items() if key not in ("at", "event")}
    return f"{one['at'][11:23]} {one['event']}  {_plain(told)}".rstrip()


def _plain(fields: dict[str, Any]) -> str:
    """The fields in one line, without those that say nothing."""
    silent: tuple[Any, ...] = (None, "", "[redacted]", [], ["[redacted]"], {})
    nested = ("fields", "options")
    flat = {name: value for name, value in fields.items() if name not in (*nested, "native_traceback")}
    for name in nested:
        flat |= fields.get(name) or {}
    return " ".join(f"{name}={_value(value)}" for name, value in flat.items() if value not in silent)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(_value, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _at(moment: str) -> str:
    return moment[:19].replace("T", " ") + " UTC"
