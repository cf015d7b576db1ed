"""Numbers as people read them, in few characters, and words that cannot command a terminal."""

from collections.abc import Sequence
from typing import Final

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_ASCII_BLOCKS: Final = "_.:-=+*#"
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
_UNKNOWN: Final = "–"


def duration(seconds: float | None) -> str:
    """`420 ms`, `3.1 s`, `5 min`, `3 h 12 min`, `2 d 4 h`."""
    if seconds is None:
        return _UNKNOWN
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"


def size(count: float | None) -> str:
    """`102 MiB`, `1.4 GiB`; nothing is a dash."""
    if not count:
        return _UNKNOWN
    step = 0
    while count >= 1024 and step < len(_UNITS) - 1:
        count, step = count / 1024, step + 1
    return f"{count:.{1 if step > 2 else 0}f} {_UNITS[step]}"


def percent(share: float | None) -> str:
    """`43 %` of 0.43."""
    return _UNKNOWN if share is None else f"{share * 100:.0f} %"


def per_second(rate: float) -> str:
    """`0.4/s`, `12/s`."""
    return f"{rate:.1f}/s" if rate < 9.95 else f"{rate:.0f}/s"


def plain(words: str) -> str:
    """The words without anything that a terminal would obey: a worker or a client may have said them."""
    return "".join(sign if sign.isprintable() else "·" for sign in words)


def sparkline(values: Sequence[float | None], width: int, *, ascii_only: bool = False) -> str:
    """The latest values as blocks of growing height, one column each; a gap where there was none.

    Where there are more values than columns, several share one, which shows the greatest of them.
    """
    blocks = _ASCII_BLOCKS if ascii_only else _BLOCKS
    if width <= 0 or not values:
        return " " * width
    columns = _columns(values, width)
    top = max((value for value in columns if value is not None), default=0.0)
    drawn = [_block(value, top, blocks) for value in columns]
    return "".join(drawn).rjust(width)


def _columns(values: Sequence[float | None], width: int) -> list[float | None]:
    together = max(1, -(-len(values) // width))
    first = len(values) % together  # so that the latest column is always a full one
    starts = [0] * bool(first) + list(range(first, len(values), together))
    ends = [*starts[1:], len(values)]
    groups = [values[start:end] for start, end in zip(starts, ends, strict=True)]
    return [max((value for value in group if value is not None), default=None) for group in groups][-width:]


def _block(value: float | None, top: float, blocks: str) -> str:
    if value is None:
        return " "
    return blocks[min(len(blocks) - 1, round(value / top * (len(blocks) - 1)))] if top else blocks[0]
