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
    left = merged(intervals)
    for begin, end in merged(removed):
        left = [
            piece
            for one in left
            for piece in ((one[0], min(one[1], begin)), (max(one[0], end), one[1]))
            if piece[0] < piece[1]
        ]
    return left


def total_us(intervals: Iterable[Interval]) -> int:
    """How long they are together."""
    return sum(end - begin for begin, end in intervals)
