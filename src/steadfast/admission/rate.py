"""Token buckets: so many at once, so many per second in the long run.

Kept as one number per client, the time at which its bucket will be full again (the generic cell rate
algorithm, ITU-T I.371, which decides as a token bucket does). A client whose bucket is full needs no memory.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
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
        self._taken: dict[str, int] | None = None
        """By client, since it was told to the other servers; None: nobody else counts."""

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
        if self._taken is not None:
            self._taken[client] = self._taken.get(client, 0) + 1
        self._forget_full(now_s)

    # --- several servers count as one: each decides by itself, and they exchange what they have let in ------

    @property
    def interval_s(self) -> float:
        """What one request costs; 0: nothing is limited."""
        return self._interval_s

    def share(self) -> None:
        """Remembers from now on what was taken, for the others."""
        if self._taken is None:
            self._taken = {}

    def told(self) -> dict[str, int]:
        """Requests by client since this was asked last."""
        taken, self._taken = self._taken or {}, {}
        return taken

    def tell_again(self, taken: Mapping[str, int]) -> None:
        """They could not be told: at the next time."""
        for client, count in taken.items():
            if self._taken is not None:
                self._taken[client] = self._taken.get(client, 0) + count

    def heard(self, full_in_s: Mapping[str, float]) -> None:
        """When the buckets of clients will be full, all servers together, as of now."""
        now_s = self._clock()
        for client, rest_s in full_in_s.items():
            # What was let in here while the others were asked is not in their answer yet.
            here_s = (self._taken or {}).get(client, 0) * self._interval_s
            self._full_at_s[client] = now_s + rest_s + here_s
            self._full_at_s.move_to_end(client)

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
