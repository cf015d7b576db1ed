"""Times as half-open intervals in microseconds since 1970, and what is left of them."""

from collections.abc import Iterable

Interval = tuple[int, int]


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """The same times without overlaps, in order."""
    joined: list[Interval] = []
    for begin, end in sorted(interval for interval in intervals if interval[0] < interval[1]):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((begin, end))
    return joined


def clipped(intervals: Iterable[Interval], within: Interval) -> list[Interval]:
    """What of them lies within."""
    cut = ((max(begin, within[0]), min(end, within[1])) for begin, end in intervals)
    return [interval for interval in cut if interval[0] < interval[1]]


def without(intervals: Iterable[Interval], removed: Iterable[Interval]) -> list[Interval]:
    """What of them lies outside of all that is removed."""
    holes, left = merged(removed), list[Interval]()
    first = 0
    for begin, end in merged(intervals):
        while first < len(holes) and holes[first][1] <= begin:
            first += 1
        at = first
        while at < len(holes) and holes[at][0] < end:
            if begin < holes[at][0]:
                left.append((begin, holes[at][0]))
            begin = max(begin, holes[at][1])  # noqa: PLW2901 — what is left of it
            at += 1
        if begin < end:
            left.append((begin, end))
    return left


def total_us(intervals: Iterable[Interval]) -> int:
    """How long they are together."""
    return sum(end - begin for begin, end in intervals)
