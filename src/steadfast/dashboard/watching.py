"""Asks for the status in a thread, so that the screen answers keys while the service does not answer."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from steadfast.errors import ServiceUnreachable, SteadfastError
from steadfast.observability.status.document import ServiceStatus

Ask = Callable[[], ServiceStatus]


class StatusWatch:
    """The latest status, and what keeps a newer one away.

        with StatusWatch(ask, every_s=1.0) as watch:
            watch.status, watch.trouble, watch.age_s

    `ask` blocks and raises what `ServiceClient.get` raises.
    """

    def __init__(self, ask: Ask, *, every_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._every_s = every_s
        self._clock = clock
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask_forever, name="status", daemon=True)
        self._taken_at_s = clock()
        self.status: ServiceStatus | None = None
        """None: there was no answer yet."""
        self.trouble = ""
        """Why what is shown is old; empty: it is not."""
        self.refusal: SteadfastError | None = None
        """Why there will be no answer at all: a wrong key, a service without a status."""
        self.looks = 0
        """Questions that have ended; grows with each, so that a screen knows when to draw."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Not joined: it may wait for a service that is gone, and whoever quits does not want to wait.
        self._over.set()

    @property
    def age_s(self) -> float:
        """Of `status`."""
        return self._clock() - self._taken_at_s

    def look(self) -> None:
        """Asks once and keeps what came of it."""
        try:
            status = self._ask()
        except SteadfastError as error:
            self.trouble = error.detail
            if self.status is None and not _may_pass(error):
                self.refusal = error
        except Exception as error:  # noqa: BLE001 — the border of a thread: else the screen would stand still
            self.trouble = f"The answer cannot be read ({type(error).__name__})."
        else:
            self.status, self.trouble, self._taken_at_s = status, "", self._clock()
        self.looks += 1

    def _ask_forever(self) -> None:
        while not self._over.is_set():
            began_s = self._clock()
            self.look()
            self._over.wait(max(0.1, self._every_s - (self._clock() - began_s)))


def _may_pass(error: SteadfastError) -> bool:
    return isinstance(error, ServiceUnreachable) or getattr(error, "answered_status", 0) >= 500
