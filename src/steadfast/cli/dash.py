"""`steadfast dash`: a running service at a glance, in a terminal."""

from typing import TYPE_CHECKING, Annotated

import typer

from steadfast.cli.invocation import Invocation, command
from steadfast.cli.service_client import ServiceClient
from steadfast.errors import ServiceUnreachable

if TYPE_CHECKING:
    from steadfast.observability.status.document import ServiceStatus

_PATIENCE_S = 5.0


@command
def dash(
    invocation: Invocation,
    once: Annotated[
        bool, typer.Option("--once", metavar="", help="Print how it stands now, and end.")
    ] = False,
    every_s: Annotated[
        float, typer.Option("--every", min=0.5, max=3600.0, metavar="SECONDS", help="Time between two looks.")
    ] = 1.0,
) -> None:
    """Watch a running service (STEADFAST_URL, STEADFAST_KEY): health, workers, queue, incidents, jobs.

    `q` or Ctrl-C ends it. Where the output is no terminal, or with --json, it looks once.
    """
    from steadfast.dashboard.live import show_live  # noqa: PLC0415 — `--help` stays fast
    from steadfast.dashboard.screen import Connection, frame  # noqa: PLC0415
    from steadfast.dashboard.watching import StatusWatch  # noqa: PLC0415

    client, output = ServiceClient(), invocation.output
    console = output.console
    if once or output.as_json or not console.is_terminal:
        status = _ask(client)
        ascii_only = not console.encoding.startswith("utf")
        output.show(
            as_plain(status),
            lambda: frame(status, Connection(url=client.url), console.width, ascii_only=ascii_only),
        )
        return
    with client.staying_connected(), StatusWatch(lambda: _ask(client), every_s=every_s) as watch:
        show_live(console, watch, client.url)


def _ask(client: ServiceClient) -> "ServiceStatus":
    import msgspec  # noqa: PLC0415

    from steadfast.observability.status.document import ServiceStatus  # noqa: PLC0415

    content = client.ask("GET", "/v1/status", timeout=_PATIENCE_S).content
    try:
        return msgspec.json.decode(content, type=ServiceStatus)
    except msgspec.MsgspecError as error:
        raise ServiceUnreachable(f"What answers at {client.url} tells no status.") from error


def as_plain(status: "ServiceStatus") -> object:
    """As JSON has it."""
    import msgspec  # noqa: PLC0415

    return msgspec.to_builtins(status)
