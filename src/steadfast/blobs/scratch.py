"""What killed processes leave in the scratch folders: found by its name and its age."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

LEFTOVERS = (".steadfast-*", "lent-*", "body-*", "tmp*")
"""Outputs written aside, inputs that were lent or came in, and what the standard library calls temporary."""
LONGEST_USE_S = 24 * 3600.0
"""Beyond this nobody uses such a file any more, whatever lives."""


def clean_scratch(
    folders: Iterable[Path],
    *,
    older_than_s: float = LONGEST_USE_S,
    wall_clock: Callable[[], float] = time.time,
) -> int:
    """Removes leftovers that nobody has changed for so long; how many. 0 s: whoever made them is dead.

    What cannot be removed stays, and is tried again the next time.
    """
    oldest_s, removed = wall_clock() - older_than_s, 0
    for file in _leftovers(folders):
        with suppress(OSError):
            if file.lstat().st_mtime <= oldest_s:
                file.unlink()
                removed += 1
    return removed


def _leftovers(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        for pattern in LEFTOVERS:
            # Links are not followed: a worker may have made them.
            yield from (file for file in folder.rglob(pattern) if file.is_symlink() or file.is_file())
