"""A video from file to file: decode, analyse, swap and encode, each in a thread, overlapped and bounded.

At most a few frames wait between two stages, so memory does not grow with the length of the video; nothing
touches the disk but the output, which takes its name only when it is whole. Whatever fails, in whichever
thread, breaks off all of them at once.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from threading import Thread
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from av.packet import Packet
from av.video.frame import PictureType, VideoFrame

from steadfast.errors import (
    CallerError,
    InvalidModelOutput,
    OutOfHostMemory,
    ServiceError,
)
from steadfast.events import Event, publish
from steadfast.inference.threads import owned_cores
from steadfast.media.containers import output_container
from steadfast.media.encoders import VideoOptions, choose_encoder
from steadfast.media.limits import DEFAULT_LIMITS, MediaLimits
from steadfast.media.output import check_output, writing_aside
from steadfast.media.planes import PlaneCanvas
from steadfast.media.video_reader import MediaItem, open_video
from steadfast.media.video_writer import VideoWriter
from steadfast.spans import RECORDER
from steadfast.tasks.channel import BrokenOff, Channel
from steadfast.tasks.frame_processing import Analysis, FrameOutcome, FrameProcessor
from steadfast.tasks.frame_tally import FrameTally
from steadfast.tasks.opencv_threads import opencv_on_one_thread
from steadfast.tasks.video_report import OnProgress, VideoReport

WrittenT = TypeVar("WrittenT")
WrittenT_co = TypeVar("WrittenT_co", covariant=True)

_FRAMES_BETWEEN_STAGES = 4
_OUTCOMES_WAITING = 256
_USUAL_RATE = Fraction(25)


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameFailed(Event):
    """A frame kept its original because its swap failed."""

    time_s: float  # of the frame in the video
    reason: str  # class and message of the error


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoRequest:
    """One video to be changed."""

    target: Path  # the video that is read
    output: Path  # its ending says the container
    video: VideoOptions = field(default_factory=VideoOptions)  # codec, quality, preset
    keep_sound: bool = True
    max_bad_frames: float = 0.01  # share of all frames that may fail or be undecodable
    limits: MediaLimits = DEFAULT_LIMITS
    decoder_threads: int = 0  # 0: a quarter of the cores this process owns, 1 to 4
    needs_a_face: bool = False  # whether a video in which no face was exchanged is an error
    metadata: Mapping[str, str] = field(default_factory=dict)  # added to the input's, as the mark
    engine: str = ""  # for the report
    models: tuple[str, ...] = ()  # for the report


@dataclass(kw_only=True, slots=True)
class _FrameInFlight:
    """A frame on its way through the stages."""

    frame: VideoFrame | None  # None: show the one before again
    pts: int
    time_s: float
    leads_in: bool = False  # worked on so that those after it look right; not written
    canvas: PlaneCanvas | None = None
    analysis: Any = None
    outcome: FrameOutcome | None = None
    failure: Exception | None = None


_Item: TypeAlias = "_FrameInFlight | Packet[Any]"


def process_video(
    request: VideoRequest,
    processor: FrameProcessor[Analysis],
    on_progress: OnProgress | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> VideoReport:
    """Writes `output` from `target` with every frame passed through `processor`.

    Raises what opening the input and choosing the encoder raise, before anything is written; `DamagedMedia`
    where the input breaks off, `TooManyBadFrames`, `EncodingFailed`, `DiskFull`, and fatal errors of the
    processor. On any error, and on Ctrl-C, nothing is left under the output's name but what was there.
    """
    started_s = clock()
    check_output(request.output)
    container = output_container(request.output)
    with ExitStack() as stack:
        reader = stack.enter_context(
            open_video(
                request.target, request.limits, decoder_threads=request.decoder_threads or decoder_threads()
            )
        )
        rate = reader.info.average_rate or _USUAL_RATE
        chosen = choose_encoder(request.video, container, reader.shape, rate)
        aside = stack.enter_context(writing_aside(request.output))
        writer = VideoWriter(
            aside,
            container=container,
            chosen=chosen,
            info=reader.info,
            companions=reader.companions(with_sound=request.keep_sound),
            metadata=request.metadata,
            threads=request.video.threads,
        )
        reader.deliver_as(writer.shape)
        tally = FrameTally(
            frames_expected=reader.info.frames_expected, max_bad_frames=request.max_bad_frames, clock=clock
        )
        run = FrameRun(lambda _: reader, writer, processor, time_base=reader.info.time_base)
        try:
            written = run.to_the_end(tally, on_progress)
        except BaseException:
            writer.abort()
            raise
        tally.note_undelivered(reader.bad_frames)
        tally.check_whole(needs_a_face=request.needs_a_face)
    return tally.report(request.engine, request.models, written, clock() - started_s)


class FrameSink(Protocol[WrittenT_co]):
    """Takes frames in order, and packets of other streams between them."""

    def write(self, frame: VideoFrame) -> None:
        """Takes a frame with its pts and time base."""

    def write_packet(self, packet: "Packet[Any]") -> None:
        """Takes a packet of another stream."""

    def finish(self) -> WrittenT_co:
        """Completes what is written."""


class FrameRun(Generic[Analysis, WrittenT]):
    """The threads of one video, or of one segment, and the channels between them."""

    def __init__(
        self,
        items: Callable[[Callable[[], None]], Iterable[MediaItem]],
        sink: FrameSink[WrittenT],
        processor: FrameProcessor[Analysis],
        *,
        time_base: Fraction,
        first_pts: int | None = None,
    ) -> None:
        """Frames before `first_pts` are worked on and not written: they lead in.

        `items` is called once, in the thread that reads, with what is to be called while no frame comes
        though there is work. So nothing a run holds refers back to it, and all goes when the run ends.
        """
        self._items = items
        self._sink = sink
        self._processor = processor
        self._time_base = time_base
        self._first_pts = first_pts
        self._decoded: Channel[_Item] = Channel(_FRAMES_BETWEEN_STAGES)
        self._analysed: Channel[_Item] = Channel(_FRAMES_BETWEEN_STAGES)
        self._swapped: Channel[_Item] = Channel(_FRAMES_BETWEEN_STAGES)
        self._outcomes: Channel[_FrameInFlight] = Channel(_OUTCOMES_WAITING)
        self._error: BaseException | None = None
        self._written: WrittenT | None = None

    def _heartbeat(self) -> None:
        self._outcomes.put(_FrameInFlight(frame=None, pts=0, time_s=0.0, leads_in=True))

    def to_the_end(self, tally: FrameTally, on_progress: OnProgress | None) -> WrittenT:
        """Runs all stages; the calling thread counts, reports progress and can be interrupted."""
        with opencv_on_one_thread():
            return self._all_stages(tally, on_progress)

    def _all_stages(self, tally: FrameTally, on_progress: OnProgress | None) -> WrittenT:
        stages = (self._decode, self._analyse, self._swap, self._encode)
        threads = [Thread(target=self._guarded, args=(s,), name=s.__name__, daemon=True) for s in stages]
        try:
            for thread in threads:
                thread.start()
            for item in self._outcomes:
                if not item.leads_in:
                    tally.count(item.outcome, item.failure, is_repeat=item.frame is None)
                tally.tell(on_progress)
        except BrokenOff:
            pass
        finally:
            self._break_off()
            _join(threads)
        error, self._error = self._error, None
        if error is not None:
            raise error
        assert self._written is not None
        return self._written

    def _guarded(self, stage: Callable[[], None]) -> None:
        try:
            with RECORDER.stage(stage.__name__.removeprefix("_")):
                stage()
        except BrokenOff:
            pass
        except BaseException as error:  # noqa: BLE001 — raised again in the thread that started the run
            if self._error is None:
                self._error = error
            self._break_off()

    def _break_off(self) -> None:
        for channel in (self._decoded, self._analysed, self._swapped, self._outcomes):
            channel.break_off()

    # --- the stages ------------------------------------------------------------------------------------

    def _decode(self) -> None:
        for item in self._items(self._heartbeat):
            self._decoded.put(_in_flight(item, self._first_pts))
        self._decoded.close()

    def _analyse(self) -> None:
        for item in self._decoded:
            if isinstance(item, _FrameInFlight) and item.frame is not None:
                with _failures_of(item):
                    item.canvas = PlaneCanvas(item.frame)
                    item.analysis = self._processor.analyse(item.canvas, item.time_s)
            self._analysed.put(item)
        self._analysed.close()

    def _swap(self) -> None:
        for item in self._analysed:
            if isinstance(item, _FrameInFlight) and item.canvas is not None and item.failure is None:
                with _failures_of(item):
                    item.outcome = self._processor.swap(item.canvas, item.analysis)
            self._swapped.put(item)
        self._swapped.close()

    def _encode(self) -> None:
        last: VideoFrame | None = None
        for item in self._swapped:
            if not isinstance(item, _FrameInFlight):
                self._sink.write_packet(item)
                continue
            last = last if item.frame is None else item.frame
            if last is not None and not item.leads_in:
                last.pts, last.time_base = item.pts, self._time_base
                # The type the old encoder chose would be forced upon the new one.
                last.pict_type = PictureType.NONE
                self._sink.write(last)
            item.canvas = item.analysis = None
            self._outcomes.put(item)
        self._written = self._sink.finish()
        self._outcomes.close()


def decoder_threads() -> int:
    """On few cores one is enough: decoding is a tenth of the work, and the encoder takes what is left."""
    return max(1, min(4, owned_cores() // 4))


def _join(threads: list[Thread]) -> None:
    """Waits for threads that end soon; a second Ctrl-C must not pull the files away from under them."""
    interrupt: KeyboardInterrupt | None = None
    while alive := [thread for thread in threads if thread.is_alive()]:
        try:
            alive[0].join()
        except KeyboardInterrupt as error:
            interrupt = error
    if interrupt is not None:
        raise interrupt


def _in_flight(item: MediaItem, first_pts: int | None) -> _Item:
    if isinstance(item, Packet):
        return item
    leads_in = first_pts is not None and item.pts < first_pts
    return _FrameInFlight(frame=item.frame, pts=item.pts, time_s=item.time_s, leads_in=leads_in)


@contextmanager
def _failures_of(item: _FrameInFlight) -> Iterator[None]:
    """A failure that concerns this frame alone is noted on it; every other one ends the run."""
    try:
        yield
    except InvalidModelOutput as error:
        _note(item, error)
    except (CallerError, ServiceError):
        raise
    except MemoryError as error:
        raise OutOfHostMemory("Memory ran out while a frame was changed.") from error
    except Exception as error:  # noqa: BLE001 — counted, published, and bounded by max_bad_frames
        _note(item, error)


def _note(item: _FrameInFlight, error: Exception) -> None:
    item.failure = error
    publish(FrameFailed(time_s=item.time_s, reason=f"{type(error).__name__}: {error}"))
