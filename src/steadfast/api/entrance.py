"""The door of the routes that do work: who asks, and whether there is any use in reading on."""

import time
from collections.abc import Mapping

from steadfast.admission.arrival import Arrival
from steadfast.admission.scopes import Scope
from steadfast.api.backend import Backend
from steadfast.api.exchange import Exchange
from steadfast.api.intake import announced_bytes
from steadfast.api.options import deadline_of, priority_of
from steadfast.api.order import Visit
from steadfast.errors import ShuttingDown


async def enter(
    backend: Backend, exchange: Exchange, *, task: str, features: Mapping[str, float | str] | None = None
) -> Visit:
    """Refuses whom it can before anything of the body is read.

    Raises what access and the gate raise, and `ShuttingDown`.
    """
    visit = Visit(began_s=time.monotonic(), key=await backend.access.admit(exchange, Scope.SWAP))
    if backend.stopping:
        raise ShuttingDown("The service is stopping.", retry_after_s=1.0)
    deadline_s, _ = deadline_of(exchange, None, backend.deadline_s)
    exchange.noted.update(task=task, key=visit.key_id)
    backend.gate.knock(
        Arrival(
            task=task,
            key=visit.key_id,
            address=exchange.address,
            priority=priority_of(exchange, None),
            deadline_s=deadline_s,
            size_bytes=announced_bytes(exchange),
            features=features or {},
        ),
        body_is_here=exchange.inbox.is_complete,
    )
    return visit
