"""The port of admission, and its simplest implementation: everybody is let in at once."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Protocol


class Priority(StrEnum):
    """Who goes first when there is more work than workers."""

    INTERACTIVE = "interactive"  # somebody waits at a screen
    STANDARD = "standard"
    BATCH = "batch"  # nobody waits; never starved


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """A request at the door, as far as it is known before it is decoded."""

    task: str
    key: str
    """Id of the API key, or `anonymous`."""
    address: str
    priority: Priority
    deadline_s: float
    """From now."""
    size_bytes: int
    features: Mapping[str, float] = field(default_factory=dict)
    """What its time may depend on: pixels by its header, number of sources."""


class Permit(Protocol):
    """A place among those who are served."""

    def finished(self, cost: Mapping[str, float]) -> None:
        """It was carried out; `cost` is what the worker says drove its time."""


class Gate(Protocol):
    """Decides who is let in, who waits and who is refused."""

    def admit(self, arrival: Arrival) -> AbstractAsyncContextManager[Permit]:
        """Waits for a place. Entering it raises `Overloaded` or `RateLimited`; leaving it frees the place."""


class OpenGate:
    """Lets everybody in; for tests, and for who sets no limit."""

    def admit(self, arrival: Arrival) -> "OpenPermit":  # noqa: ARG002 — it asks for nothing
        """A place, at once."""
        return _OPEN


class OpenPermit:
    """A place that costs nothing."""

    def finished(self, cost: Mapping[str, float]) -> None:
        """Nobody learns from it."""

    async def __aenter__(self) -> "OpenPermit":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


_OPEN = OpenPermit()
