"""What servers share through Redis because it is quick: rates, and answers that may be asked for again.

Neither is the truth. While Redis is away rates are exchanged through the database, and answers are looked for
there and in the store, where they are kept anyway.
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

_log = logging.getLogger(__name__)

_WITHIN_S = 1.0
_AWAY_S = 5.0
"""For which it is not asked again after it failed."""
_KEPT_S = 3600
_MOST_BYTES = 4 << 20
# A bucket is the time at which it is full again (see `admission.rate`), in microseconds of Redis's own clock.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local rests = {}
for i, key in ipairs(KEYS) do
  local full = math.max(now, tonumber(redis.call('GET', key) or '0'))
  full = full + math.floor(tonumber(ARGV[2 * i - 1]) * tonumber(ARGV[2 * i]))
  if full > now then
    redis.call('SET', key, string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000) + 1)
  end
  rests[i] = string.format('%.0f', full - now)
end
return rests
"""


class RedisSharing:
    """Blocks; safe to use from any thread. Whatever fails is as if Redis were not there."""

    def __init__(
        self, url: str, *, prefix: str = "steadfast", clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` is monotonic."""
        self._prefix = prefix
        self._clock = clock
        self._away_until_s = 0.0
        self._redis: Any = Redis.from_url(
            url, socket_timeout=_WITHIN_S, socket_connect_timeout=_WITHIN_S, health_check_interval=30
        )
        self._script = self._redis.register_script(_TAKE)

    @property
    def is_away(self) -> bool:
        """Whether it failed a moment ago."""
        return self._clock() < self._away_until_s

    def take(self, kind: str, taken: Mapping[str, int], interval_s: float) -> dict[str, float] | None:
        """Counts requests by client; the time until each bucket is full. None: it cannot be asked now."""
        if not taken:
            return {}
        clients = sorted(taken)
        keys = [f"{self._prefix}:rate:{kind}:{client}" for client in clients]
        arguments = [value for client in clients for value in (taken[client], interval_s * 1e6)]
        rests = self._asked(lambda: self._script(keys=keys, args=arguments))
        if rests is None:
            return None
        return {client: int(rest) / 1e6 for client, rest in zip(clients, rests, strict=True)}

    # --- answers -----------------------------------------------------------------------------------------

    def find(self, name: str) -> bytes | None:
        """An answer; None: it is not there."""
        found: bytes | None = self._asked(lambda: self._redis.get(f"{self._prefix}:answer:{name}"))
        return found

    def keep(self, name: str, content: bytes) -> None:
        """Keeps it for an hour, unless it is large."""
        if len(content) <= _MOST_BYTES:
            self._asked(lambda: self._redis.set(f"{self._prefix}:answer:{name}", content, ex=_KEPT_S))

    def close(self) -> None:
        """Lets go of its connections."""
        self._redis.close()

    def _asked(self, ask: Callable[[], Any]) -> Any:
        if self.is_away:
            return None
        try:
            return ask()
        except RedisError as error:
            self._away_until_s = self._clock() + _AWAY_S
            _log.warning("redis is away", extra={"detail": type(error).__name__})
            return None
