"""Faces exchanged in one video."""

from dataclasses import replace

from steadfast.faces.roles import Engine
from steadfast.faces.tracking import TrackingOptions
from steadfast.media.provenance import Mark, video_metadata
from steadfast.tasks.cast import Cast
from steadfast.tasks.frame_swap import FrameSwap
from steadfast.tasks.swap_quality import MeasuredFrameSwap
from steadfast.tasks.video_pipeline import VideoRequest, process_video
from steadfast.tasks.video_report import OnProgress, VideoReport


def swap_video(
    request: VideoRequest,
    cast: Cast,
    engine: Engine,
    *,
    enhance: bool = False,
    mark: Mark | None = None,
    tracking: TrackingOptions | None = None,
    on_progress: OnProgress | None = None,
    measure: bool = False,
) -> VideoReport:
    """Writes the video with its chosen faces exchanged; frames without them pass untouched.

    `mark` goes into the container's metadata; `tracking` None: what suits the engine;
    `measure` fills the report's quality, at the price of speed. Raises what
    `process_video` raises, `NoFace` and `FaceNotMatched` where no frame of the whole video was changed, and
    `TooManyFaces`.
    """
    frames = FrameSwap(engine, cast, enhance=enhance, tracking=tracking)
    measured = MeasuredFrameSwap(frames, engine) if measure else None
    said = replace(
        request,
        needs_a_face=True,
        metadata={**request.metadata, **(video_metadata(mark) if mark else {})},
        engine=engine.name.value,
        models=engine.models,
    )
    report = process_video(said, measured or frames, on_progress)
    quality = None if measured is None else measured.result()
    return replace(report, quality=quality, notes=(*engine.notes, *cast.notes, *report.notes))
