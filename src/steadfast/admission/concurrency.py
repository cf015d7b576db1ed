"""How many requests may be inside together: one per worker, more only where that keeps workers busier.

A worker that answers in a millisecond stands idle while its next request is still on its way, so a few must
be kept ready behind it. One that takes a second loses nothing by fetching the next from the line, where the
most urgent comes first. Which it is is measured: requests spend time inside that no worker works on them.
With one request per worker that is the way to it and back; whatever more there is with a higher limit is a
queue in front of the workers. The limit grows by one per round while that queue is shorter than half the way
and all of the limit is used, and shrinks by a tenth when it is longer than the way: additive increase,
multiplicative decrease (Chiu and Jain 1989), with the aim of TCP Vegas (Brakmo and Peterson 1995).
"""

_WORTH_IT = 0.02
"""Part of the time of service that the way must take before a queue behind it is worth anything."""
_LEAST_AIM_S = 0.0002
_MOST_PER_WORKER = 4.0
_DECREASE = 0.9
_RATE = 0.1
_SETTLED = 2 / _RATE


class ConcurrencyLimit:
    """One task's limit."""

    def __init__(self, *, workers: int = 1) -> None:
        self._workers = max(1, workers)
        self._limit = float(self._workers)
        self._idle_s = 0.0
        self._way_s = 0.0
        self._service_s = 0.0
        self._since_change = 0
        self._seen = 0

    @property
    def limit(self) -> int:
        """Requests that may be inside now."""
        return int(self._limit)

    @property
    def workers(self) -> int:
        """Requests that can be worked on at once."""
        return self._workers

    def staff(self, workers: int) -> None:
        """Says how many can be worked on at once now; the limit follows in proportion."""
        workers = max(1, workers)
        self._limit = max(float(workers), self._limit * workers / self._workers)
        self._workers = workers

    def observe(self, *, inside_s: float, worked_s: float, limit_was_used: bool) -> None:
        """Learns from a request that was inside for `inside_s`, of which a worker had it for `worked_s`."""
        self._since_change += 1
        self._seen += 1
        rate = max(_RATE, 1.0 / self._seen)
        self._idle_s += rate * (max(0.0, inside_s - worked_s) - self._idle_s)
        self._service_s += rate * (worked_s - self._service_s)
        if self._since_change <= max(_SETTLED, 2 * self._limit):  # the last change must show first
            return
        if self._limit <= self._workers:
            self._way_s = self._idle_s
        self._adjust(limit_was_used=limit_was_used)

    def _adjust(self, *, limit_was_used: bool) -> None:
        queue_s = self._idle_s - self._way_s
        aim_s = max(_LEAST_AIM_S, self._way_s)
        if queue_s > aim_s:
            self._change_to(self._limit * _DECREASE)
        elif limit_was_used and queue_s < aim_s / 2 and self._way_s > _WORTH_IT * self._service_s:
            self._change_to(self._limit + 1.0)

    def _change_to(self, limit: float) -> None:
        self._limit = min(max(limit, float(self._workers)), self._workers * _MOST_PER_WORKER)
        self._since_change = 0
