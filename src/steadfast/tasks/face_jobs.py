"""Jobs of the faces task in a worker: videos in segments, pictures and GIFs as one."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
from av.video.frame import VideoFrame

from steadfast import __version__
from steadfast.errors import InvalidOption, PinLost
from steadfast.faces.roles import Engine
from steadfast.faces.selection import Selection, SelectionRule, parse_selection
from steadfast.inference.threads import owned_cores
from steadfast.media.canvas import Canvas
from steadfast.media.encoders import VideoOptions
from steadfast.media.frame_index import Span
from steadfast.media.limits import MediaLimits, identify, kind_of
from steadfast.media.output import write_bytes_aside
from steadfast.media.picture_encoders import ENCODERS
from steadfast.media.picture_writer import encode_picture
from steadfast.media.pictures import read_picture
from steadfast.media.provenance import video_metadata
from steadfast.media.sniff import FileFormat, MediaKind
from steadfast.media.video_reader import open_video
from steadfast.media.video_writer import WrittenVideo
from steadfast.task import Progress
from steadfast.task_steps import (
    Job,
    JobPlan,
    JoinDone,
    JoinOrder,
    PlannedSegment,
    SegmentDone,
    SegmentOrder,
    StepResult,
)
from steadfast.tasks.cast import Cast
from steadfast.tasks.face_job_options import FaceJobOptions
from steadfast.tasks.frame_processing import FrameOutcome
from steadfast.tasks.frame_swap import FrameSwap
from steadfast.tasks.frame_tally import FrameTally
from steadfast.tasks.job_photos import JobPhotos
from steadfast.tasks.leading_person import PersonMark, leaders
from steadfast.tasks.output_mark import mark_of
from steadfast.tasks.picture_swap import swap_picture
from steadfast.tasks.video_pipeline import VideoRequest, process_video
from steadfast.tasks.video_report import Progress as VideoProgress
from steadfast.tasks.video_segments import (
    SegmentedVideo,
    SegmentNote,
    VideoPlan,
    check_pin,
    frames_before,
    join_video,
    plan_video,
    write_segment,
)

_MODEL = "model "
_MOST_ENCODER_THREADS = 8
_PROGRESS_EVERY_PACKETS = 500
_CONTENT_TYPES = {
    ".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".mkv": "video/x-matroska",
    ".webm": "video/webm", ".gif": "image/gif", ".jpg": "image/jpeg", ".jpeg": "image/jpeg",
    ".png": "image/png", ".webp": "image/webp", ".tiff": "image/tiff", ".avif": "image/avif",
    ".heic": "image/heic", ".bmp": "image/bmp",
}  # fmt: skip
_VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm")
FaceJobInput = Job[FaceJobOptions]


class SegmentBrief(msgspec.Struct, frozen=True, kw_only=True):
    """What the plan tells the segments."""

    kind: str
    """`span`: a run of frames; `video`: a whole one, as a GIF; `picture`."""
    suffix: str
    threads: int = 0
    """Of the encoder."""
    frames_of_video: int = 1
    span: Span | None = None
    leader: PersonMark | None = None
    """Who the largest face is where it begins; None: nobody comes near, or another face is meant."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FaceJobs:
    """What a worker with this engine does of jobs."""

    engine: Engine
    limits: MediaLimits
    pin: Mapping[str, str]
    """What of this worker a job pins."""
    on_accelerator: bool = False
    """Whether time at work is time of a device."""
    clock: Callable[[], float] = time.monotonic
    photos: JobPhotos = field(init=False)
    """They are analysed once per worker, not once per segment."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "photos", JobPhotos(self.engine, self.limits))

    # --- plan -------------------------------------------------------------------------------------------

    def plan(self, job: FaceJobInput, progress: Progress) -> StepResult:
        """Looks at the target; the photos are looked at by the first segment."""
        if len(job.inputs) < 2 + job.options.has_reference:
            raise InvalidOption("There is no source photo.", remedy="Send at least one part named source.")
        selection, target = _selection(job), job.inputs[-1]
        kind = kind_of(target, self.limits)
        suffix = _suffix_for(job.options.format, kind, target, self.limits)
        if kind is MediaKind.PICTURE:
            return self._one_segment(SegmentBrief(kind="picture", suffix=suffix))
        # People are numbered as they appear, which only who has seen all that came before can do.
        counts_people = selection.rule in (SelectionRule.INDEX, SelectionRule.LEFT_TO_RIGHT)
        if kind is MediaKind.ANIMATION or suffix == ".gif" or counts_people:
            with open_video(target, self.limits) as reader:
                frames = reader.info.frames_expected or 1
            brief = SegmentBrief(kind="video", suffix=suffix, threads=_threads(job), frames_of_video=frames)
            return self._one_segment(brief)
        return self._plan_video(job, suffix, progress)

    def _one_segment(self, brief: SegmentBrief) -> StepResult:
        segment = PlannedSegment(index=0, units=brief.frames_of_video, brief=msgspec.msgpack.encode(brief))
        return StepResult(fields=self._plan_of((segment,), brief, {}, {"kind": brief.kind}))

    def _plan_video(self, job: FaceJobInput, suffix: str, progress: Progress) -> StepResult:
        threads = _threads(job)
        seen = _Count(progress)
        plan = plan_video(
            self._video(job, suffix, threads), segment_s=job.options.segment_s, on_packet=seen.one_more
        )
        brief = SegmentBrief(kind="span", suffix=suffix, threads=threads, frames_of_video=plan.frames)
        leading = self._leaders(job, self._video(job, suffix, threads), plan, seen)
        segments = tuple(
            PlannedSegment(
                index=index,
                units=span.frames,
                brief=msgspec.msgpack.encode(msgspec.structs.replace(brief, span=span, leader=leader)),
            )
            for index, (span, leader) in enumerate(zip(plan.spans, leading, strict=True))
        )
        facts: dict[str, str | int | float | bool | None] = {
            name: value for name, value in plan.info.as_dict().items() if isinstance(value, str | int | float)
        }
        return StepResult(
            fields=self._plan_of(segments, brief, plan.encoding, {**facts, "frames": plan.frames})
        )

    def _leaders(
        self, job: FaceJobInput, video: SegmentedVideo, plan: VideoPlan, seen: "_Count"
    ) -> list[PersonMark | None]:
        """Whom each segment takes for the largest face, where that must be said."""
        if len(plan.spans) < 2 or _selection(job).rule is not SelectionRule.LARGEST:
            return [None] * len(plan.spans)

        def frames() -> Iterator[VideoFrame | None]:
            for frame in frames_before(video, plan.spans):
                seen.tell()
                yield frame

        return leaders(frames, self.engine)

    def _plan_of(
        self,
        segments: tuple[PlannedSegment, ...],
        brief: SegmentBrief,
        encoding: Mapping[str, str],
        facts: dict[str, str | int | float | bool | None],
    ) -> JobPlan:
        return JobPlan(
            segments=segments,
            pin={**self.pin, **encoding},
            suffix=brief.suffix,
            content_type=_CONTENT_TYPES.get(brief.suffix, "application/octet-stream"),
            brief=msgspec.msgpack.encode(brief),
            facts=facts,
        )

    # --- segment ----------------------------------------------------------------------------------------

    def run_segment(self, job: FaceJobInput, order: SegmentOrder, progress: Progress) -> StepResult:
        """Does a run of frames, a whole GIF or a picture."""
        check_pin(order.pin, self.pin)
        if gone := [name for name in order.pin if name.startswith(_MODEL) and name not in self.pin]:
            raise PinLost(f"The job was begun with the {gone[0]}, which is not used here.")
        brief = msgspec.msgpack.decode(order.segment.brief, type=SegmentBrief)
        spent = _Spent(self.clock)
        match brief.kind:
            case "picture":
                done, file = self._do_picture(job, brief, order.untouched)
            case "video":
                done, file = self._do_whole_video(job, brief, order, progress)
            case _:
                done, file = self._do_span(job, brief, order, progress)
        return StepResult(fields=done, file=file, cost=self._cost(done, spent))

    def _do_span(
        self, job: FaceJobInput, brief: SegmentBrief, order: SegmentOrder, progress: Progress
    ) -> tuple[SegmentDone, Path]:
        assert brief.span is not None
        file = job.folder / "segment"
        note = write_segment(
            self._video(job, brief.suffix, brief.threads),
            brief.span,
            file,
            self._processor(job, order.untouched, brief.leader),
            encoding=order.pin,
            frames_of_video=brief.frames_of_video,
            on_progress=_telling(progress, order.segment.units),
        )
        account = note.account
        report: dict[str, int | float | str] = {
            "frames": account.frames,
            "frames_swapped": account.swapped,
            "frames_failed": account.failed,
            "frames_repeated": account.repeated + account.undelivered,
            "faces_swapped": account.faces_swapped,
            "pixels": _pixels(order.pin) * account.frames,
        }
        done = SegmentDone(units=account.frames, note=msgspec.msgpack.encode(note), report=report)
        return done, file

    def _do_whole_video(
        self, job: FaceJobInput, brief: SegmentBrief, order: SegmentOrder, progress: Progress
    ) -> tuple[SegmentDone, Path]:
        file = job.folder / f"result{brief.suffix}"
        request = VideoRequest(
            target=job.inputs[-1],
            output=file,
            video=_video_options(job, brief.threads),
            keep_sound=job.options.keep_sound,
            max_bad_frames=job.options.max_bad_frames,
            limits=self.limits,
            needs_a_face=not order.untouched,
            metadata=video_metadata(mark_of(self.engine)),
            engine=self.engine.name.value,
            models=self.engine.models,
        )
        made = process_video(request, self._processor(job, order.untouched), _telling(progress, None))
        report = {name: value for name, value in made.as_dict().items() if name != "seconds"}
        note = msgspec.msgpack.encode({**report, "notes": [*self.engine.notes, *made.notes]})
        counts: dict[str, int | float | str] = {
            name: value for name, value in report.items() if isinstance(value, int)
        }
        return SegmentDone(units=made.frames, note=note, report=counts), file

    def _do_picture(
        self, job: FaceJobInput, brief: SegmentBrief, untouched: bool
    ) -> tuple[SegmentDone, Path]:
        target = read_picture(job.inputs[-1].read_bytes(), self.limits, name="the target")
        picture, notes, faces, swapped = target, target.notes, 0, 0
        if not untouched:
            cast = self._cast(job)
            done = swap_picture(target, cast, self.engine, enhance=job.options.enhance)
            picture, faces, swapped = done.picture, done.faces_found, len(done.swapped)
            notes = (*self.engine.notes, *target.notes, *cast.notes)
        content, more = encode_picture(
            picture,
            _PICTURE_FORMATS[brief.suffix],
            quality=job.options.quality,
            mark=None if untouched else mark_of(self.engine),
        )
        file = job.folder / f"result{brief.suffix}"
        write_bytes_aside(file, content, durable=False)
        report = {"faces_found": faces, "faces_swapped": swapped, "pixels": target.width * target.height}
        note = {**report, "engine": self.engine.name.value, "notes": [*notes, *more]}
        return SegmentDone(units=1, note=msgspec.msgpack.encode(note), report={**report, "frames": 1}), file

    # --- join -------------------------------------------------------------------------------------------

    def join(
        self, job: FaceJobInput, order: JoinOrder, parts: Sequence[Path], progress: Progress
    ) -> StepResult:
        """Muxes the segments with the sound, or hands on the one result there is."""
        brief = msgspec.msgpack.decode(order.brief, type=SegmentBrief)
        file = job.folder / f"result{brief.suffix}"
        spent = _Spent(self.clock)
        if brief.kind == "span":
            video = self._video(job, brief.suffix, brief.threads)
            notes = [msgspec.msgpack.decode(note, type=SegmentNote) for note in order.notes]
            began_s = self.clock()
            written, tally = join_video(
                video,
                parts,
                notes,
                file,
                keep_sound=job.options.keep_sound,
                metadata=video_metadata(mark_of(self.engine)),
                encoding=order.pin,
                on_progress=lambda done: progress(done, brief.frames_of_video),
            )
            done = self._joined(written, tally, self.clock() - began_s)
        else:
            shutil.copyfile(parts[0], file)
            done = JoinDone(units=1, report=msgspec.msgpack.decode(order.notes[0]))
        return StepResult(fields=done, file=file, cost=spent.cost(on_accelerator=False))

    def _joined(self, written: WrittenVideo, tally: FrameTally, seconds: float) -> JoinDone:
        said = tally.report(self.engine.name.value, self.engine.models, written, seconds).as_dict()
        report = {name: value for name, value in said.items() if name not in ("fps", "seconds")}
        return JoinDone(units=written.frames, report=msgspec.convert(report, _Report))

    # --- small things -----------------------------------------------------------------------------------

    def _video(self, job: FaceJobInput, suffix: str, threads: int) -> SegmentedVideo:
        return SegmentedVideo(
            target=job.inputs[-1],
            suffix=suffix,
            video=_video_options(job, threads),
            max_bad_frames=job.options.max_bad_frames,
            limits=self.limits,
            clock=self.clock,
        )

    def _processor(self, job: FaceJobInput, untouched: bool, mark: PersonMark | None = None) -> Any:
        if untouched:
            return _Untouched()
        leader = None if mark is None else mark.embedding()
        return FrameSwap(self.engine, self._cast(job), enhance=job.options.enhance, leader=leader)

    def _cast(self, job: FaceJobInput) -> Cast:
        return self.photos.cast(job, _selection(job))

    def _cost(self, done: SegmentDone, spent: "_Spent") -> dict[str, float]:
        said = done.report
        cost = {"frames": float(said.get("frames", done.units))}
        for name, key in (("faces", "faces_swapped"), ("pixels", "pixels")):
            cost[name] = float(said.get(key, 0))
        return cost | spent.cost(on_accelerator=self.on_accelerator)


_Report = dict[str, int | float | str | list[str] | None]
_PICTURE_FORMATS = {f".{f.value}": f for f in ENCODERS} | {".jpg": FileFormat.JPEG, ".tif": FileFormat.TIFF}


class _Untouched:
    """Passes frames as they are: what is kept of a segment that failed too often."""

    def analyse(self, canvas: Canvas, time_s: float) -> None:
        """Looks at nothing."""

    def swap(self, canvas: Canvas, analysis: None) -> FrameOutcome:  # noqa: ARG002 — the role's signature
        """Changes nothing."""
        return FrameOutcome(faces_found=0, faces_swapped=0)


class _Count:
    """Tells progress of something that comes by the thousand."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._seen = 0

    def one_more(self) -> None:
        self._seen += 1
        if self._seen % _PROGRESS_EVERY_PACKETS == 0:
            self.tell()

    def tell(self) -> None:
        self._progress(self._seen)


class _Spent:
    """What a step takes, from here on."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began_s, self._cpu_s = clock(), time.process_time()

    def cost(self, *, on_accelerator: bool) -> dict[str, float]:
        """Core seconds of this process, and seconds of its device."""
        device_s = self._clock() - self._began_s if on_accelerator else 0.0
        return {"cpu_s": time.process_time() - self._cpu_s, "device_s": device_s}


def pin_of(engine: Engine, sums: Callable[[str], str], *, provider: str) -> dict[str, str]:
    """What of a worker must stay the same while a job runs; `sums` answers the sum of a model's files."""
    return {
        "steadfast": __version__,
        "engine": engine.name.value,
        "provider": provider,
        "ffmpeg": version("av"),
        **{f"{_MODEL}{name}": sums(name) for name in engine.models},
    }


def _telling(progress: Progress, units: int | None) -> Callable[[VideoProgress], None]:
    return lambda said: progress(said.frames_done, units or said.frames_expected)


def _threads(job: FaceJobInput) -> int:
    return job.options.threads or min(_MOST_ENCODER_THREADS, owned_cores() + 1)


def _video_options(job: FaceJobInput, threads: int) -> VideoOptions:
    options = job.options
    return VideoOptions(
        codec=options.codec, quality=options.video_quality, preset=options.preset, threads=threads
    )


def _selection(job: FaceJobInput) -> Selection:
    options = job.options
    if options.has_reference:
        return Selection(
            rule=SelectionRule.LIKE, reference=job.inputs[-2], min_similarity=options.min_similarity
        )
    if options.faces.strip().startswith("like:"):
        raise InvalidOption(
            "A person is meant by a photo of theirs.", remedy="Send it as the part reference."
        )
    return parse_selection(options.faces)


def _suffix_for(wanted: str, kind: MediaKind, target: Path, limits: MediaLimits) -> str:
    """The ending of the result's name: the one that is asked for, or the target's own kind."""
    suffix = f".{wanted.lower().lstrip('.')}" if wanted else ""
    known = _PICTURE_FORMATS if kind is MediaKind.PICTURE else (*_VIDEO_SUFFIXES, ".gif")
    if suffix and suffix not in known:
        raise InvalidOption(
            f"A {kind.value} cannot be written as {wanted!r}.",
            remedy=f"Use one of {', '.join(name.lstrip('.') for name in known)}.",
        )
    return suffix or _own_suffix(kind, target, limits)


def _own_suffix(kind: MediaKind, target: Path, limits: MediaLimits) -> str:
    found = identify(target, limits)
    if kind is MediaKind.PICTURE:
        return f".{found.value}" if found in ENCODERS else ".jpeg"
    if found is FileFormat.GIF:
        return ".gif"
    with target.open("rb") as file:
        head = file.read(64)
    if found is FileFormat.MATROSKA:
        return ".webm" if b"webm" in head else ".mkv"
    return ".mov" if b"ftypqt" in head else ".mp4"


def _pixels(pin: Mapping[str, str]) -> int:
    """Of one frame, from what the plan pinned."""
    width, _, height = pin.get("pictures", "0x0").split(" ")[0].partition("x")
    return int(width) * int(height)
