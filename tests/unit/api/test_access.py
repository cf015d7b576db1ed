"""Without keys only this machine's own programs get in; with keys, their holders."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.unit.api.asgi import exchange, run

from steadfast.admission.keys import ApiKey
from steadfast.admission.scopes import Scope
from steadfast.api.access import ANONYMOUS, Access, is_loopback, keys_are_needed
from steadfast.errors import ForeignRequest, KeyRefused, ScopeMissing


class OneKey:
    """A keyring with one key, `good`, that is not remembered before it was checked."""

    def __init__(self, *scopes: Scope) -> None:
        self._key = ApiKey(
            id="k1",
            name="test",
            scopes=frozenset(scopes),
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
            expires_at=None,
            revoked_at=None,
            last_used_at=None,
        )
        self.checked: list[str] = []

    def recall(self, token: str) -> ApiKey | None:
        return self._key if token in self.checked else None

    def check(self, token: str) -> ApiKey:
        self.checked.append(token)
        if token != "good":
            raise KeyRefused("unknown")
        return self._key


async def aside(function: Any, *arguments: Any) -> Any:
    return function(*arguments)


def keyed(*scopes: Scope) -> Access:
    return Access(OneKey(*scopes), aside)


OPEN = Access(None, None, ["Faces.example"])


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080", "faces.example"]
)
def test_without_keys_our_own_names_are_let_in(host: str) -> None:
    assert run(OPEN.admit(exchange(headers={"Host": host}), Scope.SWAP)) == ANONYMOUS


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "localhost.evil.example"},
        {"Host": "localhost@evil.example"},
        {"Host": ""},
        {},
        {"Host": "["},
        {"Host": "localhost", "Origin": "https://evil.example"},
        {"Host": "localhost", "Origin": "null"},
        {"Host": "localhost", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_without_keys_a_foreign_name_or_page_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(ForeignRequest):
        run(OPEN.admit(exchange(headers=headers), Scope.SWAP))


def test_a_page_of_our_own_origin_is_let_in() -> None:
    headers = {"Host": "localhost:8080", "Origin": "http://localhost:8080", "Sec-Fetch-Site": "same-origin"}
    assert run(OPEN.admit(exchange(headers=headers), Scope.SWAP)) == ANONYMOUS


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer good"}, {"X-API-Key": "good"}])
def test_a_good_key_names_who_asks(headers: dict[str, str]) -> None:
    assert run(keyed(Scope.SWAP).admit(exchange(headers=headers), Scope.SWAP)) == "k1"


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer bad"}, {"Authorization": "Bearer "}, {"Authorization": "Basic good"}],
)
def test_no_key_or_a_wrong_one_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(KeyRefused):
        run(keyed(Scope.SWAP).admit(exchange(headers=headers), Scope.SWAP))


def test_a_key_for_something_else_is_refused() -> None:
    with pytest.raises(ScopeMissing):
        run(keyed(Scope.JOBS).admit(exchange(headers={"X-API-Key": "good"}), Scope.SWAP))


def test_a_key_that_was_just_checked_asks_no_database() -> None:
    keyring = OneKey(Scope.SWAP)
    access = Access(keyring, aside)
    for _ in range(3):
        run(access.admit(exchange(headers={"X-API-Key": "good"}), Scope.SWAP))
    assert keyring.checked == ["good"]


def test_requests_that_come_together_with_one_key_ask_the_database_once() -> None:
    keyring = OneKey(Scope.SWAP)
    access = Access(keyring, aside)

    async def together() -> list[str]:
        asked = (access.admit(exchange(headers={"X-API-Key": "good"}), Scope.SWAP) for _ in range(5))
        return await asyncio.gather(*asked)

    assert run(together()) == ["k1"] * 5
    assert keyring.checked == ["good"]


def test_a_client_that_goes_away_does_not_end_the_check_for_the_others() -> None:
    access = keyed(Scope.SWAP)

    async def leave() -> str:
        first = asyncio.ensure_future(access.admit(exchange(headers={"X-API-Key": "good"}), Scope.SWAP))
        second = asyncio.ensure_future(access.admit(exchange(headers={"X-API-Key": "good"}), Scope.SWAP))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert run(leave()) == "k1"


def test_keys_are_off_only_on_loopback_and_only_without_a_trusted_proxy() -> None:
    assert not keys_are_needed("auto", "127.0.0.1", ())
    assert not keys_are_needed("auto", "::1", ())
    assert keys_are_needed("auto", "0.0.0.0", ())
    assert keys_are_needed("auto", "192.168.1.4", ())
    assert keys_are_needed("auto", "127.0.0.1", ("10.0.0.1",))
    assert keys_are_needed("always", "127.0.0.1", ())
    assert not keys_are_needed("never", "0.0.0.0", ())


def test_a_name_is_loopback_only_if_it_says_so() -> None:
    assert is_loopback("localhost")
    assert not is_loopback("example.org")
