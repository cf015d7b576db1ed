"""Who may ask: API keys, and where there are none, only this machine's own programs.

Without keys the service listens on loopback only, but a web page in the user's browser could still reach it:
by a cross-site request, which carries the page's `Origin`, or by DNS rebinding, which carries the page's own
name as `Host`. Both are refused. Keys need no such check: a browser adds none by itself.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from ipaddress import ip_address
from typing import Any, Protocol
from urllib.parse import urlsplit

from steadfast.admission.keys import ApiKey, require_scope
from steadfast.admission.scopes import Scope
from steadfast.api.exchange import Exchange
from steadfast.errors import ForeignRequest, KeyRefused

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1", "ip6-localhost"})
ANONYMOUS = "anonymous"


class KnownKeys(Protocol):
    """The keyring, as far as this file needs it."""

    def recall(self, token: str) -> ApiKey | None:
        """A key that was checked a moment ago."""

    def check(self, token: str) -> ApiKey:
        """A key that the database knows."""


Aside = Callable[..., Coroutine[Any, Any, Any]]
"""Calls a blocking function in a thread: `Database.run`."""


class Access:
    """Decides on every request before its body is read."""

    def __init__(
        self, keyring: KnownKeys | None, aside: Aside | None, allowed_hosts: Iterable[str] = ()
    ) -> None:
        """Without a keyring no key is asked for, and names are checked instead."""
        self._keyring = keyring
        self._aside = aside
        self._checks: dict[str, asyncio.Future[ApiKey]] = {}
        self._hosts = LOOPBACK_NAMES | {name.lower() for name in allowed_hosts}

    @property
    def needs_keys(self) -> bool:
        """Whether a key is asked for."""
        return self._keyring is not None

    async def admit(self, exchange: Exchange, scope: Scope) -> str:
        """Who asks: the id of their key, or `anonymous`.

        Raises `KeyRefused`, `ScopeMissing` or `ForeignRequest`.
        """
        key = await self.key_of(exchange, scope)
        return ANONYMOUS if key is None else key.id

    async def key_of(self, exchange: Exchange, scope: Scope) -> ApiKey | None:
        """The key they ask with, None where none is needed. Raises as `admit` does."""
        if self._keyring is None:
            self.check_names(exchange)
            return None
        token = _token(exchange)
        key = self._keyring.recall(token)
        if key is None:
            key = await self._check(token, self._keyring)
        require_scope(key, scope)
        return key

    async def _check(self, token: str, keyring: KnownKeys) -> ApiKey:
        """Asks the database, once for all requests that come with this key in the meantime."""
        running = self._checks.get(token)
        if running is None:
            assert self._aside is not None
            running = asyncio.ensure_future(self._aside(keyring.check, token))
            self._checks[token] = running
            running.add_done_callback(lambda done: self._forget(token, done))
        # One client that goes away must not end the check for the others.
        return await asyncio.shield(running)

    def _forget(self, token: str, done: "asyncio.Future[ApiKey]") -> None:
        del self._checks[token]
        if not done.cancelled():
            done.exception()  # looked at, though whoever asked may be gone

    def check_names(self, exchange: Exchange) -> None:
        """Raises `ForeignRequest` unless both names are ours."""
        host = exchange.headers.get(b"host", b"").decode("latin-1")
        if _name_in(f"//{host}") not in self._hosts:
            raise ForeignRequest(f"This service does not answer under the name {host[:100]!r}.")
        origin = exchange.headers.get(b"origin")
        if origin is not None and _name_in(origin.decode("latin-1")) not in self._hosts:
            raise ForeignRequest(f"A page of {origin.decode('latin-1')[:100]} may not use this service.")
        if exchange.headers.get(b"sec-fetch-site") == b"cross-site":
            raise ForeignRequest("A page of another site may not use this service.")


def keys_are_needed(require_keys: str, host: str, trusted_proxies: Iterable[str]) -> bool:
    """What `server.require_keys` comes to for this address."""
    if require_keys != "auto":
        return require_keys == "always"
    return bool(tuple(trusted_proxies)) or not is_loopback(host)


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine can reach that address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _token(exchange: Exchange) -> str:
    given = exchange.headers.get(b"authorization")
    if given is not None:
        kind, _, token = given.decode("latin-1").partition(" ")
        if kind.lower() == "bearer" and token.strip():
            return token.strip()
        raise KeyRefused("The Authorization header holds no bearer token.")
    if token_bytes := exchange.headers.get(b"x-api-key"):
        return token_bytes.decode("latin-1")
    raise KeyRefused("There is no API key in the request.")


def _name_in(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""
