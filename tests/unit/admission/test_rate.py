"""Nobody sends more than his rate, and the time he is told to wait is true."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.runtime.clock import Clock

from steadfast.admission.rate import NO_LIMIT, Rate, RateLimit, neighbourhood


@pytest.fixture
def clock() -> Clock:
    return Clock()


def send(limit: RateLimit, client: str) -> bool:
    if limit.wait_s(client) > 0:
        return False
    limit.take(client)
    return True


def test_a_burst_is_allowed_and_then_the_rate(clock: Clock) -> None:
    limit = RateLimit(Rate(per_s=2.0, burst=3), clock=clock)
    assert [send(limit, "a") for _ in range(4)] == [True, True, True, False]
    clock.pass_(0.5)
    assert [send(limit, "a") for _ in range(2)] == [True, False]


def test_clients_do_not_share_a_bucket(clock: Clock) -> None:
    limit = RateLimit(Rate(per_s=1.0, burst=1), clock=clock)
    assert send(limit, "a")
    assert send(limit, "b")


@given(
    per_s=st.floats(0.01, 1000.0),
    burst=st.integers(1, 20),
    gaps=st.lists(st.floats(0.0, 5.0), max_size=40),
)
def test_whoever_waits_as_long_as_told_is_let_through_and_no_sooner(
    per_s: float, burst: int, gaps: list[float]
) -> None:
    clock = Clock()
    limit = RateLimit(Rate(per_s=per_s, burst=burst), clock=clock)
    for gap_s in gaps:
        clock.pass_(gap_s)
        send(limit, "a")
    wait_s = limit.wait_s("a")
    if wait_s > 0:
        clock.pass_(wait_s * 0.99)
        assert limit.wait_s("a") > 0 or wait_s < 1e-6
        clock.pass_(wait_s * 0.01)
    assert limit.wait_s("a") == 0


@given(
    per_s=st.floats(0.1, 100.0), burst=st.integers(1, 20), gaps=st.lists(st.floats(0.0, 0.2), max_size=200)
)
def test_in_any_stretch_of_time_no_more_than_burst_and_rate_allow(
    per_s: float, burst: int, gaps: list[float]
) -> None:
    clock = Clock()
    limit = RateLimit(Rate(per_s=per_s, burst=burst), clock=clock)
    sent = 0
    for gap_s in gaps:
        clock.pass_(gap_s)
        sent += send(limit, "a")
    assert sent <= burst + per_s * clock() + 1e-6


def test_without_a_limit_or_a_client_nothing_is_counted(clock: Clock) -> None:
    assert all(send(RateLimit(NO_LIMIT, clock=clock), "a") for _ in range(100))
    limit = RateLimit(Rate(per_s=1.0, burst=1), clock=clock)
    assert all(send(limit, "") for _ in range(100))


def test_clients_whose_bucket_is_full_again_are_forgotten(clock: Clock) -> None:
    limit = RateLimit(Rate(per_s=10.0, burst=1), clock=clock)
    for number in range(1000):
        clock.pass_(0.05)
        send(limit, f"client {number}")
    assert len(limit) < 10


def test_memory_is_bounded_even_against_ever_new_clients(clock: Clock) -> None:
    limit = RateLimit(Rate(per_s=0.001, burst=1), clock=clock, most_clients=50)
    for number in range(1000):
        send(limit, f"client {number}")
    assert len(limit) <= 50


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("10.0.0.1", "10.0.0.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("not an address", "not an address", True),
        ("a:b", "c:d", False),
    ],
)
def test_an_ipv6_network_of_one_customer_counts_as_one(one: str, other: str, same: bool) -> None:
    assert (neighbourhood(one) == neighbourhood(other)) is same


def test_ipv6_loopback_is_one_host_and_no_network() -> None:
    assert neighbourhood("::1") != neighbourhood("::2")
