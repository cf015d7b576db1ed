"""The facts that lower layers state; logs, metrics and incidents listen.

An event is a frozen dataclass. Whoever states it does not know who listens: `publish` hands it to every
subscriber in turn, and a subscriber that fails never harms the one that speaks.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Base of all facts."""


Subscriber = Callable[[Event], None]
_subscribers: list[Subscriber] = []


def subscribe(subscriber: Subscriber) -> Callable[[], None]:
    """Hears every event from now on; the answer is a function that ends it."""
    _subscribers.append(subscriber)
    return lambda: _subscribers.remove(subscriber)


def publish(event: Event) -> None:
    """States a fact to everyone who listens now."""
    for subscriber in tuple(_subscribers):
        try:
            subscriber(event)
        except Exception:  # noqa: BLE001 — a listener's fault must never become the speaker's
            _log.exception("event subscriber failed", extra={"event": type(event).__name__})
