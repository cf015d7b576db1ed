"""LitServe with two workers.

    python litserve_swap.py PORT

Settings and why (its documentation of `LitServer`):
- `workers_per_device=2`: one process per core.
- `restart_workers=True`: without it the server ends half a minute after a worker died.
- `timeout=5`: the deadline of all servers here; it bounds the wait for a worker.
- The picture comes as base64 in JSON, as its guides to pictures send it: a request is a form or JSON, and
  the file of a form can't cross to a worker.
- Its /health says whether all workers have loaded.
- There is no bound of the queue.
"""

# It runs with an interpreter of its own; here its library is not installed.
# mypy: disable-error-code="import-not-found,misc"

import base64
import sys

import litserve
from starlette.responses import Response

from benchmarks.peers.function import SwapFunction


class Swap(litserve.LitAPI):
    """The swap in a process of its own."""

    def setup(self, device: str) -> None:  # noqa: ARG002 — its contract
        """Loads."""
        self._swap = SwapFunction()

    def decode_request(self, request: dict[str, str]) -> bytes:
        """The picture."""
        return base64.b64decode(request["picture"])

    def predict(self, x: bytes) -> bytes:
        """The swapped picture."""
        return self._swap(x)

    def encode_response(self, output: bytes) -> Response:
        """As it is."""
        return Response(output, media_type="image/jpeg")


if __name__ == "__main__":
    server = litserve.LitServer(
        Swap(api_path="/swap"), accelerator="cpu", workers_per_device=2, restart_workers=True, timeout=5
    )
    server.run(host="127.0.0.1", port=int(sys.argv[1]), log_level="error", generate_client_file=False)
