"""Where a callback may go: only to addresses that a stranger could reach, unless the operator says otherwise.

A client chooses the URL, and the service stands inside a network that the client does not see. So every
address that the name has is looked at, and the connection goes to one of those that were looked at: a name
that changes its address in between (DNS rebinding) leads nowhere else.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

from steadfast.errors import ConfigError, InvalidOption, ReferenceRefused

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]

_LONGEST_URL = 2000
_PORTS = {"https": 443, "http": 80}
_TRANSLATED = ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48")
"""NAT64: the last four bytes are an IPv4 address."""


class CallbackGuard:
    """Decides for every call anew."""

    def __init__(
        self, allowed_networks: Iterable[str] = (), *, allow_http: bool = True, resolve: Resolve | None = None
    ) -> None:
        """Raises `ConfigError` for a network that is none."""
        self._allowed = [_network(text) for text in allowed_networks]
        self._schemes = ("https", "http") if allow_http else ("https",)
        self._resolve = resolve or _resolve

    def check(self, url: str) -> None:
        """What can be said of a URL without asking anybody: for the moment a job is submitted.

        Raises `InvalidOption` for what is no URL to call, `ReferenceRefused` for a forbidden address.
        """
        parts = self._parsed(url)
        assert parts.hostname is not None
        try:
            address = ip_address(parts.hostname)
        except ValueError:
            return
        self._require_allowed(address, parts.hostname)

    async def addresses(self, url: str) -> list[str]:
        """Every address the call may go to. Raises as `check`, and `OSError` for a name that has none."""
        parts = self._parsed(url)
        assert parts.hostname is not None
        found = await self._resolve(parts.hostname, parts.port or _PORTS[parts.scheme])
        if not found:
            raise OSError("the name has no address")
        for one in found:
            # One that is forbidden among those that are not is no accident.
            self._require_allowed(ip_address(one.partition("%")[0]), parts.hostname)
        return list(found)

    def _parsed(self, url: str) -> SplitResult:
        try:
            parts = urlsplit(url)
            is_whole = bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_whole = False
        if not is_whole or len(url) > _LONGEST_URL or not url.isascii() or not url.isprintable():
            raise InvalidOption(f"callback_url is no URL of at most {_LONGEST_URL} ASCII characters.")
        if parts.scheme not in self._schemes:
            raise InvalidOption(f"callback_url begins with {' or '.join(s + '://' for s in self._schemes)}.")
        if parts.username is not None or parts.password is not None:
            raise InvalidOption("callback_url holds a user or password; the signature proves who calls.")
        return parts

    def _require_allowed(self, address: Address, name: str) -> None:
        if any(address.version == net.version and address in net for net in self._allowed):
            return
        if not _is_public(address):
            raise ReferenceRefused(
                f"callback_url leads to {name[:100]} inside a network that may not be called."
            )


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or _translated(address)
        if inner is not None:
            return _is_public(inner)
        if address.teredo is not None:
            return False
    return address.is_global and not address.is_multicast


def _translated(address: IPv6Address) -> IPv4Address | None:
    if any(address in network for network in _TRANSLATED):
        return IPv4Address(address.packed[-4:])
    return None


def _network(text: str) -> Network:
    try:
        return ip_network(text, strict=False)
    except ValueError as error:
        raise ConfigError(
            f"The setting webhooks.allowed_networks has {text!r}; expected 10.1.0.0/16."
        ) from error


async def _resolve(name: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
