"""What this process has open, for tests that say nothing is left.

Only what is new counts: beside a test its neighbours' garbage is collected, and their files are closed.
"""

from pathlib import Path

_OPEN = Path("/proc/self/fd")


def open_files() -> dict[int, str]:
    """Descriptor → what it is of."""
    found: dict[int, str] = {}
    for entry in _OPEN.iterdir():
        try:
            link = str(entry.readlink())
        except OSError:  # it was closed meanwhile
            continue
        if not (link.startswith("/proc/") and link.endswith("/fd")):  # the descriptor of this very listing
            found[int(entry.name)] = link
    return found


def opened_since(before: dict[int, str]) -> dict[int, str]:
    """What is open now and was not then."""
    return {number: link for number, link in open_files().items() if before.get(number) != link}
