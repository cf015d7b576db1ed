"""What a worker said to a question, as an answer over HTTP; and the maybe that stands in for a failure."""

from typing import Any

import msgspec

from steadfast.api.exchange import Exchange
from steadfast.api.order import Done
from steadfast.api.replays import KeptAnswer
from steadfast.entailment.answer import Answer
from steadfast.errors import ServiceError
from steadfast.events import publish
from steadfast.tasks.entail_messages import EntailAnswer, EntailmentAnswered

_JSON = b"application/json"


def answer_of(exchange: Exchange, done: Done) -> KeptAnswer:
    """What was found."""
    outcome = done.outcome
    answer = outcome.decode(EntailAnswer)
    _note(exchange, answer, done)
    probabilities = answer.probabilities
    confidence = None if probabilities is None else getattr(probabilities, answer.answer.value)
    publish(EntailmentAnswered(answer=answer.answer, in_domain=answer.in_domain, confidence=confidence))
    timings = {name: s * 1000 for name, s in answer.seconds.items()}
    timings |= {"queue": done.queue_ms, "worker": outcome.worked_ms}
    document: dict[str, Any] = {
        "request_id": exchange.request_id.decode(),
        "answer": answer.answer.value,
        "probabilities": probabilities,
        "model": answer.model,
        "domain": answer.domain or None,
        "in_domain": answer.in_domain,
        "calibrated": answer.calibrated,
        "warnings": answer.warnings,
        "degraded": outcome.degraded,
        "attempts": outcome.attempts,
        "timings_ms": {name: round(ms, 2) for name, ms in timings.items()},
    }
    return _kept(exchange, document)


def stand_in(exchange: Exchange, error: ServiceError) -> KeptAnswer:
    """A maybe that says why nobody looked. It is no finding: without probabilities, and counted apart."""
    publish(EntailmentAnswered(answer=Answer.MAYBE, reason=error.code))
    exchange.noted.update(degraded=("stand_in",), reason=error.code)
    exchange.code = error.code  # the service failed, whatever the client is told: the ledger counts it so
    document = {
        "request_id": exchange.request_id.decode(),
        "answer": Answer.MAYBE.value,
        "probabilities": None,
        "reason": error.code,
        "warnings": [error.detail],
        "degraded": ["The service failed at this question; the answer only stands in for one."],
    }
    return _kept(exchange, document)


def _kept(exchange: Exchange, document: dict[str, Any]) -> KeptAnswer:
    headers = [(b"traceparent", exchange.traceparent.encode())] if exchange.traceparent else []
    return KeptAnswer(status=200, content_type=_JSON, headers=headers, body=msgspec.json.encode(document))


def _note(exchange: Exchange, answer: EntailAnswer, done: Done) -> None:
    outcome = done.outcome
    exchange.noted.update(
        worker=outcome.worker,
        engine=answer.model[:64],
        attempts=outcome.attempts,
        degraded=outcome.degraded,
        queue_ms=round(done.queue_ms, 3),
        worked_ms=round(outcome.worked_ms, 3),
        decode_ms=round(answer.seconds.get("decode", 0.0) * 1000, 3),
        infer_ms=round(answer.seconds.get("infer", 0.0) * 1000, 3),
    )
    if "pixels" in outcome.cost:
        exchange.noted["pixels"] = outcome.cost["pixels"]
    if exchange.traceparent:
        exchange.noted["traceparent"] = exchange.traceparent
