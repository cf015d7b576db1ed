"""Is a task ready? Judged by finished work, never by a flag that nothing backs."""

from collections.abc import Sequence
from dataclasses import dataclass

_LEAST_SUSPICION_S = 1.0
_USUAL_TIMES = 10.0


@dataclass(frozen=True, kw_only=True)
class PlaceFacts:
    """One place, as far as readiness cares."""

    able: bool
    """A worker stands there that has passed a canary."""
    silent_s: float
    """How long it has been at a unit of work without finishing it; 0: it is idle."""
    allowed_s: float
    """How long the request in it may take in all."""


def why_not_ready(
    *, places: Sequence[PlaceFacts], breaker_open: bool, hangs_in_a_row: int, usual_s: float
) -> str:
    """The reason, in words; empty when a request sent now would be answered.

    `usual_s`: what a request usually takes. A place counts as hanging when it has been silent for ten times
    that (at least a second), and in any case before the deadline of its request: readiness turns red within
    one deadline. As many hangs in a row as there are places keep it red until something, a request or a
    canary, is finished.
    """
    able = [place for place in places if place.able]
    if not able:
        return "its workers die before they serve" if breaker_open else "no worker is loaded"
    if hangs_in_a_row >= len(places):
        return f"{hangs_in_a_row} inferences in a row never returned"
    if all(place.silent_s > suspicion_s(place.allowed_s, usual_s) for place in able):
        return "every worker is silent for longer than its work usually takes"
    return ""


def suspicion_s(allowed_s: float, usual_s: float) -> float:
    """Silence after which a place is held to hang."""
    return min(0.9 * allowed_s, max(_LEAST_SUSPICION_S, _USUAL_TIMES * usual_s))
