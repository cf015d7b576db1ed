"""mosec with two workers.

    python mosec_swap.py --port PORT --timeout 5000 --capacity 64

Settings and why (its reference of arguments and of `append_worker`):
- `num=2`: one process per core; a worker that dies takes the service along where it is the only one.
- `--timeout 5000`: the deadline of all servers here, for the whole request and for one `forward`.
- `--capacity 64`: beyond it 429; the default is 1,024, which at 12 photos/s is a minute and a half of
  waiting. 64 is what two workers do within one deadline.
- `/` answers to liveness and readiness probes, as its documentation of deployment says.
"""

# It runs with an interpreter of its own; here its library is not installed.
# mypy: disable-error-code="import-not-found,misc"

from mosec import Server, Worker

from benchmarks.peers.function import SwapFunction


class Swap(Worker):
    """The swap in a process of its own."""

    resp_mime_type = "image/jpeg"

    def __init__(self) -> None:
        super().__init__()
        self._swap = SwapFunction()

    def deserialize(self, data: bytes) -> bytes:
        """As it came."""
        return data

    def forward(self, data: bytes) -> bytes:
        """The swapped picture."""
        return self._swap(data)

    def serialize(self, data: bytes) -> bytes:
        """As it is."""
        return data


if __name__ == "__main__":
    server = Server()
    server.append_worker(Swap, num=2, route="/swap")
    server.run()
