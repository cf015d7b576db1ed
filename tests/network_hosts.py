"""Hosts with addresses of their own on this machine: network namespaces on one switch.

Each may be cut off and plugged in again. Servers that they use (databases, brokers) run on this machine and
listen on the switch's address. Where the machine allows no namespaces (not root, no `ip`) tests skip and say
so; `NAMESPACES_REQUIRED` turns that into a failure.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

REQUIRED = "NAMESPACES_REQUIRED"
"""Set where a machine without namespaces must fail the tests rather than skip them."""
_NETWORKS = range(10, 250)
_FIRST_HOST = 11


@dataclass(frozen=True, kw_only=True)
class Host:
    """One namespace with one address."""

    name: str
    address: str
    switch: str
    plug: str
    """The end of its cable that is in the switch."""

    @property
    def prefix(self) -> Sequence[str]:
        """Before a command, to have it run there."""
        return "ip", "netns", "exec", self.name

    def cut_off(self) -> None:
        """Pulls the cable out of the switch: nothing comes, nothing goes, and nobody is told."""
        _ip("link", "set", self.plug, "nomaster")

    def plug_in(self) -> None:
        """Puts it back."""
        _ip("link", "set", self.plug, "master", self.switch)


@dataclass(frozen=True, kw_only=True)
class Network:
    """A switch and the hosts on it."""

    address: str
    """Of this machine, as the hosts see it."""
    hosts: tuple[Host, ...]


@contextmanager
def network_of_hosts(count: int) -> Iterator[Network]:
    """So many hosts that reach each other and this machine, and nothing else."""
    _require_namespaces()
    number = _free_network()
    switch, net = f"sfsw{number}", f"10.213.{number}"
    hosts: list[Host] = []
    try:
        _ip("addr", "add", f"{net}.1/24", "dev", switch)
        _ip("link", "set", switch, "up")
        for index in range(count):
            host = Host(
                name=f"sf-{number}-{index}",
                address=f"{net}.{_FIRST_HOST + index}",
                switch=switch,
                plug=f"sf{number}p{index}",
            )
            hosts.append(host)
            _connect(host)
        yield Network(address=f"{net}.1", hosts=tuple(hosts))
    finally:
        for host in hosts:
            _ip("netns", "del", host.name, check=False)  # its cable goes with it
            _ip("link", "del", host.plug, check=False)
        _ip("link", "del", switch, check=False)


def _connect(host: Host) -> None:
    far = f"{host.plug}e"
    _ip("netns", "add", host.name)
    _ip("link", "add", host.plug, "type", "veth", "peer", "name", far)
    _ip("link", "set", far, "netns", host.name)
    _ip("link", "set", host.plug, "master", host.switch, "up")
    for command in (
        ("addr", "add", f"{host.address}/24", "dev", far),
        ("link", "set", far, "up"),
        ("link", "set", "lo", "up"),
    ):
        _ip("-n", host.name, *command)


def _free_network() -> int:
    """A number that no other run on this machine uses: its switch is made here, which only one can."""
    for number in _NETWORKS:
        if _ip("link", "add", f"sfsw{number}", "type", "bridge", check=False):
            return number
    raise AssertionError("every network is taken")


def _require_namespaces() -> None:
    why = ""
    if os.geteuid() != 0:
        why = "only root can make network namespaces"
    elif shutil.which("ip") is None:
        why = "iproute2 is not installed here"
    elif not _may_have_namespaces():
        why = "this machine allows no network namespaces"
    if why and os.environ.get(REQUIRED):
        pytest.fail(f"{why}, and {REQUIRED} is set")
    if why:
        pytest.skip(why)


def _may_have_namespaces() -> bool:
    number = os.getpid() % 10**6
    name, bridge, cable, far = f"sf-probe-{number}", f"sfp{number}", f"sfv{number}", f"sfv{number}e"
    wanted = (
        ("netns", "add", name),
        ("link", "add", bridge, "type", "bridge"),
        ("link", "add", cable, "type", "veth", "peer", "name", far),
        ("link", "set", far, "netns", name),
        ("netns", "exec", name, "true"),
    )
    allowed = all(_ip(*arguments, check=False) for arguments in wanted)
    for leftover in (("netns", "del", name), ("link", "del", cable), ("link", "del", bridge)):
        _ip(*leftover, check=False)
    return allowed


def _ip(*arguments: str, check: bool = True) -> bool:
    """Whether it worked; fails the test where it had to."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
    return done.returncode == 0
