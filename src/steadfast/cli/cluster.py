"""`steadfast cluster`: who is there, and taking a node out of work and back, through the database they
share."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from steadfast.cli.help_layout import CommandGroup
from steadfast.cli.invocation import Invocation, command

if TYPE_CHECKING:
    from steadfast.cluster.node import Node
    from steadfast.cluster.registry import Registry, Sight
    from steadfast.cluster.waiting_work import Demand
    from steadfast.database.database import Database

app = typer.Typer(cls=CommandGroup, no_args_is_help=True)

NodeArgument = Annotated[str, typer.Argument(metavar="NODE", help="See `steadfast cluster status`.")]
WaitOption = Annotated[
    float,
    typer.Option("--wait", min=0, metavar="SECONDS", help="Wait until it is drained, that long at most."),
]
_STYLES = {"active": "green", "gone": "red", "stopped": "dim"}
_LOOK_EVERY_S = 0.2


@app.callback()
def cluster() -> None:
    """See the servers that share one database, and take them out of work and back."""


@app.command()
@command
def status(invocation: Invocation) -> None:
    """Show every node, what it can do and does, and how much work waits."""
    with _opened(invocation) as (registry, database):
        sight = registry.look()
        nodes, waiting = sight.nodes, _demand(database, sight)
    facts = {
        "nodes": [node.as_dict() for node in nodes],
        "demand": [one.as_dict() for one in waiting],
    }
    invocation.output.show(facts, lambda: _shown(nodes, waiting))


@app.command()
@command
def cordon(invocation: Invocation, node: NodeArgument) -> None:
    """Let a node begin nothing more; what runs there is finished."""
    _want(invocation, node, "cordoned", "begins nothing more within a few seconds")


@app.command()
@command
def drain(invocation: Invocation, node: NodeArgument, wait: WaitOption = 0.0) -> None:
    """Take all work from a node: what does not end within its grace period is handed back to the others."""
    _want(invocation, node, "drained", "hands back what does not end within its grace period", wait_s=wait)


@app.command()
@command
def uncordon(invocation: Invocation, node: NodeArgument) -> None:
    """Let a node work again."""
    _want(invocation, node, "active", "works again within a few seconds")


def _want(invocation: Invocation, name: str, word: str, said: str, *, wait_s: float = 0.0) -> None:
    from steadfast.cluster.node import Wanted  # noqa: PLC0415 — `--help` stays fast

    with _opened(invocation) as (registry, _):
        node = registry.want(name, Wanted(word))
        if wait_s:
            node = _await_drained(registry, name, wait_s)
            said = "holds nothing any more" if node.state.value == "drained" else f"is {node.state.value} yet"
    invocation.output.show(node.as_dict(), lambda: Text(f"The node {name} {said}."))


def _await_drained(registry: "Registry", name: str, wait_s: float) -> "Node":
    import time  # noqa: PLC0415

    until_s = time.monotonic() + wait_s
    node = registry.get(name)
    while node.state.value in ("active", "cordoned", "draining") and time.monotonic() < until_s:
        time.sleep(_LOOK_EVERY_S)
        node = registry.get(name)
    return node


@contextmanager
def _opened(invocation: Invocation) -> "Iterator[tuple[Registry, Database]]":
    from steadfast.cluster.registry import Registry  # noqa: PLC0415
    from steadfast.database.connection import database_options  # noqa: PLC0415
    from steadfast.database.database import open_database  # noqa: PLC0415

    settings = invocation.settings
    database = open_database(database_options(settings.database, settings.data_dir))
    try:
        yield Registry(database, gone_after_s=settings.cluster.gone_after_s), database
    finally:
        database.close()


def _demand(database: "Database", sight: "Sight") -> "list[Demand]":
    from steadfast.cluster.coverage import Coverage  # noqa: PLC0415
    from steadfast.cluster.waiting_work import demand  # noqa: PLC0415

    with database.reading() as connection:
        return demand(connection, sight.at.timestamp(), Coverage(sight.nodes, at=sight.at))


def _shown(nodes: "list[Node]", waiting: "list[Demand]") -> RenderableType:
    if not nodes:
        return Text("No server has said that it is there. They do where database.url is a PostgreSQL.")
    return Group(_node_table(nodes), Text(""), _demand_table(waiting))


def _node_table(nodes: "list[Node]") -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in (
        "Node",
        "Role",
        "State",
        "Version",
        "Work",
        "Leases",
        "Silent",
        "Clock",
        "Broker",
        "Can do",
    ):
        table.add_column(heading, no_wrap=heading not in ("Node", "Can do"))
    for node in nodes:
        state = node.state.value
        wanted = (
            "" if node.wanted.value == state or state in ("gone", "stopped") else f" → {node.wanted.value}"
        )
        chief = " *" if node.facts.is_chief and state != "gone" else ""
        table.add_row(
            Text(f"{node.name}{chief}"),
            node.role,
            Text(f"{state}{wanted if node.wanted.value != 'active' else ''}", _STYLES.get(state, "yellow")),
            node.version,
            f"{node.facts.busy}/{node.facts.places}",
            str(node.leases),
            f"{node.silent_s:.0f} s",
            f"{node.skew_s:+.2f} s",
            node.facts.broker,
            " ".join(node.facts.capabilities),
        )
    table.caption = "* does what only one may do" if any(node.facts.is_chief for node in nodes) else None
    return table


def _demand_table(waiting: "list[Demand]") -> RenderableType:
    if not waiting:
        return Text("No work waits.")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Waits for", "Priority", "Steps", "Device time", "Oldest job"):
        table.add_column(heading, no_wrap=True)
    for one in waiting:
        row = one.as_dict()
        table.add_row(
            str(row["capability"]),
            str(row["priority"]),
            str(one.steps),
            f"{one.device_s:.0f} s",
            f"{one.oldest_s:.0f} s",
        )
    lacking = {one.lacking: one.unserved_steps for one in waiting if one.lacking}
    told = [
        Text(f"{steps} of these steps can be done by nobody: {why}.", "red") for why, steps in lacking.items()
    ]
    return Group(table, Text(""), *told) if told else table
