"""Whether the service has noticed what was done to it, and is whole again, as seen from outside."""

import asyncio
import time

from steadfast.drill.fault import Expectation, Scene
from steadfast.drill.observer import Look, Observer
from steadfast.drill.traffic import Traffic

_WHOLE_LOOKS = 3
"""In a row, before the service counts as whole again."""
_STEP_S = 0.1


async def until_calm(observer: Observer, traffic: Traffic, kinds: frozenset[str], within_s: float) -> None:
    """Whole, without what the last fault has left in the queue, and without an incident of these kinds.

    A sign of a kind that lasts already joins its incident: nobody could tell whether this fault was noticed.
    """
    until_s = time.monotonic() + within_s
    while time.monotonic() < until_s:
        look = observer.looks[-1] if observer.looks else None
        is_calm = look is not None and look.is_whole and not look.incidents & kinds
        if is_calm and traffic.in_flight < traffic.concurrency:
            return
        await asyncio.sleep(_STEP_S)


def incident_kinds(expected: Expectation) -> frozenset[str]:
    """Of incidents that would be the detection."""
    return frozenset(sign.partition(":")[2] for sign in expected.signs if sign.startswith("incident:"))


def whole_since(observer: Observer, since_s: float) -> float | None:
    """When the run of whole looks began that lasts now; None: there is none yet."""
    looks = observer.since(since_s)
    lasting: list[Look] = []
    for look in reversed(looks):
        if not look.is_whole:
            break
        lasting.append(look)
    return lasting[-1].at_s if len(lasting) >= _WHOLE_LOOKS else None


def detection(
    scene: Scene, observer: Observer, expected: Expectation, since_s: float, before: frozenset[str]
) -> tuple[float, str] | None:
    """The earliest of the signs, and its name."""
    found: list[tuple[float, str]] = []
    incidents, looks = observer.incidents_since(since_s), observer.since(since_s)
    sent = scene.traffic.between(since_s, time.monotonic())
    for sign in expected.signs:
        name, _, of = sign.partition(":")
        match name:
            case "incident":
                found += [(one.first_seen_at_s, of) for one in incidents if one.kind == of]
                found += [(look.at_s, of) for look in looks if of in look.incidents][:1]
            case "carrier":
                found += [(one.ended_at_s, sign) for one in scene.carriers if str(one.status) == of]
            case "refusal":
                found += [(one.answer.ended_at_s, of) for one in sent if one.answer.code == of]
            case "takeover":
                found += [(one.answer.ended_at_s, name) for one in sent if one.retried_unseen]
            case "replaced":
                found += [(look.at_s, name) for look in looks if look.workers and look.workers - before][:1]
            case "degraded":
                found += [(look.at_s, name) for look in looks if look.status == "degraded"][:1]
                found += [(one.answer.ended_at_s, name) for one in sent if one.answer.degraded]
            case _:
                found += [(scene.signs[name], name)] if name in scene.signs else []
    return min(found, default=None)
