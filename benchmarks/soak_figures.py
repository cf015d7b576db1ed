"""What an endurance run comes to: pure functions from what was seen to the lines of its table."""

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_Z = 1.959964
"""Of a confidence of 95 %."""
_BLOCKS = 25


@dataclass(frozen=True, kw_only=True, slots=True)
class Slope:
    """How something grew, by least squares over the medians of equal stretches of time."""

    per_hour: float
    low: float
    """Of the interval that holds the true slope with a confidence of 95 %, …"""
    high: float
    """… and its other end."""

    @property
    def is_nought(self) -> bool:
        """Whether it cannot be told from none."""
        return self.low <= 0.0 <= self.high

    def __str__(self) -> str:
        return f"{self.per_hour:+.1f} per hour [{self.low:+.1f}, {self.high:+.1f}]"


def slope(samples: Sequence[tuple[float, float]], *, blocks: int = _BLOCKS) -> Slope | None:
    """Of samples (seconds, value); None: too few. Medians of stretches are nearly independent."""
    if len(samples) < 2 * blocks:
        return None
    size = len(samples) / blocks
    parts = [samples[round(number * size) : round((number + 1) * size)] for number in range(blocks)]
    xs = [statistics.fmean(at_s for at_s, _ in part) / 3600 for part in parts]
    ys = [statistics.median(value for _, value in part) for part in parts]
    fit = statistics.linear_regression(xs, ys)
    left = [y - fit.slope * x - fit.intercept for x, y in zip(xs, ys, strict=True)]
    mean_x = statistics.fmean(xs)
    freedom = blocks - 2
    error = math.sqrt(sum(each**2 for each in left) / freedom / sum((x - mean_x) ** 2 for x in xs))
    reach = _student(freedom) * error
    return Slope(per_hour=fit.slope, low=fit.slope - reach, high=fit.slope + reach)


def _student(freedom: int) -> float:
    """The 97.5 % quantile of Student's t (Cornish-Fisher expansion, good to 0.01 from five degrees on)."""
    z = _Z
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Injected:
    """One fault of the run."""

    name: str
    group: str
    begin_s: float
    """When it was injected; on one clock with all others."""
    end_s: float
    """When it was healed, or over."""
    incident_kinds: frozenset[str]
    """Kinds that it is expected to open, any of them."""
    side_kinds: frozenset[str]
    """Kinds that may come with it."""
    refusals: frozenset[str]
    """Codes that it may have ordinary requests refused with."""
    noticed_by: str = ""
    """The sign by which the service showed that it noticed; empty: none was seen."""
    must_be_noticed: bool = True
    """Whether there is anything to notice."""
    tell_until_s: float = 0.0
    """Until when the service may take to tell of it, which may be long after its end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One request of the traffic; requests that carry a fault are not among them."""

    begin_s: float
    end_s: float
    is_good: bool
    words: str
    """Status and code."""
    code: str
    is_wrong: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """Requests of a stretch of the run."""

    requests: int
    refused: dict[str, int]
    """With a code that a fault of that moment names: more was asked than can be done."""
    failed: dict[str, int]
    wrong: int

    @property
    def availability(self) -> float:
        """Good answers as a part of all that were not refused for being too many."""
        counted = self.requests - sum(self.refused.values())
        return 1.0 - sum(self.failed.values()) / counted if counted else 1.0


def account(asked: Iterable[Asked], faults: Sequence[Injected], *, grace_s: float) -> Account:
    """Who got what. A fault counts as present from its beginning until `grace_s` after its end."""
    requests = wrong = 0
    refused: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for one in asked:
        requests += 1
        wrong += one.is_wrong
        if one.is_good:
            continue
        present = [each for each in faults if _meets(one, each, grace_s)]
        is_refusal = any(one.code in each.refusals for each in present)
        (refused if is_refusal else failed)[one.words] += 1
    return Account(requests=requests, refused=dict(refused), failed=dict(failed), wrong=wrong)


def _meets(one: Asked, fault: Injected, grace_s: float) -> bool:
    return one.end_s >= fault.begin_s and one.begin_s <= fault.end_s + grace_s


def blamed(one: Asked, faults: Sequence[Injected], *, grace_s: float) -> str:
    """The faults that were present when a request failed."""
    return " + ".join(each.name for each in faults if _meets(one, each, grace_s)) or "no fault"


def imagined(
    opened: Iterable[tuple[float, str]], faults: Sequence[Injected], *, grace_s: float
) -> list[tuple[float, str]]:
    """Incidents (moment, kind) that no fault explains: present, over for a moment, or still to be told of."""

    def explains(fault: Injected, at_s: float, kind: str) -> bool:
        until_s = fault.end_s + grace_s
        if kind in fault.incident_kinds:
            return fault.begin_s <= at_s <= max(until_s, fault.tell_until_s)
        return kind in fault.side_kinds and fault.begin_s <= at_s <= until_s

    return [(at_s, kind) for at_s, kind in opened if not any(explains(each, at_s, kind) for each in faults)]


def missed(faults: Iterable[Injected]) -> list[Injected]:
    """Faults that are to be noticed and that nothing showed."""
    return [each for each in faults if each.must_be_noticed and not each.noticed_by]
