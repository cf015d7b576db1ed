"""A video in segments: where to cut it, one segment done by itself, and all of them joined.

    plan:    packets ─▶ every frame's time ─▶ borders
    segment: seek ─▶ decode ─▶ analyse ─▶ swap ─▶ encode     the lead-in is worked on and not written
    join:    segment files + sound of the input ─▶ mux       nothing is encoded again

What the video is made with (encoder, options, threads) is told to every segment, so that the same segment is
the same bytes wherever and whenever it is done.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
from av.packet import Packet
from av.video.frame import VideoFrame

from steadfast.errors import DamagedMedia, PinLost, TooManyBadFrames
from steadfast.inference.threads import owned_cores
from steadfast.media.coded_packet import decoding_times
from steadfast.media.containers import output_container
from steadfast.media.encoders import ChosenEncoder, VideoOptions, choose_encoder
from steadfast.media.frame_index import Span, cut
from steadfast.media.limits import DEFAULT_LIMITS, MediaLimits
from steadfast.media.segment_file import OpenSegment
from steadfast.media.segment_writer import SegmentWriter
from steadfast.media.video_info import VideoInfo
from steadfast.media.video_reader import VideoReader, open_video
from steadfast.media.video_writer import VideoWriter, WrittenVideo
from steadfast.tasks.frame_processing import Analysis, FrameProcessor
from steadfast.tasks.frame_tally import FrameAccount, FrameTally
from steadfast.tasks.slow_closing import closing_with_progress
from steadfast.tasks.video_pipeline import FrameRun, decoder_threads
from steadfast.tasks.video_report import OnProgress

_USUAL_RATE = Fraction(25)
_FRAMES_PER_HEARTBEAT = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentedVideo:
    """One video that is done in segments, as every step is told."""

    target: Path
    suffix: str  # ending of the output's name, which says the container
    video: VideoOptions = field(default_factory=VideoOptions)  # `threads` as the plan pinned them
    max_bad_frames: float = 0.01  # share of all frames of the video
    limits: MediaLimits = DEFAULT_LIMITS
    clock: Callable[[], float]


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoPlan:
    """Where a video is cut, and what it is made with."""

    spans: tuple[Span, ...]
    encoding: Mapping[str, str]  # what must stay the same from segment to segment
    info: VideoInfo

    @property
    def frames(self) -> int:
        """Of the whole video."""
        return sum(span.frames for span in self.spans)


class SegmentNote(msgspec.Struct, frozen=True, kw_only=True):
    """What a segment tells the join."""

    account: FrameAccount
    pts: tuple[int, ...]
    """Of its packets, in coded order."""


def plan_video(job: SegmentedVideo, *, segment_s: float, on_packet: Callable[[], None]) -> VideoPlan:
    """Looks at every packet, once, and decodes a single frame.

    Raises what opening the input and choosing the encoder raise, and `DamagedMedia` where it breaks off.
    """
    with open_video(job.target, job.limits) as reader:
        chosen = _encoder_for(job, reader)
        index = reader.index(on_packet)
        if not index.pts:
            raise DamagedMedia(f"No frame of {job.target} can be read.")
        spans = cut(index, seconds=segment_s, time_base=float(reader.info.time_base))
        return VideoPlan(spans=spans, encoding=encoding_of(chosen, job.video.threads), info=reader.info)


def frames_before(job: SegmentedVideo, spans: Sequence[Span]) -> Iterator[VideoFrame | None]:
    """For each span the frame at which its decoding begins; decoded once where spans share it."""
    with open_video(job.target, job.limits) as reader:
        last: tuple[tuple[int, ...], VideoFrame | None] | None = None
        for span in spans:
            if last is None or last[0] != span.seek:
                last = (span.seek, reader.frame_at(span.seek))
            yield last[1]


def encoding_of(chosen: ChosenEncoder, threads: int) -> dict[str, str]:
    """What of the encoder a job pins."""
    options = " ".join(f"{name}={value}" for name, value in sorted(chosen.options.items()))
    shape = chosen.shape
    return {
        "encoder": chosen.encoder.name,
        "encoder options": options,
        "encoder threads": str(threads),
        "pictures": f"{shape.width}x{shape.height} {shape.pixel_format}",
    }


def write_segment(
    job: SegmentedVideo,
    span: Span,
    output: Path,
    processor: FrameProcessor[Analysis],
    *,
    encoding: Mapping[str, str],
    frames_of_video: int,
    on_progress: OnProgress,
) -> SegmentNote:
    """Does the frames of `span` and writes them to `output`, a segment file.

    Raises `PinLost` where this machine would not encode as the plan says, `InvalidModelOutput` where most
    frames failed of it (another worker, or this one loaded anew, may do them), `TooManyBadFrames` once the
    whole video can only have too many, and whatever ends a video on the command line.
    """
    tally = FrameTally(frames_expected=frames_of_video, max_bad_frames=job.max_bad_frames, clock=job.clock)
    # Until the span is reached nothing else is at work, so decoding may have more than its usual share.
    threads = max(decoder_threads(), min(2, owned_cores()))
    with open_video(job.target, job.limits, decoder_threads=threads) as reader:
        chosen = _encoder_for(job, reader)
        check_pin(encoding, encoding_of(chosen, job.video.threads))
        reader.deliver_as(chosen.shape)
        writer = SegmentWriter(
            output,
            container=output_container(Path(f"x{job.suffix}")),
            chosen=chosen,
            info=reader.info,
            threads=job.video.threads,
        )
        run: FrameRun[Analysis, tuple[int, ...]] = FrameRun(
            lambda heartbeat: reader.frames_of(span, _every_few_frames(heartbeat)),
            writer,
            processor,
            time_base=reader.info.time_base,
            first_pts=span.first_pts,
        )
        try:
            pts = run.to_the_end(tally, on_progress)
        except BaseException as error:
            writer.abort()
            if isinstance(error, TooManyBadFrames):
                tally.check_model()
            raise
        tally.check_model()
        if span.first_pts is None:
            tally.note_undelivered(reader.bad_frames)
    return SegmentNote(account=tally.account, pts=pts)


def _every_few_frames(heartbeat: Callable[[], None]) -> Callable[[], None]:
    """What is called at every frame on the way to a span says so now and then."""
    passed = count(1)

    def pass_over() -> None:
        if next(passed) % _FRAMES_PER_HEARTBEAT == 0:
            heartbeat()

    return pass_over


def join_video(
    job: SegmentedVideo,
    parts: Sequence[Path],
    notes: Sequence[SegmentNote],
    output: Path,
    *,
    keep_sound: bool,
    metadata: Mapping[str, str],
    encoding: Mapping[str, str],
    on_progress: Callable[[int], None],
) -> tuple[WrittenVideo, FrameTally]:
    """Muxes the packets of all segments with the untouched sound of the input.

    Raises `DamagedMedia` for segments that do not fit together, `TooManyBadFrames`, `NoFace` and
    `FaceNotMatched` by the account of all segments, before anything is written.
    """
    tally = FrameTally(frames_expected=None, max_bad_frames=job.max_bad_frames, clock=job.clock)
    for note in notes:
        tally.account.add(note.account)
    tally.check_whole(needs_a_face=True)
    with ExitStack() as stack:
        reader = stack.enter_context(open_video(job.target, job.limits))
        chosen = _encoder_for(job, reader)
        check_pin(encoding, encoding_of(chosen, job.video.threads))
        writer = VideoWriter(
            output,
            container=output_container(output),
            chosen=chosen,
            info=reader.info,
            companions=reader.companions(with_sound=keep_sound),
            metadata=metadata,
            threads=job.video.threads,
        )
        try:
            _mux(reader, writer, parts, notes, on_progress)
            written = closing_with_progress(writer.finish, lambda: on_progress(tally.account.frames))
        except BaseException:
            writer.abort()
            raise
    return written, tally


def _mux(
    reader: VideoReader,
    writer: VideoWriter,
    parts: Sequence[Path],
    notes: Sequence[SegmentNote],
    on_progress: Callable[[int], None],
) -> None:
    pts = [value for note in notes for value in note.pts]
    times = iter(decoding_times(pts))
    beside = _Beside(reader.packets_beside())
    time_base = reader.info.time_base
    extradata = writer.extradata()
    done = 0
    for part in parts:
        with OpenSegment(part) as segment:
            if segment.header.extradata != extradata or segment.header.unit != time_base:
                raise DamagedMedia(f"The segment {part.name} was encoded in another way than the video.")
            for packet in segment:
                dts = next(times, None)
                if dts is None or packet.pts != pts[done]:
                    raise DamagedMedia(f"The segment {part.name} holds other frames than it said.")
                for other in beside.until(float(dts * time_base)):
                    writer.write_packet(other)
                writer.write_coded(packet, dts=dts)
                done += 1
                on_progress(done)
    if done != len(pts):
        raise DamagedMedia(f"{len(pts) - done} frames are missing in the segments.")
    for other in beside.until(None):
        writer.write_packet(other)
        on_progress(done)


class _Beside:
    """Packets of sound and subtitles, handed out up to a time."""

    def __init__(self, packets: "Iterator[Packet[Any]]") -> None:
        self._packets = packets
        self._next = next(packets, None)

    def until(self, time_s: float | None) -> "Iterator[Packet[Any]]":
        """Those before `time_s`, or all that are left."""
        while self._next is not None and (time_s is None or _time_of(self._next) <= time_s):
            yield self._next
            self._next = next(self._packets, None)


def _time_of(packet: "Packet[Any]") -> float:
    at = packet.dts if packet.dts is not None else packet.pts
    return float("-inf") if at is None or packet.time_base is None else float(at * packet.time_base)


def _encoder_for(job: SegmentedVideo, reader: VideoReader) -> ChosenEncoder:
    container = output_container(Path(f"x{job.suffix}"))
    rate = reader.info.average_rate or _USUAL_RATE
    return choose_encoder(job.video, container, reader.shape, rate)


def check_pin(pinned: Mapping[str, str], here: Mapping[str, str]) -> None:
    """Raises `PinLost`, naming the first difference, where something here is not as it was pinned."""
    for name, value in here.items():
        if pinned.get(name, value) != value:
            raise PinLost(f"The job was begun with {name} {pinned[name]!r}; here it is {value!r}.")
