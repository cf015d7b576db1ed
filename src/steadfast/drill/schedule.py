"""Which fault when: decided from the seed before anything starts, so that the same seed is the same drill."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from steadfast.drill.fault import Fault

_CALM_S = (3.0, 6.0)
"""Between the end of one fault's window and the next fault; drawn anew each time."""
_WINDOW_S = 10.0
"""Kept for a fault to be noticed and recovered from. One that takes longer moves what comes after it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """One fault in the plan."""

    name: str
    house: str
    """Kind of private server that it needs."""
    at_s: float
    """From the moment at which that server is whole and traffic flows."""
    seed: int
    """Of its own choices: which worker, how large."""


def plan(faults: Sequence[type[Fault]], *, seed: int, duration_s: float | None = None) -> list[Planned]:
    """Every fault once, in an order and at moments that the seed decides; faults of one house stay together.

    With `duration_s` as many as fit into it, and all of them again and again where it is long.
    """
    dice = random.Random(seed)  # noqa: S311 — the same each time is the point
    planned: list[Planned] = []
    _add_round(planned, faults, dice)
    while duration_s is not None and planned and _length_s(planned) < duration_s:
        _add_round(planned, faults, dice)
    return planned if duration_s is None else _within(planned, duration_s)


def _add_round(planned: list[Planned], faults: Sequence[type[Fault]], dice: random.Random) -> None:
    """Every fault once more."""
    lasts_s = {fault.name: fault.lasts_s for fault in faults}
    for house in dict.fromkeys(fault.house for fault in faults):
        chosen = [fault for fault in faults if fault.house == house]
        dice.shuffle(chosen)
        last = planned[-1] if planned and planned[-1].house == house else None
        at_s = 0.0 if last is None else round(last.at_s + lasts_s[last.name] + _WINDOW_S, 2)
        for fault in chosen:
            at_s += round(dice.uniform(*_CALM_S), 2)
            planned.append(Planned(name=fault.name, house=house, at_s=at_s, seed=dice.getrandbits(32)))
            at_s = round(at_s + fault.lasts_s + _WINDOW_S, 2)


def _length_s(planned: Sequence[Planned]) -> float:
    """Of all houses after one another; a house that comes again begins from nought."""
    total_s, last_s = 0.0, 0.0
    for one in planned:
        if one.at_s < last_s:
            total_s += last_s + _WINDOW_S
        last_s = one.at_s
    return total_s + last_s + _WINDOW_S


def _within(planned: list[Planned], duration_s: float) -> list[Planned]:
    kept: list[Planned] = []
    for one in planned:
        if kept and _length_s([*kept, one]) > duration_s:
            break
        kept.append(one)
    return kept
