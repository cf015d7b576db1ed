"""What admission states; logs and metrics listen."""

from dataclasses import dataclass
from enum import StrEnum

from steadfast.admission.arrival import Priority
from steadfast.events import Event, FrequentEvent


class Refusal(StrEnum):
    """Why a request was not let in, or not kept."""

    RATE_OF_KEY = "rate_of_key"  # its API key sends too often
    RATE_OF_ADDRESS = "rate_of_address"  # its address sends too often
    QUEUE_FULL = "queue_full"  # as many wait as may
    TOO_LATE = "too_late"  # the predicted wait exceeds its deadline
    DISPLACED = "displaced"  # it waited, and a more urgent one needed the place
    HOPELESS = "hopeless"  # it waited, and cannot be done in time any more
    CLOSED = "closed"  # the service is stopping


class RequestRefused(FrequentEvent, kw_only=True, frozen=True, gc=False):
    """A request was turned away at the door; the line at its end says so in the log."""

    task: str
    priority: Priority
    reason: Refusal
    retry_after_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestShed(Event):
    """A request that waited was sent away."""

    task: str
    priority: Priority
    reason: Refusal
    waited_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ConcurrencyChanged(Event):
    """The number of requests that may be inside together changed."""

    task: str
    limit: int
    workers: int
