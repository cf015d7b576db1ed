"""A request that works, from its headers to its outcome, as values."""

from collections.abc import Sequence

import msgspec

from steadfast.admission.arrival import Priority
from steadfast.api.access import ANONYMOUS
from steadfast.api.intake import Held
from steadfast.api.options import AnswerKind
from steadfast.runtime.ticket import Outcome
from steadfast.tasks.face_messages import FaceRequest


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A request that is complete and about to be admitted."""

    request: FaceRequest
    blobs: Sequence[Held]
    deadline_s: float | None
    """From the arrival of the headers, as the client said; None: the default, from now on."""
    priority: Priority
    answer: AnswerKind = AnswerKind.PICTURE


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and since when."""

    key: str
    began_s: float
    """On the monotonic clock, when the headers were complete; the loop's own may count whole milliseconds."""

    @property
    def key_id(self) -> str:
        """As admission knows it: empty where no key is needed."""
        return "" if self.key == ANONYMOUS else self.key


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """An order that was carried out."""

    outcome: Outcome
    queue_ms: float
    """From its last byte to its answer, without the time in the worker."""
