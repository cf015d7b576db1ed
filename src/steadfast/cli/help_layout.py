"""How help is laid out where Typer's own way would puzzle a reader."""

import inspect
from typing import Any

import typer
from typer.core import TyperGroup, TyperOption


class CommandGroup(TyperGroup):
    """A group whose help names a type only beside options that take a value.

    Typer writes `<bool>` beside `--help` and the like, as if something had to follow them.
    """

    def get_params(self, ctx: typer.Context) -> list[Any]:  # type: ignore[override]  # Typer's own Click is private
        """The group's own options."""
        return _without_types_of_flags(super().get_params(ctx))

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]
        """One of its commands."""
        command = super().get_command(ctx, cmd_name)
        if command is not None:  # `--help` is made once, here, and kept by the command
            _without_types_of_flags(command.get_params(ctx))
        return command


def _without_types_of_flags(parameters: list[Any]) -> list[Any]:
    for parameter in parameters:
        if isinstance(parameter, TyperOption) and parameter.is_flag and parameter.metavar is None:
            parameter.metavar = ""
    return parameters


def reflowed(docstring: str | None) -> str | None:
    """The docstring with each paragraph on one line, for the terminal to wrap: Typer keeps its breaks."""
    if docstring is None:
        return None
    paragraphs = inspect.cleandoc(docstring).split("\n\n")
    return "\n\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs)
