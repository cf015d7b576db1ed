"""`steadfast swap`: one target, one output."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from steadfast.cli.invocation import Invocation, command
from steadfast.cli.options import (
    EngineOption,
    EnhanceOption,
    FacesOption,
    MapOption,
    NoMarkOption,
    QualityOption,
    SimilarityOption,
    SourcesOption,
    cast_request,
    open_engine,
)

if TYPE_CHECKING:
    from steadfast.tasks.face_swap import SwapReport


@command
def swap(
    invocation: Invocation,
    target: Annotated[
        Path, typer.Option("--target", "-t", metavar="FILE", help="Photo or video whose face is replaced.")
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help="Where the result goes; its ending says how."),
    ],
    sources: SourcesOption = None,
    pairs: MapOption = None,
    faces: FacesOption = "largest",
    similarity: SimilarityOption = None,
    engine: EngineOption = None,
    enhance: EnhanceOption = False,
    quality: QualityOption = 95,
    quality_report: Annotated[
        bool,
        typer.Option("--quality-report", metavar="", help="Measure how good the swap is, and print it."),
    ] = False,
    no_mark: NoMarkOption = False,
) -> None:
    """Swap faces in a photo or a video.

    Ask the people shown first. The output says in its metadata that it is synthetic.
    """
    from steadfast.app import open_app  # noqa: PLC0415
    from steadfast.tasks.face_swap import SwapRequest  # noqa: PLC0415

    request = SwapRequest(
        cast=cast_request(sources, pairs, faces, similarity),
        target=target,
        output=output,
        enhance=enhance,
        picture_quality=quality,
        mark=not no_mark,
        measure_quality=quality_report,
    )
    app = open_app(invocation.settings)
    report = app.swap(request, open_engine(app, engine))
    for note in report.notes:
        invocation.output.say(note)
    invocation.output.show(report, lambda: summary(report))


def summary(report: "SwapReport") -> RenderableType:
    """What was done, in two lines."""
    seconds = sum(report.seconds.values())
    faces = f"{report.faces_swapped} of {report.faces_found} faces" if report.faces_found > 1 else "1 face"
    first = Text.assemble(("✓ ", "green"), (str(report.output), "bold"))
    return Group(first, f"  {faces} swapped by the {report.engine} engine in {seconds:.2f} s")
