"""`steadfast keys`: who may use the service, and for what."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from steadfast.admission.scopes import Scope
from steadfast.cli.help_layout import CommandGroup
from steadfast.cli.invocation import Invocation, command
from steadfast.errors import InvalidOption, KeyUnknown

if TYPE_CHECKING:
    from steadfast.admission.keys import ApiKey, KeyStore, NewKey

app = typer.Typer(cls=CommandGroup, no_args_is_help=True)


@app.callback()
def keys() -> None:
    """Make, list and revoke the API keys of the service."""


_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_STYLES = {"good": "green", "expired": "yellow", "revoked": "dim"}

NameOption = Annotated[
    str, typer.Option("--name", metavar="NAME", help="Whose key it is; shown in lists and logs.")
]
ScopeOption = Annotated[
    list[Scope] | None,
    typer.Option(
        "--scope",
        metavar="SCOPE",
        help="What it allows: swap, jobs or admin; may be given several times.",
        show_default="swap and jobs",
    ),
]
ExpiresOption = Annotated[
    str | None, typer.Option("--expires-in", metavar="TIME", help="90d, 12h or 30m; without it, never.")
]


@app.command()
@command
def create(
    invocation: Invocation,
    name: NameOption,
    scope: ScopeOption = None,
    expires_in: ExpiresOption = None,
) -> None:
    """Make a key and show it, this once."""
    expires_at = _now() + _duration(expires_in) if expires_in is not None else None
    with _open_store(invocation) as store:
        new = store.create(name=name, scopes=scope or [Scope.SWAP, Scope.JOBS], expires_at=expires_at)
    has_callbacks = new.key.allows(Scope.JOBS) and invocation.settings.webhooks.enabled
    secret = _webhook_secret(invocation, new.key.id) if has_callbacks else None
    document = {"key": new.token, "webhook_secret": secret} | _plain(new.key)
    invocation.output.show(document, lambda: Text(new.token))
    invocation.output.say(_told(new))
    if secret is not None:
        invocation.output.say(f"Callbacks of its jobs are signed with {secret}")


@app.command("list")
@command
def list_keys(invocation: Invocation) -> None:
    """List every key, revoked ones too; the keys themselves are not stored."""
    with _open_store(invocation) as store:
        found = store.list()
    invocation.output.show({"keys": [_plain(key) for key in found]}, lambda: _table(found))


@app.command()
@command
def revoke(
    invocation: Invocation,
    key_id: Annotated[str, typer.Argument(metavar="ID", help="See `steadfast keys list`.")],
) -> None:
    """End a key; a running server refuses it within a few seconds."""
    with _open_store(invocation) as store:
        revoked = store.revoke(key_id)
    invocation.output.show(
        _plain(revoked), lambda: Text(f"The key {revoked.id} ({revoked.name}) is revoked.")
    )


@app.command("webhook-secret")
@command
def webhook_secret_of(
    invocation: Invocation,
    key_id: Annotated[str, typer.Argument(metavar="ID", help="See `steadfast keys list`.")],
) -> None:
    """Show what callbacks about a key's jobs are signed with; run it where the server runs."""
    with _open_store(invocation) as store:
        if key_id not in {key.id for key in store.list()}:
            raise KeyUnknown(f"There is no key {key_id[:40]!r}.")
    secret = _webhook_secret(invocation, key_id)
    invocation.output.show({"id": key_id, "webhook_secret": secret}, lambda: Text(secret))


def _webhook_secret(invocation: Invocation, key_id: str) -> str:
    from steadfast.jobs.webhook_secrets import secret_of_key, webhook_secret  # noqa: PLC0415
    from steadfast.settings.secret_files import secret_text  # noqa: PLC0415

    settings = invocation.settings
    given = secret_text("webhooks.secret", settings.webhooks.secret, settings.webhooks.secret_file)
    return secret_of_key(webhook_secret(settings.data_dir, given), key_id)


@contextmanager
def _open_store(invocation: Invocation) -> "Iterator[KeyStore]":
    from steadfast.admission.keys import KeyStore  # noqa: PLC0415 — `--help` stays fast
    from steadfast.database.connection import database_options  # noqa: PLC0415
    from steadfast.database.database import open_database  # noqa: PLC0415

    settings = invocation.settings
    database = open_database(database_options(settings.database, settings.data_dir))
    try:
        yield KeyStore(database)
    finally:
        database.close()


def _duration(written: str) -> timedelta:
    parts = re.fullmatch(r"([1-9]\d{0,5})([dhms])", written)
    if parts is None:
        raise InvalidOption(
            f"The time {written!r} cannot be read.", remedy="Write a number and d, h, m or s: 90d, 12h, 30m."
        )
    return timedelta(**{_UNITS[parts.group(2)]: int(parts.group(1))})


def _told(new: "NewKey") -> str:
    scopes = " and ".join(sorted(scope.value for scope in new.key.scopes))
    until = f" until {_written(new.key.expires_at)}" if new.key.expires_at is not None else ""
    return f"It allows {scopes}{until}. It is stored as a hash and cannot be shown again."


def _table(found: "list[ApiKey]") -> RenderableType:
    if not found:
        return Text("There are no keys. Make one: steadfast keys create --name NAME")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Id", "Name", "Scopes", "State", "Made", "Expires", "Last used"):
        table.add_column(heading, no_wrap=heading != "Name")
    for key in found:
        state = _state(key)
        times = (_written(moment) for moment in (key.created_at, key.expires_at, key.last_used_at))
        scopes = ", ".join(sorted(key.scopes))
        table.add_row(key.id, Text(key.name), scopes, Text(state, _STYLES[state]), *times)
    return table


def _plain(key: "ApiKey") -> dict[str, Any]:
    times = {
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
    }
    written = {name: moment.isoformat() if moment is not None else None for name, moment in times.items()}
    return {"id": key.id, "name": key.name, "scopes": sorted(key.scopes), "state": _state(key)} | written


def _state(key: "ApiKey") -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "good" if key.is_good_at(_now()) else "expired"


def _written(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC") if moment is not None else "never"


def _now() -> datetime:
    return datetime.now(UTC)
