"""The probes: what a load balancer, an orchestrator and a person ask; all from what is cached.

`/health/live` asks nothing of a model: it says that this process answers. `/health/ready` is judged by
finished work (`runtime.readiness`), per task; a degraded service is ready, and says that it is degraded.
`/health` adds the readings of every probe and the incidents that last. Versions, workers and details are for
the admin's key, or for this machine's own programs where no keys are asked for.
"""

from typing import Any

from steadfast import __version__
from steadfast.admission.scopes import Scope
from steadfast.api.backend import Backend, Role
from steadfast.api.exchange import Exchange
from steadfast.errors import AccessRefused, UnknownRoute
from steadfast.health.verdict import Judge, Verdict
from steadfast.runtime.snapshot import PoolSnapshot, Snapshot


class HealthRoutes:
    """Routes that do no work; of these only `/metrics` may need a key."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._judge = Judge(needs_tasks=backend.role is not Role.API)

    async def live(self, exchange: Exchange) -> None:
        """200 while the event loop turns."""
        await exchange.answer_json({"status": "live"})

    async def ready(self, exchange: Exchange) -> None:
        """200 when a request sent now would be answered, else 503 with the reason."""
        pools = self._pools(exchange)
        verdict = self._judge_tasks(pools)
        document = {
            "status": verdict.word.value,
            "waits_for": verdict.waits_for,
            "tasks": {pool.task: _readiness(pool) for pool in pools},
        }
        await exchange.answer_json(document, status=200 if verdict.can_serve else 503)

    async def simple(self, exchange: Exchange) -> None:
        """One word: `OK` or `FAIL`."""
        can_serve = self._judge_tasks(self._pools(exchange)).can_serve
        await exchange.answer_text("OK" if can_serve else "FAIL", status=200 if can_serve else 503)

    async def health(self, exchange: Exchange) -> None:
        """Everything a person wants to know at a glance."""
        pools = self._pools(exchange)
        verdict = self._verdict(pools)
        is_admin = await self._is_admin(exchange)
        document = _document(verdict, pools)
        if is_admin:
            document |= {
                "version": __version__,
                "requests_running": self._backend.tally.running,
                "tasks": {pool.task: _readiness(pool) | _details(pool) for pool in pools},
            }
        if self._backend.health is not None:
            document |= self._observations(is_admin=is_admin)
        await exchange.answer_json(document, status=200 if verdict.can_serve else 503)

    async def metrics(self, exchange: Exchange) -> None:
        """Everything that is measured, as Prometheus scrapes it: OpenMetrics where the client knows it."""
        metrics = self._backend.metrics
        if metrics is None:
            raise UnknownRoute("Metrics are switched off (telemetry.metrics).")
        if self._backend.metrics_need_key or not self._backend.access.needs_keys:
            await self._backend.access.admit(exchange, Scope.METRICS)
        content_type, body = metrics.expose(exchange.headers.get(b"accept", b"").decode("latin-1"))
        await exchange.answer(200, content_type + b"; charset=utf-8", body)

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

    def _judge_tasks(self, pools: tuple[PoolSnapshot, ...]) -> Verdict:
        """By the tasks alone: whether the next request would be served."""
        return self._judge.verdict(Snapshot(pools=pools, stopping=self._backend.stopping))

    def _verdict(self, pools: tuple[PoolSnapshot, ...]) -> Verdict:
        """By everything."""
        if self._backend.health is None:
            return self._judge_tasks(pools)
        return self._backend.health.verdict(pools, stopping=self._backend.stopping)

    def _observations(self, *, is_admin: bool) -> dict[str, Any]:
        health = self._backend.health
        assert health is not None
        readings = health.readings()
        if not is_admin:
            readings = [{k: v for k, v in one.items() if k not in ("note", "subject")} for one in readings]
        incidents = [
            {
                "kind": incident.kind,
                "severity": incident.severity.value,
                "since": incident.detected_at.isoformat(),
            }
            | ({"id": incident.id, "subject": incident.subject} if is_admin else {})
            for incident in health.open_incidents()
        ]
        return {"readings": readings, "incidents": incidents}

    async def _is_admin(self, exchange: Exchange) -> bool:
        try:
            await self._backend.access.admit(exchange, Scope.ADMIN)
        except AccessRefused:
            return False
        return True


def _document(verdict: Verdict, pools: tuple[PoolSnapshot, ...]) -> dict[str, Any]:
    return {
        "status": verdict.word.value,
        "reasons": verdict.reasons,
        "waits_for": verdict.waits_for,
        "tasks": {pool.task: _readiness(pool) for pool in pools},
    }


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
