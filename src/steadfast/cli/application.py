"""The `steadfast` command."""

import typer

from steadfast import __version__

app = typer.Typer(name="steadfast", no_args_is_help=True, help="Swap faces in photos and videos.")


@app.callback()
def steadfast() -> None:
    """Swap faces in photos and videos."""


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    """Entry point of the command line."""
    app()
