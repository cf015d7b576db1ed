"""The probes: what a load balancer, an orchestrator and a person ask.

`/health/live` asks nothing of a model: it says that this process answers. `/health/ready` is judged by
finished work (`runtime.readiness`), per task; a degraded service is ready, and says that it is degraded.
"""

from typing import Any

from steadfast import __version__
from steadfast.api.backend import Backend
from steadfast.api.exchange import Exchange
from steadfast.errors import UnknownRoute
from steadfast.runtime.snapshot import PoolSnapshot

_METRICS_TYPE = b"text/plain; version=0.0.4"


class HealthRoutes:
    """Routes that do no work and need no key."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def live(self, exchange: Exchange) -> None:
        """200 while the event loop turns."""
        await exchange.answer_json({"status": "live"})

    async def ready(self, exchange: Exchange) -> None:
        """200 when a request sent now would be answered, else 503 with the reason."""
        pools = self._pools(exchange)
        document = {"status": self._status(pools), "tasks": {pool.task: _readiness(pool) for pool in pools}}
        await exchange.answer_json(document, status=200 if self._is_ready(pools) else 503)

    async def simple(self, exchange: Exchange) -> None:
        """One word."""
        pools = self._pools(exchange)
        await exchange.answer_text(self._status(pools), status=200 if self._is_ready(pools) else 503)

    async def health(self, exchange: Exchange) -> None:
        """Everything a person wants to know at a glance; the status is that of readiness."""
        pools = self._pools(exchange)
        document = {
            "status": self._status(pools),
            "version": __version__,
            "requests_running": self._backend.tally.running,
            "tasks": {pool.task: _readiness(pool) | _details(pool) for pool in pools},
        }
        await exchange.answer_json(document, status=200 if self._is_ready(pools) else 503)

    async def metrics(self, exchange: Exchange) -> None:
        """Counts and gauges in Prometheus' text format."""
        text = self._backend.tally.exposition(self._backend.runtime.snapshot())
        await exchange.answer_text(text, content_type=_METRICS_TYPE)

    def _pools(self, exchange: Exchange) -> tuple[PoolSnapshot, ...]:
        pools = self._backend.runtime.snapshot().pools
        wanted = exchange.query.get("task")
        if wanted is None:
            return pools
        chosen = tuple(pool for pool in pools if pool.task == wanted)
        if not chosen:
            names = ", ".join(pool.task for pool in pools)
            raise UnknownRoute(f"There is no task {wanted[:50]!r}; the tasks are: {names}.")
        return chosen

    def _is_ready(self, pools: tuple[PoolSnapshot, ...]) -> bool:
        return not self._backend.stopping and bool(pools) and all(pool.ready for pool in pools)

    def _status(self, pools: tuple[PoolSnapshot, ...]) -> str:
        if self._backend.stopping:
            return "stopping"
        if not self._is_ready(pools):
            return "not ready"
        return "degraded" if any(pool.degraded for pool in pools) else "ok"


def _readiness(pool: PoolSnapshot) -> dict[str, Any]:
    return {"ready": pool.ready, "why_not": pool.why_not, "degraded": pool.degraded}


def _details(pool: PoolSnapshot) -> dict[str, Any]:
    return {
        "breaker": pool.breaker.value,
        "waiting": pool.waiting,
        "busy": pool.busy,
        "workers_able": pool.able,
        "workers_wanted": pool.places,
        "spares_ready": pool.spares_ready,
        "hangs_in_a_row": pool.hangs_in_a_row,
        "poisoned_inputs": pool.poisoned,
        "last_load_failure": pool.last_load_failure,
        "workers": [
            {
                "name": worker.name,
                "state": worker.state.value,
                "is_spare": worker.slot is None,
                "level": worker.level,
                "served": worker.served,
                "age_s": round(worker.age_s, 1),
                "rss_bytes": worker.rss_bytes,
            }
            for worker in pool.workers
        ],
    }
