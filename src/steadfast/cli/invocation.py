"""One run of the command line: its output, its settings, and the options that every command has.

A command is a function whose first parameter is the `Invocation`; its other parameters are ordinary Typer
parameters. `command` adds `--json`, `--quiet`, `--debug` and `--config` to it:

    @command
    def rotate(invocation: Invocation, image: Annotated[Path, typer.Argument()]) -> None:
        \"\"\"Rotate a picture.\"\"\"                                  # the help text
        from steadfast.app import open_engine                     # heavy imports stand inside
        answer = turn(image, invocation.settings.media)           # a SteadfastError may simply escape
        invocation.output.show(answer, human=lambda: table_of(answer))

`application.py` registers it: `app.command()(rotate)`; a group: `app.add_typer(models.app, name="models")`.
"""

import inspect
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec

import typer

from steadfast.cli.help_layout import reflowed
from steadfast.cli.output import Output

if TYPE_CHECKING:
    from steadfast.settings import Settings

P = ParamSpec("P")

_EVERYWHERE = "Options of every command"

JsonOption = Annotated[
    bool, typer.Option("--json", metavar="", help="Print one JSON document.", rich_help_panel=_EVERYWHERE)
]
QuietOption = Annotated[
    bool,
    typer.Option("--quiet", "-q", metavar="", help="No progress, no remarks.", rich_help_panel=_EVERYWHERE),
]
DebugOption = Annotated[
    bool,
    typer.Option("--debug", metavar="", help="Log everything, with tracebacks.", rich_help_panel=_EVERYWHERE),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings file (TOML).", rich_help_panel=_EVERYWHERE),
]


class Invocation:
    """What a command is given beside its own parameters."""

    def __init__(self) -> None:
        self.output = Output()
        self.config: Path | None = None

    @cached_property
    def settings(self) -> "Settings":
        """All settings, read when first asked for."""
        from steadfast.settings import load_settings  # noqa: PLC0415 — pydantic costs `--help` 0.2 s

        return load_settings(self.config)

    def adopt(self, *, as_json: bool, quiet: bool, debug: bool, config: Path | None) -> None:
        """Takes over options, whether they stood before the command's name or after it."""
        self.output.as_json |= as_json
        self.output.quiet |= quiet
        self.output.debug |= debug
        self.config = config or self.config
        if debug:
            _log_everything()


def command(function: Callable[Concatenate[Invocation, P], None]) -> Callable[..., None]:
    """The function as Typer takes it, with the options that every command has."""

    def call(context: typer.Context, **values: Any) -> None:
        invocation: Invocation = context.obj
        invocation.adopt(
            as_json=values.pop("json"),
            quiet=values.pop("quiet"),
            debug=values.pop("debug"),
            config=values.pop("config"),
        )
        function(invocation, **values)  # type: ignore[call-arg]  # Typer fills what the signature asks

    # Not functools.wraps: Typer would follow `__wrapped__` and read the signature without the added options.
    own = list(inspect.signature(function).parameters.values())[1:]
    parameters = [_parameter("context", typer.Context, inspect.Parameter.empty), *own, *_everywhere()]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {p.name: p.annotation for p in parameters}
    call.__name__, call.__module__ = function.__name__, function.__module__
    call.__doc__ = reflowed(function.__doc__)
    return call


def _everywhere() -> list[inspect.Parameter]:
    flags = {"json": JsonOption, "quiet": QuietOption, "debug": DebugOption}
    options = [_parameter(name, annotation, default=False) for name, annotation in flags.items()]
    return [*options, _parameter("config", ConfigOption, default=None)]


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY if name != "context" else inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Parameter(name, kind, annotation=annotation, default=default)


def _log_everything() -> None:
    import faulthandler  # noqa: PLC0415
    import logging  # noqa: PLC0415

    faulthandler.enable()
    layout = "%(asctime)s %(name)s %(levelname)s %(message)s"
    logging.basicConfig(level=logging.INFO, format=layout, force=True)
    logging.getLogger("steadfast").setLevel(logging.DEBUG)
