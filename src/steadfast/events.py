"""The facts that lower layers state; logs, metrics and incidents listen.

An `Event` is a frozen dataclass. Whoever states it does not know who listens: `publish` hands it to every
subscriber in turn, and a subscriber that fails never harms the one that speaks. A `FrequentEvent` comes with
every request, so it is lighter, and heard only by those who ask for its very kind: no log, no incident.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Base of all facts."""


class FrequentEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of the facts that come by the thousand; made in half a microsecond."""


Subscriber = Callable[[Event], None]
EventT = TypeVar("EventT", bound=Event | FrequentEvent)
_subscribers: list[Subscriber] = []
_subscribers_of_kind: dict[type, list[Callable[..., None]]] = {}


def subscribe(subscriber: Subscriber) -> Callable[[], None]:
    """Hears every `Event` from now on; the answer is a function that ends it."""
    _subscribers.append(subscriber)
    return lambda: _subscribers.remove(subscriber)


def subscribe_to(kind: type[EventT], subscriber: Callable[[EventT], None]) -> Callable[[], None]:
    """Hears every event of exactly this class from now on; the answer is a function that ends it."""
    listening = _subscribers_of_kind.setdefault(kind, [])
    listening.append(subscriber)
    return lambda: listening.remove(subscriber)


def is_heard(kind: type[FrequentEvent]) -> bool:
    """Whether anybody listens, so that the event is worth making."""
    return bool(_subscribers_of_kind.get(kind))


def publish(event: Event | FrequentEvent) -> None:
    """States a fact to everyone who listens now."""
    for listener in tuple(_subscribers_of_kind.get(type(event), ())):
        _tell(listener, event)
    if isinstance(event, Event):
        for subscriber in tuple(_subscribers):
            _tell(subscriber, event)


def _tell(listener: Callable[..., None], event: Event | FrequentEvent) -> None:
    try:
        listener(event)
    except Exception:  # noqa: BLE001 — a listener's fault must never become the speaker's
        _log.exception("event subscriber failed", extra={"event": type(event).__name__})
