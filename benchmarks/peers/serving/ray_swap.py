"""Ray Serve with two replicas.

    python ray_swap.py PORT

Settings and why (its pages "Configure Ray Serve deployments", "Add End-to-End Fault Tolerance" and "Best
practices in production"):
- `num_replicas=2`, one core each: more than one, so that a replica may die.
- `max_ongoing_requests=1`: one inference at a time; the proxy keeps the rest.
- `max_queued_requests=62`: with those that run 64, what two replicas do within one deadline; beyond it 503.
- `request_timeout_s=5`: the deadline of all servers here.
- `health_check_period_s=1`, `health_check_timeout_s=5`: faster than its defaults (10 and 30 s), as its
  guide to fault tolerance offers; not less than the deadline, as a check waits while an inference holds the
  interpreter.
- `check_health`: an application's own check, as that guide offers it; it runs where inferences run, so one
  that does not return fails it, and the replica is replaced.
- The object store is kept small and the dashboard off: nobody asks them here.
- /-/healthz of its proxy is what its documentation names for load balancers.
"""

# It runs with an interpreter of its own; here its library is not installed.
# mypy: disable-error-code="import-not-found,misc,untyped-decorator,attr-defined"

import os
import signal
import sys

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import ray
from ray import serve
from starlette.requests import Request
from starlette.responses import Response

from benchmarks.peers.function import SwapFunction


@serve.deployment(
    num_replicas=2,
    ray_actor_options={"num_cpus": 1},
    max_ongoing_requests=1,
    max_queued_requests=62,
    health_check_period_s=1,
    health_check_timeout_s=5,
    graceful_shutdown_timeout_s=5,
)
class Swap:
    """The swap in an actor of its own."""

    def __init__(self) -> None:
        self._swap = SwapFunction()

    async def __call__(self, request: Request) -> Response:
        """The swapped picture."""
        return Response(self._swap(await request.body()), media_type="image/jpeg")

    async def check_health(self) -> None:
        """Returns while the loop of inferences turns."""


if __name__ == "__main__":
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=256 << 20,
        log_to_driver=False,
        configure_logging=True,
    )
    serve.start(
        http_options={
            "host": "127.0.0.1",
            "port": int(sys.argv[1]),
            "request_timeout_s": 5,
        }
    )
    serve.run(Swap.bind(), route_prefix="/swap")
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    serve.shutdown()
    ray.shutdown()
