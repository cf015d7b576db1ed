"""Requests without a socket, for tests of one route or one file."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from steadfast.api.exchange import Exchange

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """On a loop of its own."""
    return asyncio.run(coroutine)


class Sent:
    """What was answered."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    async def __call__(self, message: dict[str, Any]) -> None:
        self.messages.append(message)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.messages[0]["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages[1:])


def exchange(
    *,
    pieces: Iterable[bytes] = (b"",),
    headers: dict[str, str] | None = None,
    method: str = "POST",
    path: str = "/v1/faces",
    query: str = "",
    breaks_off: bool = False,
    sent: Sent | None = None,
) -> Exchange:
    """A request whose body comes in these pieces; `breaks_off`: and then the client goes away."""
    waiting = list(pieces)

    async def receive() -> dict[str, Any]:
        if not waiting:
            if breaks_off:
                return {"type": "http.disconnect"}
            await asyncio.Event().wait()
        piece = waiting.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(waiting) or breaks_off}

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
        "client": ("127.0.0.1", 5000),
    }
    return Exchange.over_asgi(scope, receive, sent or Sent())
