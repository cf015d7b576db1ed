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

from steadfast.errors import InvalidOption, PinLost
from steadfast.faces.roles import Engine
from steadfast.faces.selection import Selection, SelectionRule, parse_selection
from steadfast.inference.threads import owned_cores
from steadfast.media.delivered_frames import frames_of_segment, frames_of_video
from steadfast.media.encoders import VideoOptions
from steadfast.media.frame_index import LEAD_IN_FRAMES, Span
from steadfast.media.limits import MediaLimits, kind_of
from steadfast.media.provenance import video_metadata
from steadfast.media.sniff import MediaKind
from steadfast.media.video_reader import open_video
from steadfast.media.video_writer import WrittenVideo
from steadfast.readings import Readings
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
from steadfast.tasks.face_job_options import FaceJobOptions
from steadfast.tasks.frame_processing import Untouched
from steadfast.tasks.frame_swap import FrameSwap
from steadfast.tasks.frame_tally import FrameTally
from steadfast.tasks.job_photos import JobPhotos
from steadfast.tasks.leading_person import PersonMark, leaders
from steadfast.tasks.output_mark import mark_of
from steadfast.tasks.picture_job import swap_picture_of
from steadfast.tasks.quality_sample import QualitySampler, readings_or_none
from steadfast.tasks.result_formats import CONTENT_TYPES, suffix_for
from steadfast.tasks.step_account import PacketCount, Spent
from steadfast.tasks.video_pipeline import VideoRequest, process_video
from steadfast.tasks.video_report import Progress as VideoProgress
from steadfast.tasks.video_sample import SampledFrameSwap
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

DRAWING = "1"
"""Counted up when faces are tracked or drawn visibly otherwise: a new version alone stops no job half-way."""
_MODEL = "model "
_MOST_ENCODER_THREADS = 8
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
    encoding: dict[str, str] = {}
    """What this video is encoded with; of the item and not of the job, whose videos may differ."""
    leader: PersonMark | None = None
    """Who the largest face is where it begins; None: nobody comes near, or another face is meant."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FaceJobs:
    """What a worker with this engine does of jobs."""

    engine: Engine
    limits: MediaLimits
    pin: Mapping[str, str]
    """What of this worker a job pins."""
    sampler: QualitySampler
    """What measures the results of orders that say so."""
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
        suffix = suffix_for(job.options.format, kind, target, self.limits)
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
        return StepResult(fields=self._plan_of((segment,), brief, {"kind": brief.kind}))

    def _plan_video(self, job: FaceJobInput, suffix: str, progress: Progress) -> StepResult:
        threads = _threads(job)
        seen = PacketCount(progress)
        plan = plan_video(
            self._video(job, suffix, threads), segment_s=job.options.segment_s, on_packet=seen.one_more
        )
        brief = SegmentBrief(
            kind="span",
            suffix=suffix,
            threads=threads,
            frames_of_video=plan.frames,
            encoding=dict(plan.encoding),
        )
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
        return StepResult(fields=self._plan_of(segments, brief, {**facts, "frames": plan.frames}))

    def _leaders(
        self, job: FaceJobInput, video: SegmentedVideo, plan: VideoPlan, seen: PacketCount
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
        facts: dict[str, str | int | float | bool | None],
    ) -> JobPlan:
        return JobPlan(
            segments=segments,
            pin=dict(self.pin),
            suffix=brief.suffix,
            content_type=CONTENT_TYPES.get(brief.suffix, "application/octet-stream"),
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
        spent = Spent(self.clock)
        match brief.kind:
            case "picture":
                cast = None if order.untouched else self.photos.cast(job, _selection(job))
                sampler = self.sampler if order.sample else None
                done, file = swap_picture_of(
                    job, cast, self.engine, self.limits, suffix=brief.suffix, sampler=sampler
                )
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
        processor, sampled = self._processor(job, order, brief)
        note = write_segment(
            self._video(job, brief.suffix, brief.threads),
            brief.span,
            file,
            processor,
            encoding=brief.encoding,
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
            "pixels": _pixels(brief.encoding) * account.frames,
        }
        readings = self._readings(sampled, frames_of_segment, file)
        coded = msgspec.msgpack.encode(note)
        return SegmentDone(units=account.frames, note=coded, report=report, readings=readings), file

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
        processor, sampled = self._processor(job, order, brief)
        made = process_video(request, processor, _telling(progress, None))
        readings = self._readings(sampled, frames_of_video, file)
        report = {name: value for name, value in made.as_dict().items() if name != "seconds"}
        note = msgspec.msgpack.encode({**report, "notes": [*self.engine.notes, *made.notes]})
        counts: dict[str, int | float | str] = {
            name: value for name, value in report.items() if isinstance(value, int)
        }
        return SegmentDone(units=made.frames, note=note, report=counts, readings=readings), file

    # --- join -------------------------------------------------------------------------------------------

    def join(
        self, job: FaceJobInput, order: JoinOrder, parts: Sequence[Path], progress: Progress
    ) -> StepResult:
        """Muxes the segments with the sound, or hands on the one result there is."""
        brief = msgspec.msgpack.decode(order.brief, type=SegmentBrief)
        file = job.folder / f"result{brief.suffix}"
        spent = Spent(self.clock)
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
                encoding=brief.encoding,
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

    def _processor(
        self, job: FaceJobInput, order: SegmentOrder, brief: SegmentBrief
    ) -> tuple[Any, SampledFrameSwap | None]:
        """What changes the frames; and the same once more where it is to be measured."""
        if order.untouched:
            return Untouched(), None
        leader = None if brief.leader is None else brief.leader.embedding()
        frames = FrameSwap(
            self.engine, self.photos.cast(job, _selection(job)), enhance=job.options.enhance, leader=leader
        )
        if not order.sample:
            return frames, None
        leads_in = brief.span is not None and brief.span.lead_pts is not None
        sampled = SampledFrameSwap(frames, skip=LEAD_IN_FRAMES if leads_in else 0)
        return sampled, sampled

    def _readings(
        self,
        sampled: SampledFrameSwap | None,
        delivered: Callable[[Path], Iterator[tuple[float, VideoFrame]]],
        file: Path,
    ) -> Readings:
        if sampled is None:
            return {}
        return readings_or_none(lambda: sampled.readings(delivered(file), self.sampler))

    def _cost(self, done: SegmentDone, spent: Spent) -> dict[str, float]:
        said = done.report
        cost = {"frames": float(said.get("frames", done.units))}
        for name, key in (("faces", "faces_swapped"), ("pixels", "pixels")):
            cost[name] = float(said.get(key, 0))
        return cost | spent.cost(on_accelerator=self.on_accelerator)


_Report = dict[str, int | float | str | list[str] | None]


def pin_of(engine: Engine, sums: Callable[[str], str], *, provider: str) -> dict[str, str]:
    """What of a worker must stay the same while a job runs; `sums` answers the sum of a model's files."""
    return {
        "drawing": DRAWING,
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


def _pixels(encoding: Mapping[str, str]) -> int:
    """Of one frame, from what the plan said."""
    width, _, height = encoding.get("pictures", "0x0").split(" ")[0].partition("x")
    return int(width) * int(height)
