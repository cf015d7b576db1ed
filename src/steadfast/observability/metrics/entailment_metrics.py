"""Answers about pictures: what was found, apart from what only stands in for a failure or for ignorance."""

from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client.registry import CollectorRegistry

from steadfast.entailment.answer import Answer
from steadfast.events import subscribe_to
from steadfast.observability.metrics.family import Family, Kind, Label, words_of
from steadfast.observability.metrics.instrument import Counting
from steadfast.tasks.entail_messages import EntailmentAnswered

_ANSWER: Final = Label(name="answer", meaning="`yes`, `no` or `maybe`.", values=words_of(Answer))
_BASIS: Final = Label(
    name="basis",
    meaning="`model`: it was found; `outside`: the model does not know such pictures or sentences; "
    "`stand_in`: a failure was answered with a maybe, as the operator wants. Only `model` tells of quality.",
    values=frozenset({"model", "outside", "stand_in"}),
)
_REASON: Final = Label(name="reason", meaning="Code of the failure that a maybe stands in for.", most=16)

ANSWERS: Final = Family(
    name="steadfast_entailment_answers_total",
    kind=Kind.COUNTER,
    meaning="Questions about pictures that were answered.",
    labels=(_ANSWER, _BASIS),
)
STAND_INS: Final = Family(
    name="steadfast_entailment_stand_ins_total",
    kind=Kind.COUNTER,
    meaning="Failures that were answered with a maybe, by what failed.",
    labels=(_REASON,),
)
CONFIDENCE: Final = Family(
    name="steadfast_entailment_confidence",
    kind=Kind.HISTOGRAM,
    meaning="Probability of the answer that was given, of those that were found.",
    labels=(_ANSWER,),
    buckets=(0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999),
)
FAMILIES: Final = (ANSWERS, STAND_INS, CONFIDENCE)


class EntailmentMetrics(Counting):
    """Counts what was answered."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(FAMILIES, registry)

    def listen(self) -> Iterable[Callable[[], None]]:
        """Begins; the answer ends it."""
        return [subscribe_to(EntailmentAnswered, self._answered)]

    def _answered(self, event: EntailmentAnswered) -> None:
        basis = "stand_in" if event.reason else "model" if event.in_domain else "outside"
        self.at(ANSWERS, event.answer.value, basis).inc()
        if event.reason:
            self.at(STAND_INS, event.reason).inc()
        elif event.in_domain and event.confidence is not None:
            self.at(CONFIDENCE, event.answer.value).observe(event.confidence)
