"""`steadfast serve`, and `steadfast reload` for the one that runs."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.text import Text

from steadfast.cli.invocation import Invocation, command

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from steadfast.assembly.service import Started
    from steadfast.settings import Settings

_RELOAD_S = 600.0

HostOption = Annotated[str | None, typer.Option("--host", help="Address to listen on. Default: 127.0.0.1.")]
PortOption = Annotated[int | None, typer.Option("--port", min=0, max=65535, help="Port. Default: 8080.")]
DataOption = Annotated[
    Path | None, typer.Option("--data-dir", help="Folder of everything the service keeps.", metavar="DIR")
]
WorkersOption = Annotated[
    int | None, typer.Option("--workers", min=1, help="Worker processes. Default: one per four cores.")
]
ProxyOption = Annotated[
    str | None,
    typer.Option("--proxy-headers", metavar="ADDRESSES", help="Proxies whose X-Forwarded-* are believed."),
]
NoGuardianOption = Annotated[
    bool, typer.Option("--no-guardian", help="Start no parent process that restarts the server.")
]

RoleOption = Annotated[
    Literal["all", "api", "node"] | None,
    typer.Option(
        "--role", help="In a cluster: all, api (takes jobs, no workers) or node (works). Default: all."
    ),
]


@command
def serve(
    invocation: Invocation,
    host: HostOption = None,
    port: PortOption = None,
    data_dir: DataOption = None,
    workers: WorkersOption = None,
    proxy_headers: ProxyOption = None,
    no_guardian: NoGuardianOption = False,
    role: RoleOption = None,
) -> None:
    """Serve face swaps over HTTP, and stay up whatever happens to a model, a driver or an upload."""
    from steadfast.guardian.attach import attach_to_guardian  # noqa: PLC0415 — `--help` stays fast

    attachment = attach_to_guardian()
    chosen = {
        "server.host": host,
        "server.port": port,
        "server.trusted_proxies": _listed(proxy_headers),
        "runtime.workers": workers,
        "cluster.role": role,
        "data_dir": data_dir.absolute() if data_dir is not None else None,
    }

    def read() -> "Settings":
        from steadfast.settings import load_settings, with_options  # noqa: PLC0415

        return with_options(load_settings(invocation.config), chosen)

    settings = read()  # a wrong value stops the start here, before anything is started
    if settings.server.preflight and attachment.guardian_pid is None:  # once, not for every restart
        from steadfast.cli.doctor import check_before_start  # noqa: PLC0415

        check_before_start(invocation, settings)
    if not no_guardian:
        _become_guardian(settings.server.grace_s)
    from steadfast.assembly.server_process import run_service  # noqa: PLC0415
    from steadfast.healthcheck import write_address  # noqa: PLC0415

    def tell(started: "Started") -> None:
        write_address(settings.data_dir, started.host, started.port)
        _tell(invocation, started)

    run_service(settings, attachment, tell, read_settings=read)


@command
def reload(invocation: Invocation, data_dir: DataOption = None) -> None:
    """Have a running server read its settings anew and replace its workers one by one."""
    from steadfast.api.control import tell  # noqa: PLC0415

    folder = data_dir or invocation.settings.data_dir
    done = tell(folder / "control.sock", "reload", timeout_s=_RELOAD_S)
    invocation.output.show(done, lambda: Text("\n".join(_reloaded(done))))


def _reloaded(done: "Mapping[str, Any]") -> "Iterator[str]":
    yield f"Reloaded; the workers are now {', '.join(done['workers'])}."
    if done["applied"]:
        yield f"Changed: {', '.join(done['applied'])}."
    if done["need_restart"]:
        yield f"These wait for a restart of the service: {', '.join(done['need_restart'])}."


def _become_guardian(grace_s: float) -> None:
    from steadfast.guardian.launch import become_guardian  # noqa: PLC0415
    from steadfast.guardian.options import GuardianOptions  # noqa: PLC0415

    # The same command line, so that the server reads the same options; its grace ends inside the guardian's.
    server_argv = [sys.executable, "-P", "-m", "steadfast", *sys.argv[1:], "--no-guardian"]
    become_guardian(server_argv, GuardianOptions(grace_s=grace_s + 5.0))


def _tell(invocation: Invocation, started: "Started") -> None:
    host = f"[{started.host}]" if ":" in started.host else started.host
    url = f"http://{host}:{started.port}"
    plain: dict[str, Any] = {"url": url, "pid": os.getpid(), "needs_keys": started.needs_keys}
    said = [f"Steadfast serves at {url}"]
    if started.first_key is not None:
        plain["first_key"] = started.first_key.token
        said.append(f"The first API key, shown this once: {started.first_key.token}")
    elif not started.needs_keys:
        said.append("No API key is needed: only programs of this machine can reach it.")
    invocation.output.show(plain, lambda: Text("\n".join(said)))
    sys.stdout.flush()


def _listed(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    return tuple(part.strip() for part in text.split(",") if part.strip())
