"""What a step of a job takes, and how far it is where things come by the thousand."""

import time
from collections.abc import Callable

from steadfast.task import Progress

_PROGRESS_EVERY = 500


class PacketCount:
    """Tells progress of something that comes by the thousand."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._seen = 0

    def one_more(self) -> None:
        """Counts one."""
        self._seen += 1
        if self._seen % _PROGRESS_EVERY == 0:
            self.tell()

    def tell(self) -> None:
        """Says that work goes on."""
        self._progress(self._seen)


class Spent:
    """What a step takes, from here on."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began_s, self._cpu_s = clock(), time.process_time()

    def cost(self, *, on_accelerator: bool) -> dict[str, float]:
        """Core seconds of this process, and seconds of its device."""
        device_s = self._clock() - self._began_s if on_accelerator else 0.0
        return {"cpu_s": time.process_time() - self._cpu_s, "device_s": device_s}
