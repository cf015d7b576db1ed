"""`steadfast settings`: what is in force, and who said so."""

import json
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from steadfast.cli.invocation import Invocation, command

_DEFAULT = "default"

ChangedOption = Annotated[bool, typer.Option("--changed", help="Only what differs from the defaults.")]


@command
def settings(invocation: Invocation, changed: ChangedOption = False) -> None:
    """Show every setting that is in force, and where it comes from. Secrets are masked."""
    from steadfast.settings import effective_settings  # noqa: PLC0415 — pydantic costs `--help` 0.2 s

    found = effective_settings(invocation.settings, invocation.config)
    shown = [setting for setting in found if not changed or setting.origin != _DEFAULT]
    plain = {setting.name: {"value": setting.value, "origin": setting.origin} for setting in shown}
    invocation.output.show(plain, lambda: _table([(s.name, s.value, s.origin) for s in shown]))


def _table(rows: list[tuple[str, Any, str]]) -> Table | Text:
    if not rows:
        return Text("Every setting has its default.")
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Setting", no_wrap=True)
    table.add_column("Value", overflow="fold")
    table.add_column("Origin")
    for name, value, origin in rows:
        style = "dim" if origin == _DEFAULT else ""
        table.add_row(name, Text(_written(value)), origin, style=style)
    return table


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
