"""The cluster for its operator: nodes, queues, clocks; and how much work waits, for whoever scales."""

from typing import TYPE_CHECKING

from steadfast.admission.scopes import Scope
from steadfast.api.backend import Backend
from steadfast.api.exchange import Exchange
from steadfast.errors import UnknownRoute

if TYPE_CHECKING:
    from steadfast.cluster.cluster import Cluster

CLUSTER = "/v1/cluster"
DEMAND = "/v1/cluster/demand"


class ClusterRoutes:
    """`/v1/cluster` needs the scope `admin`, `/v1/cluster/demand` also takes `metrics`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def cluster(self, exchange: Exchange) -> None:
        """Everything as it stands."""
        await self._backend.access.admit(exchange, Scope.ADMIN)
        state = await self._cluster().state()
        await exchange.answer_json(state.as_dict())

    async def demand(self, exchange: Exchange) -> None:
        """Device-seconds that wait, by capability; `?capability=`: of one of them."""
        await self._backend.access.admit(exchange, Scope.METRICS)
        found = await self._cluster().demand()
        wanted = exchange.query.get("capability")
        rows = [row.as_dict() for row in found]
        if wanted is not None:
            rows = [row for row in rows if row["capability"] == wanted]
        by_capability: dict[str, float] = {}
        for row in rows:
            name = row["capability"]
            by_capability[name] = round(by_capability.get(name, 0.0) + row["device_s"], 3)
        await exchange.answer_json(
            {
                "device_s": round(sum(by_capability.values()), 3),
                "by_capability": by_capability,
                "waiting": rows,
            }
        )

    def _cluster(self) -> "Cluster":
        if self._backend.cluster is None:
            raise UnknownRoute(
                "This server stands alone.", remedy="Set database.url to a PostgreSQL that servers share."
            )
        return self._backend.cluster
