"""Answers about pictures are counted by what they rest on."""

from prometheus_client.registry import CollectorRegistry

from steadfast.entailment.answer import Answer
from steadfast.events import publish
from steadfast.observability.metrics.entailment_metrics import EntailmentMetrics
from steadfast.tasks.entail_messages import EntailmentAnswered


def test_what_stands_in_is_counted_apart_from_what_was_found() -> None:
    registry = CollectorRegistry()
    stops = list(EntailmentMetrics(registry).listen())
    publish(EntailmentAnswered(answer=Answer.MAYBE, confidence=0.97))
    publish(EntailmentAnswered(answer=Answer.MAYBE, in_domain=False, confidence=1 / 3))
    publish(EntailmentAnswered(answer=Answer.MAYBE, reason="worker_crashed"))
    for stop in stops:
        stop()

    def count(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    for basis in ("model", "outside", "stand_in"):
        assert count("steadfast_entailment_answers_total", answer="maybe", basis=basis) == 1
    assert count("steadfast_entailment_stand_ins_total", reason="worker_crashed") == 1
    assert count("steadfast_entailment_confidence_count", answer="maybe") == 1
