"""Token buckets: so many at once, so many per second in the long run.

Kept as one number per client, the time at which its bucket will be full again (the generic cell rate
algorithm, ITU-T I.371, which decides as a token bucket does). A client whose bucket is full needs no memory.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

_MOST_CLIENTS = 65_536


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """What one client may send."""

    per_s: float
    """In the long run; 0: no limit."""
    burst: int
    """At once."""


NO_LIMIT = Rate(per_s=0.0, burst=1)


class RateLimit:
    """The buckets of all clients of one kind."""

    def __init__(self, rate: Rate, *, clock: Callable[[], float], most_clients: int = _MOST_CLIENTS) -> None:
        """`clock` is monotonic."""
        self._clock = clock
        self._most_clients = most_clients
        self._interval_s = 1.0 / rate.per_s if rate.per_s > 0 else 0.0
        self._slack_s = self._interval_s * (max(1, rate.burst) - 1)
        self._full_at_s: OrderedDict[str, float] = OrderedDict()

    def wait_s(self, client: str) -> float:
        """Time until its next request would be allowed; 0: now. Takes nothing."""
        if not self._interval_s or not client:
            return 0.0
        # Waiting exactly this long must be enough, whatever rounding does to the sum.
        wait_s = self._full_at_s.get(client, 0.0) - self._slack_s - self._clock()
        return wait_s if wait_s > 1e-9 else 0.0

    def take(self, client: str) -> None:
        """Counts a request of that client."""
        if not self._interval_s or not client:
            return
        now_s = self._clock()
        self._full_at_s[client] = max(now_s, self._full_at_s.get(client, now_s)) + self._interval_s
        self._full_at_s.move_to_end(client)
        self._forget_full(now_s)

    def __len__(self) -> int:
        """Clients that are remembered."""
        return len(self._full_at_s)

    def _forget_full(self, now_s: float) -> None:
        """The one that was quiet longest is looked at each time, so that memory follows the traffic."""
        for _ in range(2):
            client, full_at_s = next(iter(self._full_at_s.items()))
            if full_at_s > now_s and len(self._full_at_s) <= self._most_clients:
                return
            del self._full_at_s[client]
            if not self._full_at_s:
                return


def neighbourhood(address: str) -> str:
    """Whom an address stands for: itself, or its /64 for IPv6, of which one customer has 2^64."""
    if ":" not in address:
        return address
    try:
        return address if ip_address(address).is_loopback else ":".join(_hextets(address)[:4])
    except ValueError:
        return address


def _hextets(address: str) -> list[str]:
    return ip_address(address.partition("%")[0]).exploded.split(":")
