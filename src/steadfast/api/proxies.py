"""Whom to believe about the client's address: the proxies that were named, and nobody else."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from steadfast.errors import ConfigError


class TrustedProxies:
    """Addresses and networks whose `X-Forwarded-For` counts."""

    def __init__(self, names: Iterable[str]) -> None:
        """`*` trusts everybody. Raises `ConfigError` for what is no address and no network."""
        given = tuple(names)
        self._everybody = "*" in given
        self._networks = tuple(_network(name) for name in given if name != "*")
        self._known: dict[str, bool] = {}

    def __bool__(self) -> bool:
        return self._everybody or bool(self._networks)

    def client_of(self, peer: str, forwarded_for: bytes | None) -> str:
        """The nearest address that is no trusted proxy.

        What stands before it in the header, the client itself may have written.
        """
        if not forwarded_for or not self._trusts(peer):
            return peer
        parts = forwarded_for.decode("latin-1").split(",")
        told = [_bare(part.strip()) for part in parts if part.strip()] or [peer]
        return next((address for address in reversed(told) if not self._trusts(address)), told[0])

    def _trusts(self, address: str) -> bool:
        if self._everybody:
            return True
        known = self._known.get(address)
        if known is None:
            known = self._look_up(address)
            if len(self._known) < 1024:  # a client can write any number of them
                self._known[address] = known
        return known

    def _look_up(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)


def _bare(address: str) -> str:
    """Without the port that some proxies add."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address


def _network(name: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(name, strict=False)
    except ValueError as error:
        raise ConfigError(
            f"server.trusted_proxies holds {name!r}, which is neither an address nor a network.",
            remedy="Name proxies as 10.0.0.5, 10.0.0.0/8 or fd00::/8.",
        ) from error
