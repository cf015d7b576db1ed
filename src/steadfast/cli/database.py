"""`steadfast db`: where the database stands, and bringing it forward before the service is started."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from steadfast.cli.help_layout import CommandGroup
from steadfast.cli.invocation import Invocation, command
from steadfast.errors import DatabaseProblem, InvalidOption

if TYPE_CHECKING:
    from sqlalchemy import Engine

app = typer.Typer(cls=CommandGroup, no_args_is_help=True)


@app.callback()
def database() -> None:
    """Check the database, copy it, or bring its schema up to date (a start of the service does so, too)."""


@app.command()
@command
def check(invocation: Invocation) -> None:
    """Say whether the schema is this version's; fails if it is not, or if the database cannot be used."""
    with _engine(invocation) as engine:
        found, known = _revisions(engine)
    is_current = found is not None and found >= known
    facts = {"schema": found, "known": known, "current": is_current}
    said = f"The schema is {found or 'empty'}; this version's is {known}."
    if is_current and found != known:
        said = _newer(found)
    invocation.output.show(facts, lambda: Text(said))
    if not is_current:
        raise DatabaseProblem(
            "The database is behind this version.",
            remedy="Run `steadfast db upgrade`; a start of the service does so, too.",
        )


@app.command()
@command
def upgrade(invocation: Invocation) -> None:
    """Bring the schema up to date; a SQLite file with content is copied aside first."""
    from steadfast.database import migration  # noqa: PLC0415 — `--help` stays fast

    with _engine(invocation) as engine:
        before, known = _revisions(engine)
        migration.upgrade(engine)
    facts = {"before": before, "schema": known}
    if before == known:
        said = f"The schema is {known} already."
    elif before is not None and before > known:
        said = _newer(before)
    else:
        said = f"The schema is {known} now; it was {before or 'empty'}."
    invocation.output.show(facts, lambda: Text(said))


@app.command()
@command
def backup(
    invocation: Invocation,
    target: Annotated[Path, typer.Argument(help="The copy; a file that is not there yet.", metavar="FILE")],
) -> None:
    """Copy a SQLite database, whole, while the service goes on; docs/how-to/backup.md has the rest."""
    from steadfast.database.backup import back_up_sqlite  # noqa: PLC0415 — `--help` stays fast
    from steadfast.database.connection import database_options  # noqa: PLC0415

    settings = invocation.settings
    file = database_options(settings.database, settings.data_dir).file
    if file is None:
        raise InvalidOption(
            "The database is a PostgreSQL, which has a tool of its own for this.",
            remedy="Run `pg_dump --format=custom --file=FILE` with its URL.",
        )
    size_bytes = back_up_sqlite(file, target)
    facts = {"database": file, "copy": target, "bytes": size_bytes}
    invocation.output.show(facts, lambda: Text(f"Copied {file} to {target} ({size_bytes} bytes)."))


def _newer(found: str | None) -> str:
    return f"The schema is {found}, of a newer version that has only added to it: this one works with it."


@contextmanager
def _engine(invocation: Invocation) -> "Iterator[Engine]":
    from steadfast.database.connection import connect, database_options  # noqa: PLC0415
    from steadfast.database.failure import translating  # noqa: PLC0415

    settings = invocation.settings
    options = database_options(settings.database, settings.data_dir)
    engine = connect(options)
    try:
        with translating(options.url):
            yield engine
    finally:
        engine.dispose()


def _revisions(engine: "Engine") -> tuple[str | None, str]:
    """Where it stands, and the newest that is known. Raises `SchemaTooNew`."""
    from steadfast.database import migration  # noqa: PLC0415

    migration.check_schema(engine)
    with engine.connect() as connection:
        return migration.revision_of(connection), migration.known_revisions()[-1]
