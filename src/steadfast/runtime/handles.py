"""Open files and threads of a process: what leaks beside memory, and runs out sooner."""

import os
from dataclasses import dataclass

MOST_FILES_SHARE = 0.6
"""Of the files that a worker may open: from here on it is replaced, before an `open` fails."""
MOST_MORE_THREADS = 200
"""Beyond those it had when it was first looked at; libraries start a few per core, and then no more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Handles:
    """What a process holds."""

    files: int
    threads: int


def handles_of(pid: int) -> Handles | None:
    """None: the process is gone, or may not be looked into."""
    try:
        # The numbers alone, no Path for each: every worker is looked at once a second.
        files, threads = (len(os.listdir(f"/proc/{pid}/{name}")) for name in ("fd", "task"))  # noqa: PTH208
    except OSError:
        return None
    return Handles(files=files, threads=threads)


def leak_in(now: Handles, first: Handles, *, most_files: int) -> str:
    """What of a process has grown without end, in words; empty: nothing has."""
    if now.files >= MOST_FILES_SHARE * most_files and now.files > 2 * first.files:
        return f"it holds {now.files} open files of {most_files}"
    if now.threads >= first.threads + MOST_MORE_THREADS:
        return f"it has {now.threads} threads, and had {first.threads}"
    return ""
