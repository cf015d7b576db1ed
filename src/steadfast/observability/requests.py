"""The fact that a request has ended: what metrics, the ledger of requests and traces are made from.

HTTP states it, once for every request that asked for work, whatever became of it.
"""

from enum import StrEnum
from typing import Final

from steadfast.errors import (
    DeadlineExceeded,
    DiskFull,
    Overloaded,
    RateLimited,
    RequestCancelled,
    ShuttingDown,
)
from steadfast.events import FrequentEvent


class RequestOutcome(StrEnum):
    """What became of a request, and so whose fault it was."""

    OK = "ok"  # answered
    DEGRADED = "degraded"  # answered, with something given up
    CALLER_ERROR = "caller_error"  # the caller's fault: a 4xx
    RATE_LIMITED = "rate_limited"  # the caller sends more than it may
    CANCELLED = "cancelled"  # the caller went away
    SHED = "shed"  # ours: turned away because too much waited, or because the service stops
    TIMEOUT = "timeout"  # ours: accepted and not done in time
    ERROR = "error"  # ours: accepted and failed


class SizeClass(StrEnum):
    """How large the work was; objectives on latency are stated per class."""

    SMALL = "small"  # up to 1 megapixel
    MEDIUM = "medium"  # up to 4
    LARGE = "large"  # up to 16
    HUGE = "huge"  # more
    UNKNOWN = "unknown"  # nothing was decoded


class RequestStarted(FrequentEvent, kw_only=True, frozen=True, gc=False):
    """A request for work has come; stated before anything is done for it."""

    serial: int
    """Its number among those of this server."""
    route: str


class RequestEnded(FrequentEvent, kw_only=True, frozen=True, gc=False):
    """A request for work is over."""

    serial: int = 0
    """That of its start."""
    request_id: str
    route: str
    task: str
    """Empty where it was refused before anybody knew."""
    is_submission: bool = False
    """Whether it asked for a job: it is answered when that is recorded, and took as long as its upload."""
    status: int
    code: str = ""
    """Of the error; empty where it was answered well."""
    took_s: float
    """From its headers to the last byte of its answer."""
    key: str = ""
    """Id of the API key."""
    priority: str = ""
    traceparent: str = ""
    """W3C Trace Context, as the caller sent it or as our own trace made it; empty: none."""
    engine: str = ""
    degraded: bool = False
    attempts: int = 0
    receive_s: float = 0.0
    """Until its last byte had come."""
    queue_s: float = 0.0
    """Until a worker had it."""
    worked_s: float = 0.0
    """Inside the worker; decoding, inference and encoding are parts of it."""
    decode_s: float = 0.0
    inference_s: float = 0.0
    encode_s: float = 0.0
    bytes_in: int = 0
    pixels: float = 0.0
    frames: int = 0
    faces: int = 0
    """Found."""
    swapped: int = 0
    identity: float | None = None
    """Similarity of the worst swapped face to its source; None: not measured."""
    predicted_s: float | None = None
    """Time in a worker as admission had foretold it; None: nobody had to know."""

    @property
    def outcome(self) -> RequestOutcome:
        """What became of it."""
        return outcome_of(self.status, self.code, degraded=self.degraded)

    @property
    def size_class(self) -> SizeClass:
        """How large it was."""
        return size_class_of(self.pixels)

    @property
    def trace_id(self) -> str:
        """Of its trace, 32 hexadecimal digits; empty: none, or what came is none."""
        named = self.traceparent[3:35]
        return named if len(named) == _TRACE_ID_DIGITS and _HEXADECIMAL.issuperset(named) else ""


_BY_CODE: Final = {
    RequestCancelled.code: RequestOutcome.CANCELLED,
    RateLimited.code: RequestOutcome.RATE_LIMITED,
    Overloaded.code: RequestOutcome.SHED,
    DiskFull.code: RequestOutcome.SHED,
    ShuttingDown.code: RequestOutcome.SHED,
    DeadlineExceeded.code: RequestOutcome.TIMEOUT,
}
_MEGAPIXEL: Final = 1e6
_TRACE_ID_DIGITS: Final = 32
_HEXADECIMAL: Final = frozenset("0123456789abcdef")


def outcome_of(status: int, code: str, *, degraded: bool = False) -> RequestOutcome:
    """The outcome that an answer means; one of 2xx that has a code only stands in for a failure."""
    if 200 <= status < 400 and not code:
        return RequestOutcome.DEGRADED if degraded else RequestOutcome.OK
    known = _BY_CODE.get(code)
    if known is not None:
        return known
    return RequestOutcome.CALLER_ERROR if 400 <= status < 500 else RequestOutcome.ERROR


def size_class_of(pixels: float) -> SizeClass:
    """The class of that many pixels; of a video, those of one frame."""
    if pixels <= 0:
        return SizeClass.UNKNOWN
    if pixels <= _MEGAPIXEL:
        return SizeClass.SMALL
    if pixels <= 4 * _MEGAPIXEL:
        return SizeClass.MEDIUM
    return SizeClass.LARGE if pixels <= 16 * _MEGAPIXEL else SizeClass.HUGE
