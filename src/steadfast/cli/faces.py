"""`steadfast faces`: which faces are in a picture, and what is known of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from steadfast.cli.invocation import Invocation, command
from steadfast.cli.options import EngineOption, open_engine

if TYPE_CHECKING:
    from steadfast.faces.face import Face
    from steadfast.tasks.face_listing import FaceListing

_SHARPNESS_STYLES = {"sharp": "green", "soft": "yellow", "blurred": "red"}
_TURNED_DEG = 35.0  # beyond it half the face is out of sight


@command
def faces(
    invocation: Invocation,
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="The picture.", show_default=False)],
    draw: Annotated[
        Path | None,
        typer.Option("--draw", metavar="OUT", help="Store a copy with the faces drawn and numbered."),
    ] = None,
    engine: EngineOption = None,
    full: Annotated[
        bool, typer.Option("--full", metavar="", help="With --json: every landmark and the embeddings too.")
    ] = False,
) -> None:
    """List the faces of a picture.

    Faces are numbered from left to right; `steadfast swap --faces 0,2` and `--map 0=…` use these numbers.
    """
    from steadfast.app import open_app  # noqa: PLC0415
    from steadfast.media.output import check_output  # noqa: PLC0415
    from steadfast.media.pictures import read_picture  # noqa: PLC0415
    from steadfast.tasks.face_listing import list_faces  # noqa: PLC0415

    app = open_app(invocation.settings)
    picture = read_picture(image, app.limits)
    if draw:
        check_output(draw)
    listing = list_faces(picture, open_engine(app, engine))
    if draw:
        _draw(listing, draw)
    for note in (*listing.engine.notes, *picture.notes):
        invocation.output.say(note)
    invocation.output.show(listing.as_dict(full=full), lambda: overview(listing, draw))


def _draw(listing: "FaceListing", output: Path) -> None:
    from steadfast.faces.annotation import annotated  # noqa: PLC0415
    from steadfast.media.picture_writer import write_picture  # noqa: PLC0415
    from steadfast.media.pictures import Picture  # noqa: PLC0415

    pixels = annotated(listing.picture.pixels, listing.faces)
    drawing = Picture(name=str(output), format=listing.picture.format, pixels=pixels)
    write_picture(drawing, output, mark=None)  # the face is the person's own: nothing was exchanged


def overview(listing: "FaceListing", drawn: Path | None = None) -> RenderableType:
    """The table for a terminal."""
    picture, engine = listing.picture, listing.engine
    found = {0: "No face was found.", 1: "1 face"}.get(len(listing.faces), f"{len(listing.faces)} faces")
    lines: list[RenderableType] = [
        Text.assemble(
            (picture.name, "bold"), (f"  {picture.width} × {picture.height} px", "dim"), f"  {found}"
        )
    ]
    if listing.faces:
        lines.append(_table(listing))
    space, topology = engine.identity.space.value, engine.landmarker.topology.value
    models = ", ".join(engine.models) or "none"
    lines.append(
        Text(f"Engine {engine.name.value} ({models}); embeddings {space}; landmarks {topology}", "dim")
    )
    if drawn:
        lines.append(Text.assemble(("✓ ", "green"), (str(drawn), "bold")))
    return Group(*lines)


def _table(listing: "FaceListing") -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in ("#", "Left, top", "Size", "Score", "Yaw", "Pitch", "Roll", "Sharpness"):
        table.add_column(heading, justify="right", no_wrap=True)
    for index, face in enumerate(listing.faces):
        table.add_row(*_cells(index, face))
    return table


def _cells(index: int, face: "Face") -> tuple[RenderableType, ...]:
    from steadfast.tasks.face_listing import sharpness_word  # noqa: PLC0415

    box, pose = face.box, face.pose
    word = sharpness_word(face)
    return (
        str(index),
        f"{box.left:.0f}, {box.top:.0f}",
        f"{box.width:.0f} × {box.height:.0f}",
        f"{face.score:.2f}",
        Text(f"{pose.yaw_deg:+.0f}°", "yellow" if abs(pose.yaw_deg) > _TURNED_DEG else ""),
        f"{pose.pitch_deg:+.0f}°",
        f"{pose.roll_deg:+.0f}°",
        Text(f"{face.sharpness:.0f} {word}", _SHARPNESS_STYLES[word]),
    )
