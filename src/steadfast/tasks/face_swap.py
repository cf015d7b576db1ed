"""The face swap as a user asks for it: source photos, a target file, an output file, and a report."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from steadfast.errors import InvalidOption
from steadfast.faces.roles import Engine
from steadfast.media.containers import output_container
from steadfast.media.encoders import VideoOptions
from steadfast.media.limits import DEFAULT_LIMITS, MediaLimits, kind_of
from steadfast.media.output import check_output
from steadfast.media.picture_writer import picture_format_for, write_picture
from steadfast.media.pictures import read_picture
from steadfast.media.sniff import MediaKind
from steadfast.tasks.cast import CastReader, CastRequest
from steadfast.tasks.output_mark import mark_of
from steadfast.tasks.picture_swap import swap_picture
from steadfast.tasks.stop_watch import StopWatch
from steadfast.tasks.swap_quality import picture_quality
from steadfast.tasks.video_pipeline import VideoRequest
from steadfast.tasks.video_report import OnProgress, VideoReport
from steadfast.tasks.video_swap import swap_video


@dataclass(frozen=True, kw_only=True, slots=True)
class SwapRequest:
    """What a user asks for."""

    cast: CastRequest
    target: Path
    output: Path
    enhance: bool = False  # restore detail of each swapped face with the engine's enhancer
    picture_quality: int = 95  # 1–100, of lossy picture formats
    video: VideoOptions = field(default_factory=VideoOptions)  # codec, quality, preset
    keep_sound: bool = True  # of a video
    max_bad_frames: float = 0.01  # share of a video's frames that may keep their original or be repeated
    mark: bool = True  # say in the output's metadata what it is
    measure_quality: bool = False  # fill `SwapReport.quality`


@dataclass(frozen=True, kw_only=True, slots=True)
class SwapReport:
    """What was done; `as_dict` is what --json prints."""

    output: Path
    kind: MediaKind
    engine: str
    models: tuple[str, ...]
    faces_found: int | None  # in a picture; a video has them frame by frame
    faces_swapped: int  # in all frames
    seconds: dict[str, float]  # by stage
    notes: tuple[str, ...] = ()  # what a user should know: why no better engine, what could not be kept
    quality: dict[str, Any] | None = None  # where it was measured: see `tasks.swap_quality`
    video: VideoReport | None = None  # what became of its frames and its sound

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "output": str(self.output),
            "kind": self.kind.value,
            "engine": self.engine,
            "models": list(self.models),
            "faces_found": self.faces_found,
            "faces_swapped": self.faces_swapped,
            "seconds": {stage: round(s, 4) for stage, s in self.seconds.items()},
            "notes": list(self.notes),
            "quality": self.quality,
            "video": None if self.video is None else self.video.as_dict(),
        }


def swap_file(
    request: SwapRequest,
    engine: Engine,
    *,
    limits: MediaLimits = DEFAULT_LIMITS,
    casts: CastReader | None = None,
    on_progress: OnProgress | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> SwapReport:
    """Swaps the target into the output file, which appears whole or not at all.

    The output is checked before any work, so that nothing is computed that cannot be written. Raises what
    reading, finding faces and writing raise; every one of them is a `SteadfastError`. `casts` of this engine
    lets several swaps share their sources. `on_progress` hears of the frames of a video and ends the work by
    raising.
    """
    check_output(request.output)
    _check_inputs_stay(request)
    casts = casts or CastReader(engine, limits)
    if kind_of(request.target, limits) is MediaKind.PICTURE:
        return _swap_picture_file(request, casts, StopWatch(clock))
    return _swap_video_file(request, casts, StopWatch(clock), on_progress)


def _check_inputs_stay(request: SwapRequest) -> None:
    """Raises `InvalidOption` where the output would take the place of a photo or video that is read."""
    if not request.output.exists():
        return
    cast = request.cast
    for path in (request.target, *cast.sources, *cast.by_index.values()):
        if path.exists() and path.samefile(request.output):
            raise InvalidOption(
                f"The output {request.output} is {path} itself, which would be lost.",
                remedy="Give the output another name.",
            )


def _swap_picture_file(request: SwapRequest, casts: CastReader, watch: StopWatch) -> SwapReport:
    engine = casts.engine
    picture_format_for(request.output)
    target = read_picture(request.target, casts.limits)
    watch.lap("read")
    cast = casts.read(request.cast)
    watch.lap("sources")
    done = swap_picture(
        target,
        cast,
        engine,
        enhance=request.enhance,
        with_embedding=request.measure_quality,
        on_analysed=lambda: watch.lap("analyse"),
    )
    watch.lap("swap")
    mark = mark_of(engine) if request.mark else None
    written = write_picture(done.picture, request.output, quality=request.picture_quality, mark=mark)
    watch.lap("write")
    quality = picture_quality(target, done, engine) if request.measure_quality else None
    return SwapReport(
        output=request.output,
        kind=MediaKind.PICTURE,
        engine=engine.name.value,
        models=engine.models,
        faces_found=done.faces_found,
        faces_swapped=len(done.swapped),
        seconds=watch.laps,
        notes=(*engine.notes, *target.notes, *cast.notes, *written),
        quality=quality,
    )


def _swap_video_file(
    request: SwapRequest, casts: CastReader, watch: StopWatch, on_progress: OnProgress | None
) -> SwapReport:
    engine = casts.engine
    output_container(request.output)
    cast = casts.read(request.cast)
    watch.lap("sources")
    wanted = VideoRequest(
        target=request.target,
        output=request.output,
        video=request.video,
        keep_sound=request.keep_sound,
        max_bad_frames=request.max_bad_frames,
        limits=casts.limits,
    )
    mark = mark_of(engine) if request.mark else None
    done = swap_video(
        wanted,
        cast,
        engine,
        enhance=request.enhance,
        mark=mark,
        on_progress=on_progress,
        measure=request.measure_quality,
    )
    watch.lap("video")
    return SwapReport(
        output=request.output,
        kind=MediaKind.VIDEO,
        engine=engine.name.value,
        models=engine.models,
        faces_found=None,
        faces_swapped=done.faces_swapped,
        seconds=watch.laps,
        notes=done.notes,
        quality=done.quality,
        video=done,
    )
