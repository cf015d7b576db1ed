"""`steadfast demo`: the main job, on material that comes with ordinary packages."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from steadfast.cli.frame_progress import video_progress
from steadfast.cli.invocation import Invocation, command
from steadfast.cli.options import ENGINE_HELP, EngineChoice, open_engine

if TYPE_CHECKING:
    from steadfast.tasks.demo import DemoReport, DemoStep


@command
def demo(
    invocation: Invocation,
    folder: Annotated[Path, typer.Option("--folder", metavar="FOLDER", help="Where the results go.")] = Path(
        "demo"
    ),
    engine: Annotated[
        EngineChoice, typer.Option("--engine", metavar="ENGINE", help=ENGINE_HELP)
    ] = EngineChoice.EMBEDDED,
) -> None:
    """Swap two public-domain portraits and a video made from one; nothing is downloaded.

    Grace Hopper (US Navy) and Eileen Collins (NASA) come with matplotlib and scikit-image.
    """
    from steadfast.app import open_app  # noqa: PLC0415
    from steadfast.tasks.demo import run_demo  # noqa: PLC0415

    app = open_app(invocation.settings)
    chosen = open_engine(app, engine)
    invocation.output.say(
        f"Swapping two portraits and a 6-second video with the {chosen.name.value} engine …"
    )
    with video_progress(invocation.output) as on_progress:
        report = run_demo(
            folder, chosen, lambda request, tell: app.swap(request, chosen, tell), on_progress=on_progress
        )
    invocation.output.show(report, lambda: _summary(report))


def _summary(report: "DemoReport") -> RenderableType:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("face of → put on", no_wrap=True)
    for heading in ("like\nsource", "like\ntarget", "seconds"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("output", overflow="fold")  # a path is read whole or not at all
    for step in report.steps:
        table.add_row(*_row(step))
    scale = (
        f"Similarity is 1 for the same picture and about 0 for strangers; from {report.same_person:.2f} on "
        f"the {report.engine} engine says: the same person."
    )
    did = f"Engine: {report.engine} ({', '.join(report.models)}), {report.seconds:.1f} s in all."
    look = Text.assemble(
        "Look at it: ", (str(report.overview), "bold"), " shows both portraits before and after."
    )
    return Group(table, Text(), Text(did), Text(scale, style="dim"), look)


def _row(step: "DemoStep") -> tuple[str, ...]:
    figures = (step.like_source, step.like_target)
    shown = ("—" if figure is None else f"{figure:.2f}" for figure in figures)
    return (step.title, *shown, f"{step.seconds:.2f}", str(step.report.output))
