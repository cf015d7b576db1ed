"""Options that several commands share; nothing heavy is imported, so that `--help` stays quick."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from steadfast.app import App
    from steadfast.faces.roles import Engine
    from steadfast.settings import Settings
    from steadfast.tasks.cast import CastRequest


class EngineChoice(StrEnum):
    """What `--engine` takes: an engine, or the best that works."""

    AUTO = "auto"
    EMBEDDED = "embedded"
    STANDARD = "standard"
    NEURAL = "neural"


ENGINE_HELP = "embedded, standard or neural; auto takes the best that works here."
_WHO = "Whose face goes where"
_LOOK = "How it looks"
_VIDEO = "Video"

EngineOption = Annotated[
    EngineChoice | None,
    typer.Option("--engine", metavar="ENGINE", help=ENGINE_HELP, show_default="what the settings say"),
]
SourcesOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--source",
        "-s",
        metavar="PHOTO",
        rich_help_panel=_WHO,
        help="Photo of the person whose face is given; several photos of one person make one identity.",
    ),
]
MapOption = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="N=PHOTO",
        rich_help_panel=_WHO,
        help="Another source for each face: --map 0=a.jpg --map 1=b.jpg (left to right).",
    ),
]
FacesOption = Annotated[
    str,
    typer.Option(
        "--faces",
        metavar="WHICH",
        rich_help_panel=_WHO,
        help="Faces of the target: largest, one, all, left-to-right, 0,2 or like:PHOTO.",
    ),
]
SimilarityOption = Annotated[
    float | None,
    typer.Option(
        "--similarity",
        metavar="NUMBER",
        min=-1.0,
        max=1.0,
        rich_help_panel=_WHO,
        help="Least similarity for like:PHOTO.",
        show_default="by engine",
    ),
]
EnhanceOption = Annotated[
    bool,
    typer.Option("--enhance", metavar="", rich_help_panel=_LOOK, help="Restore detail of swapped faces."),
]


class GlassesChoice(StrEnum):
    """What `--glasses` takes."""

    REMOVE = "remove"
    KEEP = "keep"


GlassesOption = Annotated[
    GlassesChoice | None,
    typer.Option(
        "--glasses",
        metavar="WHAT",
        rich_help_panel=_LOOK,
        help="Glasses of the target: remove (they go with the face) or keep (less like the source).",
    ),
]
QualityOption = Annotated[
    int,
    typer.Option(
        "--quality",
        metavar="NUMBER",
        min=1,
        max=100,
        rich_help_panel=_LOOK,
        help="Of JPEG, WebP, HEIC and AVIF outputs.",
    ),
]
NoMarkOption = Annotated[
    bool,
    typer.Option(
        "--no-mark",
        metavar="",
        rich_help_panel=_LOOK,
        help="Leave out the metadata that says the output is synthetic; saying so is then up to you.",
    ),
]
CodecOption = Annotated[
    str,
    typer.Option(
        "--codec",
        metavar="CODEC",
        rich_help_panel=_VIDEO,
        help="h264, hevc, vp9, av1, gif, or an encoder such as h264_nvenc; auto: the container's usual one.",
    ),
]
CrfOption = Annotated[
    float | None,
    typer.Option(
        "--crf",
        metavar="NUMBER",
        rich_help_panel=_VIDEO,
        help="Quality on the encoder's own scale; lower is better.",
        show_default="20 for h264",
    ),
]
PresetOption = Annotated[
    str,
    typer.Option(
        "--preset",
        metavar="PRESET",
        rich_help_panel=_VIDEO,
        help="ultrafast … medium … veryslow, as x264 names them.",
    ),
]
NoSoundOption = Annotated[
    bool, typer.Option("--no-sound", metavar="", rich_help_panel=_VIDEO, help="Leave the sound out.")
]
MaxBadFramesOption = Annotated[
    float,
    typer.Option(
        "--max-bad-frames",
        metavar="SHARE",
        min=0.0,
        max=1.0,
        rich_help_panel=_VIDEO,
        help="Share of frames that may keep their original or repeat the one before; above it the run fails.",
    ),
]


def with_glasses(settings: "Settings", choice: GlassesChoice | None) -> "Settings":
    """The settings with what `--glasses` says, where it says something."""
    if choice is None:
        return settings
    return settings.model_copy(update={"faces": settings.faces.model_copy(update={"glasses": choice.value})})


def open_engine(app: "App", choice: EngineChoice | None) -> "Engine":
    """The engine that `--engine` names, or the settings; raises EngineUnavailable."""
    from steadfast.faces.roles import EngineName  # noqa: PLC0415

    if choice is EngineChoice.AUTO:
        return app.best_engine()
    return app.open_engine(None if choice is None else EngineName(choice.value))


def cast_request(
    sources: list[Path] | None, pairs: list[str] | None, faces: str, similarity: float | None
) -> "CastRequest":
    """What the options say of whose face goes where; raises InvalidOption."""
    from steadfast.faces.selection import parse_selection, parse_source_map  # noqa: PLC0415
    from steadfast.tasks.cast import CastRequest  # noqa: PLC0415

    return CastRequest(
        sources=tuple(sources or ()),
        by_index={number: Path(path) for number, path in parse_source_map(pairs or ()).items()},
        selection=parse_selection(faces, min_similarity=similarity),
    )
