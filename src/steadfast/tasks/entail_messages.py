"""What the server and a worker say to each other about entailment; the server imports this."""

from typing import TYPE_CHECKING, Any

import msgspec

from steadfast.entailment.answer import Answer
from steadfast.events import FrequentEvent
from steadfast.task import TaskSpec

if TYPE_CHECKING:
    from steadfast.settings import Settings

TASK = "visual_entailment"
"""Its name in titles, events and `?task=`."""
_PATH = "steadfast.tasks.visual_entailment:VisualEntailmentTask"
_CONFIGURED = {"models", "inference", "media", "entailment"}
_SLOWER = 10
"""Times the usual pause between canaries, where one takes seconds."""


class EntailRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A question; blob 0 is the picture."""

    text: str
    caption: str | None = None
    sample: bool = False
    """Whether it is measured how good the answer is."""


class Probabilities(msgspec.Struct, frozen=True, kw_only=True):
    """Of the three answers; they add up to 1."""

    yes: float
    no: float
    maybe: float


class EntailAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Its answer."""

    answer: Answer
    probabilities: Probabilities | None
    """None: nobody looked; the answer stands in for a failure."""
    model: str = ""
    domain: str = ""
    """The world the model is limited to; empty: pictures of any kind."""
    in_domain: bool = True
    """False: picture or sentence are outside that world, and the answer is a maybe for that reason."""
    calibrated: bool = True
    """Whether the probabilities were held against how often the model is right."""
    warnings: tuple[str, ...] = ()
    seconds: dict[str, float] = {}
    """By stage."""


class EntailmentAnswered(FrequentEvent, frozen=True, kw_only=True):
    """A question was answered; what stands in for a failure or for ignorance is told apart."""

    answer: Answer
    reason: str = ""
    """Code of the failure for which a maybe stands in; empty: a model answered."""
    in_domain: bool = True
    confidence: float | None = None
    """Probability of the answer given; None with a `reason`."""


def entail_spec(settings: "Settings") -> TaskSpec:
    """The task as the server knows it."""
    runtime, entailment = settings.runtime, settings.entailment
    every_s = entailment.canary_every_s or runtime.canary_every_s * _slowness(entailment.backend)
    return TaskSpec(
        name=TASK,
        path=_PATH,
        config=worker_config(settings),
        deadline_s=runtime.deadline_s,
        stall_s=runtime.stall_s,
        load_s=runtime.load_s,
        canary_every_s=every_s,
        canary_floor_s=max(300.0, every_s),
        max_batch=entailment.max_batch,
    )


def _slowness(backend: str) -> int:
    return 1 if backend == "embedded" else _SLOWER


def worker_config(settings: "Settings") -> dict[str, Any]:
    """The sections that a worker needs, as plain data; none of them holds a secret."""
    return settings.model_dump(mode="json", include=_CONFIGURED)
