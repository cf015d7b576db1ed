"""What was answered, counted; `/metrics` shows it."""

from collections import Counter
from collections.abc import Callable, Iterable

from steadfast.runtime.snapshot import PoolSnapshot, Snapshot


class Tally:
    """Counts of answers by route and status."""

    def __init__(self) -> None:
        self._answers: Counter[tuple[str, int]] = Counter()
        self._seconds: Counter[str] = Counter()
        self.running = 0
        """Requests that have come in and are not answered yet."""

    def count(self, route: str, status: int, took_s: float) -> None:
        """One request has ended."""
        self._answers[route, status] += 1
        self._seconds[route] += took_s  # type: ignore[assignment]  # a Counter of seconds

    def exposition(self, snapshot: Snapshot) -> str:
        """Everything in Prometheus' text format."""
        lines = [
            "# TYPE steadfast_http_requests_total counter",
            *(
                f'steadfast_http_requests_total{{route="{route}",status="{status}"}} {count}'
                for (route, status), count in sorted(self._answers.items())
            ),
            "# TYPE steadfast_http_request_seconds_total counter",
            *(
                f'steadfast_http_request_seconds_total{{route="{route}"}} {seconds:.6f}'
                for route, seconds in sorted(self._seconds.items())
            ),
            "# TYPE steadfast_http_requests_running gauge",
            f"steadfast_http_requests_running {self.running}",
            *_pool_lines(snapshot.pools),
        ]
        return "\n".join(lines) + "\n"


def _pool_lines(pools: Iterable[PoolSnapshot]) -> Iterable[str]:
    gauges: dict[str, Callable[[PoolSnapshot], int]] = {
        "ready": lambda pool: int(pool.ready),
        "waiting": lambda pool: pool.waiting,
        "busy_workers": lambda pool: pool.busy,
        "able_workers": lambda pool: pool.able,
        "spares_ready": lambda pool: pool.spares_ready,
        "poisoned_inputs": lambda pool: pool.poisoned,
    }
    for name, read in gauges.items():
        yield f"# TYPE steadfast_task_{name} gauge"
        for pool in pools:
            yield f'steadfast_task_{name}{{task="{pool.task}"}} {read(pool)}'
    yield "# TYPE steadfast_worker_resident_bytes gauge"
    for pool in pools:
        for worker in pool.workers:
            yield f'steadfast_worker_resident_bytes{{worker="{worker.name}"}} {worker.rss_bytes}'
