"""One line when a request starts, one when it ends, and one more that gives the reason if it was slow."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, MutableMapping
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

import structlog
from structlog.typing import FilteringBoundLogger

from steadfast.errors import RequestCancelled, SteadfastError
from steadfast.runtime.caller import CALLER, Caller


class SlowReason(StrEnum):
    """Where the time of a slow request went."""

    RECEIVE = "receive"  # the client sent slowly
    QUEUE = "queue"  # it waited for a worker
    DECODE = "decode"  # reading the picture or the video
    INFERENCE = "inference"  # the models
    ENCODE = "encode"  # writing the answer
    DEGRADED = "degraded"  # the models, because something better was given up
    UNKNOWN = "unknown"  # nobody measured it


_STAGES: Mapping[str, SlowReason] = {
    "receive_ms": SlowReason.RECEIVE,
    "queue_ms": SlowReason.QUEUE,
    "decode_ms": SlowReason.DECODE,
    "infer_ms": SlowReason.INFERENCE,
    "encode_ms": SlowReason.ENCODE,
}


class RequestLog:
    """Makes the lines of requests.

        with request_log.begin(request_id=…, task="face_swap", route="/v1/swap", method="POST") as entry:
            …
            entry.note(queue_ms=outcome.waited_ms, infer_ms=outcome.worked_ms, engine=…, faces=…)
            entry.end(status=200)

    A request that raises ends by its error: one of ours gives its status and code, a cancellation is 499,
    anything else 500.
    """

    def __init__(
        self,
        *,
        slow_ms: float,
        logger: FilteringBoundLogger | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._slow_ms = slow_ms
        # Bound once: structlog would otherwise assemble a logger for every line.
        self._log: FilteringBoundLogger = (logger if logger is not None else structlog.get_logger()).bind()
        self._clock = clock
        self._is_told = self._log.is_enabled_for(logging.INFO)

    def begin(self, *, request_id: str, **fields: Any) -> "RequestEntry":
        """The entry of one request; its context binds `request_id` to every line that is written inside."""
        return RequestEntry(
            log=self._log,
            clock=self._clock,
            slow_ms=self._slow_ms,
            request_id=request_id,
            fields=fields,
            is_told=self._is_told,
        )


class RequestEntry:
    """One request from its first line to its last."""

    def __init__(
        self,
        *,
        log: FilteringBoundLogger,
        clock: Callable[[], float],
        slow_ms: float,
        request_id: str,
        fields: dict[str, Any],
        is_told: bool,
    ) -> None:
        self._log = log
        self._is_told = is_told
        self._clock = clock
        self._slow_ms = slow_ms
        self._fields = fields
        self._request_id = request_id
        self._began_s = 0.0
        self._has_ended = False

    def __enter__(self) -> Self:
        self._caller = CALLER.set(Caller(self._request_id, traceparent=CALLER.get().traceparent))
        self._began_s = self._clock()
        if self._is_told:
            self._log.info("request_started", request_id=self._request_id, **self._fields)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._has_ended:
            self.end(**_ending_of(error))
        CALLER.reset(self._caller)

    def note(self, **fields: Any) -> None:
        """Adds to the last line what has become known: task, worker, pixels, faces, times of stages, …"""
        self._fields.update(fields)

    def end(self, *, status: int, code: str | None = None) -> None:
        """Writes the last line, once; a second call is passed over."""
        if self._has_ended:
            return
        self._has_ended = True
        total_ms = (self._clock() - self._began_s) * 1000
        if not self._is_told and status < 500 and total_ms <= self._slow_ms:
            return
        fields = self._fields | {"status": status, "total_ms": round(total_ms, 3)}
        fields["request_id"] = self._request_id
        if code is not None:
            fields["code"] = code
        level = "info" if status < 500 else "error" if status == 500 else "warning"
        getattr(self._log, level)("request_ended", **fields)
        if total_ms > self._slow_ms:
            self._log.warning("request_slow", **fields, reason=slow_reason(fields).value)


def slow_reason(fields: Mapping[str, Any]) -> SlowReason:
    """The stage that took the most; the models of a degraded request are slow because it was degraded."""
    took = {reason: float(fields.get(stage) or 0.0) for stage, reason in _STAGES.items()}
    reason = max(took, key=lambda stage: took[stage])
    if not took[reason]:
        return SlowReason.DEGRADED if fields.get("degraded") else SlowReason.UNKNOWN
    if reason is SlowReason.INFERENCE and fields.get("degraded"):
        return SlowReason.DEGRADED
    return reason


def _ending_of(error: BaseException | None) -> dict[str, Any]:
    if error is None:
        return {"status": 200}
    if isinstance(error, SteadfastError):
        return {"status": error.status, "code": error.code}
    if isinstance(error, asyncio.CancelledError):
        return {"status": RequestCancelled.status, "code": RequestCancelled.code}
    return {"status": 500, "code": "unexpected"}


def with_request_id(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """A structlog processor: every line that is written for a request carries its id and its trace's."""
    caller = CALLER.get()
    if caller.request_id and "request_id" not in event:
        event["request_id"] = caller.request_id
    if caller.traceparent and "trace_id" not in event:
        event["trace_id"] = caller.traceparent[3:35]
    return event
