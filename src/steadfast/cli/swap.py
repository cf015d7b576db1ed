"""`steadfast swap`: one target, one output."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from steadfast.cli.frame_progress import video_progress
from steadfast.cli.invocation import Invocation, command
from steadfast.cli.options import (
    CodecOption,
    CrfOption,
    EngineOption,
    EnhanceOption,
    FacesOption,
    GlassesOption,
    MapOption,
    MaxBadFramesOption,
    NoMarkOption,
    NoSoundOption,
    PresetOption,
    QualityOption,
    SimilarityOption,
    SourcesOption,
    cast_request,
    open_engine,
    with_glasses,
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
    glasses: GlassesOption = None,
    quality: QualityOption = 95,
    quality_report: Annotated[
        bool,
        typer.Option("--quality-report", metavar="", help="Measure how good the swap is, and print it."),
    ] = False,
    no_mark: NoMarkOption = False,
    codec: CodecOption = "auto",
    crf: CrfOption = None,
    preset: PresetOption = "medium",
    no_sound: NoSoundOption = False,
    max_bad_frames: MaxBadFramesOption = 0.01,
) -> None:
    """Swap faces in a photo or a video.

    Ask the people shown first. The output says in its metadata that it is synthetic.
    """
    from steadfast.app import open_app  # noqa: PLC0415
    from steadfast.media.encoders import VideoOptions  # noqa: PLC0415
    from steadfast.tasks.face_swap import SwapRequest  # noqa: PLC0415

    request = SwapRequest(
        cast=cast_request(sources, pairs, faces, similarity),
        target=target,
        output=output,
        enhance=enhance,
        picture_quality=quality,
        mark=not no_mark,
        measure_quality=quality_report,
        video=VideoOptions(codec=codec, quality=crf, preset=preset),
        keep_sound=not no_sound,
        max_bad_frames=max_bad_frames,
    )
    app = open_app(with_glasses(invocation.settings, glasses))
    with video_progress(invocation.output) as on_progress:
        report = app.swap(request, open_engine(app, engine), on_progress)
    for note in report.notes:
        invocation.output.say(note)
    invocation.output.show(report, lambda: summary(report))


def summary(report: "SwapReport") -> RenderableType:
    """What was done, in a few lines."""
    seconds = sum(report.seconds.values())
    first = Text.assemble(("✓ ", "green"), (str(report.output), "bold"))
    lines = [*_lines(report, seconds), *_quality_lines(report)]
    return Group(first, *(Padding(Text(line), (0, 0, 0, 2), expand=False) for line in lines))


def _lines(report: "SwapReport", seconds: float) -> list[str]:
    video = report.video
    by = f"by the {report.engine} engine in {seconds:.2f} s"
    if video is None:
        several = report.faces_found is not None and report.faces_found > 1
        faces = f"{report.faces_swapped} of {report.faces_found} faces" if several else "1 face"
        return [f"{faces} swapped {by}"]
    lines = [f"{video.frames_swapped} of {video.frames} frames swapped {by} ({video.fps:.0f} frames/s)"]
    if video.bad_frames:
        kept, repeated = video.frames_failed, video.frames_repeated
        lines.append(f"{kept} frames kept their original, {repeated} could not be decoded and were repeated")
    return lines


def _quality_lines(report: "SwapReport") -> list[str]:
    quality = report.quality
    if quality is None:
        return []
    if report.video is None:
        lines = [_face_line(face) for face in quality["faces"]]
        same = "identical" if quality["outside_is_identical"] else "NOT identical"
        return [*lines, f"outside the masks: {same}"]
    shares = f"{quality['swapped_share']:.1%} of frames with a face swapped"
    lines = [f"{shares}, flicker {quality['flicker']:.2f} (1 is as calm as the original)"]
    return [*lines, _likeness(quality)] if "similarity_to_source" in quality else lines


def _face_line(face: dict[str, Any]) -> str:
    if not face["found_again"]:
        return f"face {face['index']}: no face is found in its place any more"
    return f"face {face['index']}: {_likeness(face)}"


def _likeness(figures: dict[str, Any]) -> str:
    return (
        f"likeness to the source {figures['similarity_to_source']:.2f}, to who was there "
        f"{figures['similarity_to_target']:.2f} (same person from {figures['same_person_from']:.2f}), "
        f"landmarks moved {figures['landmark_error']:.1%} of the eyes' distance"
    )
