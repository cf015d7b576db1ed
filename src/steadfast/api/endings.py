"""What is stated of every request for work when it is over."""

from steadfast.api.exchange import Exchange
from steadfast.observability.requests import RequestEnded

_S = 1e-3


def request_ended(
    exchange: Exchange, took_s: float, serial: int = 0, *, is_submission: bool = False
) -> RequestEnded:
    """The fact, from what the routes have noted: `task`, `engine`, `key`, `queue_ms`, `decode_ms`, …

    A worker is not trusted: numbers it said are taken as numbers, never as names.
    """
    get = exchange.noted.get
    return RequestEnded(
        serial=serial,
        request_id=exchange.request_id.decode(),
        route=exchange.path,
        task=get("task", ""),
        is_submission=is_submission,
        status=exchange.status,
        code=exchange.code or "",
        took_s=took_s,
        key=get("key", ""),
        priority=get("priority", ""),
        traceparent=get("traceparent") or exchange.traceparent,
        engine=get("engine", ""),
        degraded=bool(get("degraded")),
        attempts=get("attempts", 0),
        receive_s=get("receive_ms", 0.0) * _S,
        queue_s=get("queue_ms", 0.0) * _S,
        worked_s=get("worked_ms", 0.0) * _S,
        decode_s=get("decode_ms", 0.0) * _S,
        inference_s=get("infer_ms", 0.0) * _S,
        encode_s=get("encode_ms", 0.0) * _S,
        bytes_in=get("bytes", 0),
        pixels=get("pixels", 0.0),
        frames=get("frames", 0),
        faces=int(get("faces", 0)),
        swapped=int(get("swapped", 0)),
        identity=get("identity"),
        predicted_s=get("predicted_ms", 0.0) * _S if "predicted_ms" in exchange.noted else None,
    )
