"""A request that works, from its headers to its outcome, as values."""

from collections.abc import Sequence
from dataclasses import dataclass

from steadfast.admission.arrival import Priority
from steadfast.api.access import ANONYMOUS
from steadfast.api.intake import Held
from steadfast.api.options import AnswerKind
from steadfast.runtime.ticket import Outcome
from steadfast.tasks.face_messages import FaceRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """A request that is complete and about to be admitted."""

    request: FaceRequest
    blobs: Sequence[Held]
    deadline_s: float | None
    """From the arrival of the headers, as the client said; None: the default, from now on."""
    priority: Priority
    answer: AnswerKind = AnswerKind.PICTURE


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """Who asks, and since when."""

    key: str
    began_s: float
    """On the loop's clock, when the headers were complete."""

    @property
    def key_id(self) -> str:
        """As admission knows it: empty where no key is needed."""
        return "" if self.key == ANONYMOUS else self.key


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """An order that was carried out."""

    outcome: Outcome
    queue_ms: float
    """From its last byte to its answer, without the time in the worker."""
