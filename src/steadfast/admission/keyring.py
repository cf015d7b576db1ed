"""The keys a server has just seen: most requests are checked without asking the database.

A revocation, which another process may make, takes effect after `trust_s` at the latest. What was refused is
remembered for as long, so that a flood of wrong keys costs the database little.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from steadfast.admission.keys import ApiKey, KeyStore, hash_of, utc_now
from steadfast.errors import KeyRefused

TRUST_S = 2.0
_MAX_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class _Seen:
    until: float
    key: ApiKey | None
    refusal: str


class Keyring:
    """Checks keys; safe to use from any thread."""

    def __init__(
        self,
        store: KeyStore,
        *,
        clock: Callable[[], float],
        now: Callable[[], datetime] = utc_now,
        trust_s: float = TRUST_S,
    ) -> None:
        """`clock` is monotonic, `now` the wall clock."""
        self._store = store
        self._clock = clock
        self._now = now
        self._trust_s = trust_s
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
        self._used_at: dict[str, datetime] = {}
        self._lock = Lock()

    def recall(self, token: str) -> ApiKey | None:
        """The key, if it was checked a moment ago; None: `check` it. Never asks the database.

        Raises `KeyRefused` if it was refused a moment ago, or has expired since.
        """
        with self._lock:
            seen = self._seen.get(hash_of(token))
        if seen is None or self._clock() >= seen.until:
            return None
        return self._accepted(seen)

    def check(self, token: str) -> ApiKey:
        """The key that this token is; asks the database, so call it in a thread. Raises `KeyRefused`."""
        try:
            seen = _Seen(self._clock() + self._trust_s, self._store.verify(token), "")
        except KeyRefused as error:
            seen = _Seen(self._clock() + self._trust_s, None, error.detail)
        with self._lock:
            # By hash: a memory dump of the server shows no key.
            self._seen[hash_of(token)] = seen
            self._seen.move_to_end(hash_of(token))
            while len(self._seen) > _MAX_REMEMBERED:
                self._seen.popitem(last=False)
        return self._accepted(seen)

    def flush_use(self) -> None:
        """Writes down when which key was last used; call it about once a minute, in a thread."""
        with self._lock:
            used_at, self._used_at = self._used_at, {}
        self._store.record_use(used_at)

    def _accepted(self, seen: _Seen) -> ApiKey:
        now = self._now()
        if seen.key is None:
            raise KeyRefused(seen.refusal)
        if not seen.key.is_good_at(now):
            raise KeyRefused(f"The API key {seen.key.id} has expired.")
        with self._lock:
            self._used_at[seen.key.id] = now
        return seen.key
