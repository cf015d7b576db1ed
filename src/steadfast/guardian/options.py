"""What the guardian is told, on its command line, by whoever starts it."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardianOptions:
    """Times on the monotonic clock, and how often the server may be started again."""

    start_timeout_s: float = 120.0
    """From the start of the server to its `ready`; migrations and model checks lie in it."""
    hung_after_s: float = 1.0
    """Silence of the event loop, less the time it waited for a processor, after which it counts as hung."""
    starved_at_most_s: float = 10.0
    """Silence after which it counts as hung even if it only waited for a processor."""
    probe_every_s: float = 1.0
    """From one request to `/health/live` to the next."""
    probe_timeout_s: float = 2.0
    """For one such request, from connecting to the status line."""
    unanswered_after_s: float = 10.0
    """Without an answer for this long the server counts as hung, though its loop turns."""
    dump_wait_s: float = 0.3
    """For the stacks of a hung server before it is killed."""
    grace_s: float = 35.0
    """From SIGTERM to SIGKILL; longer than the server's own grace period, which ends inside it."""
    kill_wait_s: float = 10.0
    """For a killed process to be gone; one in an uninterruptible sleep may never be."""
    restarts: int = 10
    """Restarts allowed within `restarts_within_s`; one more, and the guardian gives up with a status."""
    restarts_within_s: float = 60.0
    """The window in which restarts are counted."""
    backoff_first_s: float = 0.1
    """Pause before the second restart in a row; the first one follows at once."""
    backoff_max_s: float = 5.0
    """The longest pause; each is twice the one before."""
    settled_after_s: float = 5.0
    """A server that was ready for this long ends the row: its death is a new one."""

    def as_arguments(self) -> list[str]:
        """The command line that `parse` reads back; only what differs from the defaults."""
        differing = [f for f in fields(self) if getattr(self, f.name) != f.default]
        return [part for f in differing for part in (_flag(f.name), str(getattr(self, f.name)))]


def parse(arguments: Sequence[str]) -> tuple[GuardianOptions, list[str]]:
    """The options, and the server's command line behind `--`."""
    own, server = _split(arguments)
    parser = argparse.ArgumentParser(
        prog="python -m steadfast.guardian",
        usage="%(prog)s [options] -- server command",
        description="Keeps a server process alive.",
        allow_abbrev=False,
    )
    for field in fields(GuardianOptions):
        kind = int if isinstance(field.default, int) else float
        parser.add_argument(_flag(field.name), type=kind, default=field.default)
    options = GuardianOptions(**vars(parser.parse_args(own)))
    if not server:
        parser.error("the server's command is missing; it stands behind --")
    return options, server


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    given = list(arguments)
    at = given.index("--") if "--" in given else len(given)
    return given[:at], given[at + 1 :]


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
