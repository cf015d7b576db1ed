"""Whether a silent server hangs, or only had no chance to speak."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from steadfast.guardian.options import GuardianOptions
from steadfast.guardian.threads import Threads, is_crowded_out

Look = Callable[[], Threads | None]
_SECOND_LOOK_S = 0.5
"""After the first, before a loop that may only be kept from running counts as blocked."""


class Hang(StrEnum):
    """In which way a server hangs."""

    NOT_READY = "not_ready"  # it never came up
    LOOP_BLOCKED = "loop_blocked"  # its event loop does not turn
    UNANSWERED = "unanswered"  # its loop turns, its port does not answer


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """A server counts as hung."""

    hang: Hang
    silent_s: float
    """How long it had been silent, in the sense of `hang`."""


class Silence:
    """What was last heard of one server process, on the monotonic clock."""

    def __init__(self, options: GuardianOptions, now: float, *, starved_s: float) -> None:
        """`starved_s`, here and below: how long the process has ever waited for a processor."""
        self._options = options
        self._started_at = now
        self._ready_at: float | None = None
        self._answered_at = now
        self._beat_at: float | None = None
        self._starved_then_s = starved_s
        self._first_look: tuple[float, Threads] | None = None

    @property
    def has_beaten(self) -> bool:
        """Whether its loop ever turned; before, it may not have its signal handlers yet."""
        return self._beat_at is not None

    def served_s(self, now: float) -> float:
        """How long it has been ready."""
        return now - self._ready_at if self._ready_at is not None else 0.0

    def beat(self, now: float, *, starved_s: float) -> None:
        """Its loop has turned."""
        self._beat_at, self._starved_then_s = now, starved_s
        self._first_look = None

    def ready(self, now: float) -> float:
        """It answers requests; the seconds its start took."""
        self._ready_at = self._answered_at = now
        return now - self._started_at

    def answered(self, now: float) -> None:
        """It has answered `/health/live`."""
        self._answered_at = now

    def excuse(self, away_s: float) -> None:
        """The guardian could not listen for that long."""
        self._started_at += away_s
        self._answered_at += away_s
        if self._beat_at is not None:
            self._beat_at += away_s

    def judge(self, now: float, *, starved_s: float, look: Look = lambda: None) -> Verdict | None:
        """None: there is nothing to hold against it. `look`: at its threads, where its loop seems blocked."""
        if self._ready_at is None and now - self._started_at > self._options.start_timeout_s:
            return Verdict(hang=Hang.NOT_READY, silent_s=now - self._started_at)
        if (
            self._beat_at is not None
            and self._is_blocked(now - self._beat_at, starved_s)
            and not self._is_kept_from_running(now, look)
        ):
            return Verdict(hang=Hang.LOOP_BLOCKED, silent_s=now - self._beat_at)
        if self._ready_at is not None and now - self._answered_at > self._options.unanswered_after_s:
            return Verdict(hang=Hang.UNANSWERED, silent_s=now - self._answered_at)
        return None

    def _is_blocked(self, silent_s: float, starved_s: float) -> bool:
        # A crowded machine must not look like a hang: killing and starting would only crowd it more.
        awake_s = silent_s - max(0.0, starved_s - self._starved_then_s)
        return awake_s > self._options.hung_after_s or silent_s > self._options.starved_at_most_s

    def _is_kept_from_running(self, now: float, look: Look) -> bool:
        """Whether the interpreter's lock may be held by a thread that gets no processor."""
        if self._beat_at is not None and now - self._beat_at > self._options.starved_at_most_s:
            return False
        if self._first_look is not None and now - self._first_look[0] < _SECOND_LOOK_S:
            return True
        threads = look()
        if threads is None or not threads.loop_may_be_kept:
            return False
        first, self._first_look = self._first_look, (now, threads)
        return first is None or is_crowded_out(first[1], threads, now - first[0])
