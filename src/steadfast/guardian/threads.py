"""What the threads of a server do at one moment: a loop may be silent because another thread cannot run.

A thread that holds the interpreter's lock and gets no processor keeps the loop from running, and the loop's
own time on the run queue does not show it: it sleeps until it has the lock.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_ALL_THE_TIME = 0.8
"""Part of a stretch of time in which a thread that never slept was on a processor or waited for one."""
_AT_WORK = 0.5
"""Part of it on a processor, from which on the loop itself computes and is not kept from it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Threads:
    """One look; times are of the whole life of each thread."""

    loop_may_be_kept: bool
    """Whether the loop's thread waits for a lock, or for a processor: not in any other call of the system."""
    loop_ran_s: float
    """The loop's time on a processor."""
    awake_s: Mapping[int, float]
    """Of every thread, by number: on a processor or waiting for one."""


def look_at_threads(pid: int) -> Threads | None:
    """None where the system does not tell."""
    folder = Path(f"/proc/{pid}/task")
    try:
        place = (folder / str(pid) / "wchan").read_text()
        ran_s, _ = _times(folder / str(pid))
        numbers = [int(entry.name) for entry in folder.iterdir()]
    except (OSError, ValueError, IndexError):
        return None
    awake_s = {}
    for number in numbers:
        with suppress(OSError, ValueError, IndexError):  # it has ended meanwhile
            awake_s[number] = sum(_times(folder / str(number)))
    return Threads(
        loop_may_be_kept=place.startswith("futex") or place in ("", "0"),
        loop_ran_s=ran_s,
        awake_s=awake_s,
    )


def is_crowded_out(before: Threads, after: Threads, passed_s: float) -> bool:
    """Whether, between two looks, some thread wanted a processor all the time and the loop had none."""
    if not (before.loop_may_be_kept and after.loop_may_be_kept):
        return False
    if after.loop_ran_s - before.loop_ran_s >= _AT_WORK * passed_s:
        return False
    grown = (
        now_s - before.awake_s[number] for number, now_s in after.awake_s.items() if number in before.awake_s
    )
    return max(grown, default=0.0) >= _ALL_THE_TIME * passed_s


def _times(thread: Path) -> tuple[float, float]:
    # proc(5): time on a processor, time on a run queue, both in nanoseconds; number of slices.
    ran, waited, *_ = (thread / "schedstat").read_bytes().split()
    return int(ran) / 1e9, int(waited) / 1e9
