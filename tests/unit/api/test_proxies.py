"""A client cannot choose its own address."""

import pytest

from steadfast.api.proxies import TrustedProxies
from steadfast.errors import ConfigError


def test_the_nearest_untrusted_address_counts_and_what_stands_before_it_does_not() -> None:
    proxies = TrustedProxies(["10.0.0.0/8", "fd00::/8"])
    assert proxies.client_of("10.0.0.1", b"198.51.100.9, 203.0.113.1, 10.0.0.7") == "203.0.113.1"
    assert proxies.client_of("fd00::1", b"[2001:db8::5]:443") == "2001:db8::5"
    assert proxies.client_of("10.0.0.1", b"203.0.113.1:5123") == "203.0.113.1"


def test_nobody_else_is_believed() -> None:
    assert TrustedProxies(["10.0.0.1"]).client_of("203.0.113.4", b"127.0.0.1") == "203.0.113.4"
    assert TrustedProxies([]).client_of("127.0.0.1", b"203.0.113.4") == "127.0.0.1"


def test_a_header_that_says_nothing_leaves_the_proxy_as_the_client() -> None:
    for nothing in (b"", b" , ,", None):
        assert TrustedProxies(["10.0.0.1"]).client_of("10.0.0.1", nothing) == "10.0.0.1"


def test_where_everybody_is_trusted_the_first_address_counts() -> None:
    assert TrustedProxies(["*"]).client_of("192.0.2.1", b"203.0.113.1, 10.0.0.7") == "203.0.113.1"


def test_a_name_that_is_no_address_stops_the_start() -> None:
    with pytest.raises(ConfigError, match="a-name"):
        TrustedProxies(["a-name"])
