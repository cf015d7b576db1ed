"""A callback goes only where a stranger could go too, or where the operator lets it."""

import asyncio
from collections.abc import Sequence

import pytest

from steadfast.errors import ConfigError, InvalidOption, ReferenceRefused
from steadfast.jobs.callback_guard import CallbackGuard

FORBIDDEN = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",  # carrier-grade NAT
    "169.254.169.254",  # metadata of most clouds
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",  # metadata of one cloud
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",  # 127.0.0.1 behind NAT64
    "64:ff9b:1::a9fe:a9fe",
    "2002:7f00:1::1",  # 127.0.0.1 over 6to4
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",  # Teredo
]
PUBLIC = ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::5db8:d70e"]


def guard_of(*addresses: str, allowed: Sequence[str] = ()) -> CallbackGuard:
    async def resolve(name: str, port: int) -> Sequence[str]:
        return addresses

    return CallbackGuard(allowed, resolve=resolve)


def addresses(guard: CallbackGuard, url: str = "https://receiver.test/hook") -> list[str]:
    return asyncio.run(guard.addresses(url))


@pytest.mark.parametrize("address", FORBIDDEN)
def test_an_inner_address_is_refused_written_out_or_behind_a_name(address: str) -> None:
    with pytest.raises(ReferenceRefused):
        addresses(guard_of(address))
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(ReferenceRefused):
        CallbackGuard().check(f"http://{host}/hook")


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_called(address: str) -> None:
    assert addresses(guard_of(address)) == [address]


def test_one_inner_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(ReferenceRefused):
        addresses(guard_of(PUBLIC[0], "10.0.0.1"))


def test_a_scope_in_an_address_hides_nothing() -> None:
    with pytest.raises(ReferenceRefused):
        addresses(guard_of("fe80::1%eth0"))


def test_the_operator_may_allow_a_network_and_only_that() -> None:
    guard = guard_of("10.1.2.3", allowed=["10.1.0.0/16"])
    assert addresses(guard) == ["10.1.2.3"]
    guard.check("http://10.1.255.1/")
    with pytest.raises(ReferenceRefused):
        guard.check("http://10.2.0.1/")


@pytest.mark.parametrize("written", ["2130706433", "0x7f.1", "017700000001", "127.1"])
def test_odd_spellings_of_an_address_are_judged_by_what_they_resolve_to(written: str) -> None:
    # The system's resolver reads them as 127.0.0.1; this is the real one.
    with pytest.raises((ReferenceRefused, OSError)):
        addresses(CallbackGuard(), f"http://{written}/")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "receiver.test",
        "ftp://receiver.test/",
        "file:///etc/passwd",
        "http://",
        "http://user:password@receiver.test/",
        "http://receiver.test:99999/",
        "http://[::1/",
        "http://receiver.test/\r\nX-Injected: 1",
        "http://receiver.test/" + "a" * 2000,
        "http://empfänger.test/",
    ],
)
def test_what_is_no_url_to_call_is_refused_when_the_job_is_submitted(url: str) -> None:
    with pytest.raises(InvalidOption):
        CallbackGuard().check(url)


def test_plain_http_can_be_forbidden() -> None:
    guard = CallbackGuard(allow_http=False)
    guard.check("https://receiver.test/")
    with pytest.raises(InvalidOption):
        guard.check("http://receiver.test/")


def test_a_network_that_is_none_stops_the_start() -> None:
    with pytest.raises(ConfigError, match=r"allowed_networks"):
        CallbackGuard(["somewhere"])
