"""The `steadfast` command: its commands, and the one place where every error becomes a sentence."""

import io
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Annotated

import typer

from steadfast import __version__
from steadfast.cli import cluster, crashes, database, incidents, jobs, keys, models, sla
from steadfast.cli.batch import batch
from steadfast.cli.bench import bench
from steadfast.cli.dash import dash
from steadfast.cli.demo import demo
from steadfast.cli.diagnose import diagnose
from steadfast.cli.doctor import doctor
from steadfast.cli.drill import drill
from steadfast.cli.entail import entail, entail_batch
from steadfast.cli.faces import faces
from steadfast.cli.help_layout import CommandGroup
from steadfast.cli.invocation import (
    ConfigOption,
    DebugOption,
    Invocation,
    JsonOption,
    QuietOption,
)
from steadfast.cli.serve import reload, serve
from steadfast.cli.settings import settings
from steadfast.cli.swap import swap
from steadfast.cli.version import version
from steadfast.errors import ExitCode

app = typer.Typer(
    cls=CommandGroup, name="steadfast", add_completion=True, rich_markup_mode="rich", no_args_is_help=True
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"steadfast {__version__}")
        raise typer.Exit


VersionOption = Annotated[
    bool,
    typer.Option("--version", callback=_print_version, is_eager=True, metavar="", help="Print the version."),
]


@app.callback()
def steadfast(
    context: typer.Context,
    *,
    json: JsonOption = False,
    quiet: QuietOption = False,
    debug: DebugOption = False,
    config: ConfigOption = None,
    version: VersionOption = False,  # noqa: ARG001 — its callback acts
) -> None:
    """Swap faces in photos and videos, and ask whether a sentence fits a picture; here or as a service.

    Only with the consent of the people shown: a swapped picture says in its metadata that it is one.
    """
    context.obj.adopt(as_json=json, quiet=quiet, debug=debug, config=config)


app.command()(swap)
app.command()(batch)
app.command()(bench)
app.command()(dash)
app.command()(demo)
app.command()(diagnose)
app.command()(doctor)
app.command()(drill)
app.command()(entail)
app.command("entail-batch")(entail_batch)
app.command()(faces)
app.command()(serve)
app.command()(reload)
app.command()(settings)
app.command()(version)
app.add_typer(models.app, name="models")
app.add_typer(database.app, name="db")
app.add_typer(keys.app, name="keys")
app.add_typer(incidents.app, name="incidents")
app.add_typer(jobs.app, name="jobs")
app.add_typer(crashes.app, name="crashes")
app.add_typer(sla.app, name="sla")
app.add_typer(cluster.app, name="cluster")


def run(arguments: Sequence[str], application: typer.Typer = app) -> ExitCode:
    """Runs one command line; every outcome is an exit status, nothing is raised but `SystemExit`."""
    invocation = Invocation()
    try:
        status = typer.main.get_command(application).main(
            args=list(arguments), prog_name="steadfast", standalone_mode=False, obj=invocation
        )
        return _ended(invocation, status)
    except typer.TyperException as error:
        if not error.format_message():  # without arguments: the help was printed
            return ExitCode.USAGE
        invocation.output.as_json |= "--json" in arguments  # parsing broke off before it was seen
        return invocation.output.fail_usage(_sentence(error), _usage_hint(error))
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted(invocation)
    except Exception as error:  # noqa: BLE001 — the outermost boundary: a sentence, the whole with --debug
        return invocation.output.fail(error)


def main() -> None:
    """Entry point of the command line."""
    _prepare_process()
    status = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stdout = None  # else the interpreter complains at exit
        status = ExitCode.READER_GONE
    sys.exit(int(status))


def _ended(invocation: Invocation, status: object) -> ExitCode:
    code = ExitCode(status) if isinstance(status, int) else ExitCode.OK
    return _interrupted(invocation) if code is ExitCode.INTERRUPTED else code


def _interrupted(invocation: Invocation) -> ExitCode:
    invocation.output.say("Interrupted; nothing half-written stands under its final name.")
    return ExitCode.INTERRUPTED


def _sentence(error: typer.TyperException) -> str:
    message = error.format_message().replace("Value error, ", "")  # how Typer's validator begins its own
    return message if message.endswith((".", "?")) else f"{message}."


def _usage_hint(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    name = context.command_path if context is not None else "steadfast"
    return f"See `{name} --help`."


def _prepare_process() -> None:
    import logging  # noqa: PLC0415
    import warnings  # noqa: PLC0415

    # Without a handler Python prints what libraries log to the terminal; --debug puts a real one here.
    logging.getLogger().addHandler(logging.NullHandler())
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    # A terminal or a pipe that cannot show a sign gets an escape, not a crash.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, _stop)


def _stop(_signum: int, _frame: FrameType | None) -> None:
    # Unwinds like Ctrl-C, so that whatever writes aside removes what it wrote.
    raise SystemExit(int(ExitCode.TERMINATED))
