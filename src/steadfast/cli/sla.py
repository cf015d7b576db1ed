"""`steadfast sla`: what was promised, what was kept of it, and when maintenance is planned."""

import json
import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from steadfast.cli.help_layout import CommandGroup
from steadfast.cli.invocation import Invocation, command
from steadfast.cli.output import as_plain_data
from steadfast.errors import InvalidOption, OutputUnwritable

if TYPE_CHECKING:
    from steadfast.database.database import Database
    from steadfast.settings import Settings
    from steadfast.sla.report import Report

app = typer.Typer(cls=CommandGroup, no_args_is_help=True)
maintenance = typer.Typer(cls=CommandGroup, no_args_is_help=True)
app.add_typer(maintenance, name="maintenance")

_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_DURATION = re.compile(r"(\d+)([mhdw])")


class Format(StrEnum):
    """How a report is written."""

    HTML = "html"
    JSON = "json"
    MARKDOWN = "md"
    CSV = "csv"


@app.callback()
def sla() -> None:
    """Report what was promised and what was kept of it; announce maintenance."""


@maintenance.callback()
def plans() -> None:
    """Announce maintenance: it does not count, and every report shows it."""


@app.command()
@command
def report(
    invocation: Invocation,
    since: Annotated[str, typer.Option(help="30d, 12h, 2w, or a date such as 2026-11-01.")] = "30d",
    until: Annotated[str, typer.Option(help="The same; now, if it is not given.")] = "",
    format: Annotated[
        Format | None, typer.Option(help="Else what the file's ending says, or a table.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to.")] = None,
) -> None:
    """Report what was kept of each objective, from the ledger in the data folder."""
    wanted = format or _format_of(output)
    made = _make(invocation.settings, since, until)
    if wanted is None:
        invocation.output.show(made, lambda: _table(made))
        return
    text = _written(made, wanted)
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputUnwritable(f"{output} cannot be written: {error.strerror}.") from error
    invocation.output.show({"file": output, "standing": made.standing}, lambda: Text(f"Wrote {output}."))


@maintenance.command()
@command
def add(
    invocation: Invocation,
    begin: Annotated[str, typer.Option("--from", help="Such as 2026-11-21T22:00; UTC unless it says so.")],
    end: Annotated[str, typer.Option("--until", help="The same, or how long: 2h.")],
    why: Annotated[str, typer.Option(help="What a report says of it.")],
) -> None:
    """Announce maintenance; do it before it begins, else reports say that it was announced late."""
    from steadfast.sla.maintenance import MaintenancePlan  # noqa: PLC0415 — `--help` stays fast

    begins_at = moment_of(begin, now=_now())
    lasts = _DURATION.fullmatch(end)
    ends_at = begins_at + _span(lasts) if lasts else moment_of(end, now=_now())
    database = _open(invocation.settings)
    try:
        added = MaintenancePlan(database).add(begins_at, ends_at, why)
    finally:
        database.close()
    said = (
        f"{added.id}: {added.begins_at:%Y-%m-%d %H:%M} to {added.ends_at:%Y-%m-%d %H:%M} UTC does not count."
    )
    invocation.output.show(added, lambda: Text(said))


@maintenance.command("list")
@command
def list_maintenance(invocation: Invocation) -> None:
    """List what was announced."""
    from steadfast.sla.maintenance import MaintenancePlan  # noqa: PLC0415

    database = _open(invocation.settings)
    try:
        found = MaintenancePlan(database).list()
    finally:
        database.close()
    table = Table("Id", "From (UTC)", "Until", "Announced", "Why", box=None, pad_edge=False)
    for one in found:
        announced = "late" if one.is_belated else "before"
        table.add_row(one.id, f"{one.begins_at:%F %R}", f"{one.ends_at:%F %R}", announced, Text(one.why))
    invocation.output.show(
        {"maintenance": found}, lambda: table if found else Text("There is no planned maintenance.")
    )


@maintenance.command()
@command
def remove(
    invocation: Invocation,
    maintenance_id: Annotated[
        str, typer.Argument(metavar="ID", help="See `steadfast sla maintenance list`.")
    ],
) -> None:
    """Take an announcement back."""
    from steadfast.sla.maintenance import MaintenancePlan  # noqa: PLC0415

    database = _open(invocation.settings)
    try:
        MaintenancePlan(database).remove(maintenance_id)
    finally:
        database.close()
    invocation.output.show({"removed": maintenance_id}, lambda: Text(f"{maintenance_id} counts again."))


def moment_of(text: str, *, now: datetime) -> datetime:
    """A date, or that long before now. Raises `InvalidOption`."""
    if span := _DURATION.fullmatch(text):
        return now - _span(span)
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidOption(
            f"{text!r} is no time.", remedy="Write 30d, 12h or 2w, or a date such as 2026-11-01T22:00."
        ) from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _span(found: "re.Match[str]") -> timedelta:
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])


def _now() -> datetime:
    return datetime.now(UTC)


def _open(settings: "Settings") -> "Database":
    from steadfast.database.connection import database_options  # noqa: PLC0415
    from steadfast.database.database import open_database  # noqa: PLC0415

    return open_database(database_options(settings.database, settings.data_dir))


def _make(settings: "Settings", since: str, until: str) -> "Report":
    from steadfast.sla.evidence import gather  # noqa: PLC0415
    from steadfast.sla.ledger_folder import ledger_folder, service_name  # noqa: PLC0415
    from steadfast.sla.report import make_report  # noqa: PLC0415

    now = _now()
    begin, end = moment_of(since, now=now), moment_of(until, now=now) if until else now
    if begin >= end:
        raise InvalidOption("The report would end before it begins.")
    database = _open(settings)
    try:
        period = round(begin.timestamp() * 1e6), round(min(end, now).timestamp() * 1e6)
        evidence = gather(database, ledger_folder(settings), period)
    finally:
        database.close()
    return make_report(evidence, settings.objectives, service=service_name(settings), made_at=now)


def _format_of(output: Path | None) -> Format | None:
    if output is None:
        return None
    ending = output.suffix.removeprefix(".").lower()
    known = {format_.value: format_ for format_ in Format} | {"htm": Format.HTML, "markdown": Format.MARKDOWN}
    if ending not in known:
        raise InvalidOption(f"{output} has no known ending.", remedy="Give --format html, json, md or csv.")
    return known[ending]


def _written(made: "Report", wanted: Format) -> str:
    from steadfast.sla.words import as_csv, as_markdown  # noqa: PLC0415

    match wanted:
        case Format.JSON:
            return json.dumps(as_plain_data(made), indent=2) + "\n"
        case Format.MARKDOWN:
            return as_markdown(made)
        case Format.CSV:
            return as_csv(made)
        case Format.HTML:
            from steadfast.sla.page import as_html  # noqa: PLC0415

            return as_html(made)


_STYLES = {"met": "green", "missed": "bold red", "not measured": "dim"}


def _table(made: "Report") -> Table:
    from steadfast.sla.words import achieved, left, target, when  # noqa: PLC0415

    title = f"{made.service}, {when(made.period[0])} to {when(made.period[1])} UTC"
    table = Table(box=None, pad_edge=False, header_style="bold", title=title, title_justify="left")
    for heading in ("Objective", "Target", "Achieved", "Budget left", "Standing"):
        table.add_column(heading)
    for one in made.objectives:
        standing = Text(one.standing.value, _STYLES[one.standing.value])
        table.add_row(one.name, target(one), achieved(one), left(one), standing)
    return table
