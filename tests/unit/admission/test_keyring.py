"""A key that was just seen is not looked up again, and a revocation is soon felt."""

from datetime import timedelta

import pytest
from tests.databases import Clock

from steadfast.admission import keyring as keyring_module
from steadfast.admission.keyring import Keyring
from steadfast.admission.keys import ApiKey, KeyStore, NewKey
from steadfast.admission.scopes import Scope
from steadfast.database.database import Database
from steadfast.errors import KeyRefused


class CountingStore(KeyStore):
    """Counts how often it is asked."""

    asked = 0

    def verify(self, token: str) -> ApiKey:
        self.asked += 1
        return super().verify(token)


class Monotonic:
    """A clock that the test turns."""

    time = 500.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def store(database: Database, clock: Clock) -> CountingStore:
    return CountingStore(database, now=clock)


@pytest.fixture
def monotonic() -> Monotonic:
    return Monotonic()


@pytest.fixture
def keyring(store: CountingStore, monotonic: Monotonic, clock: Clock) -> Keyring:
    return Keyring(store, clock=monotonic, now=clock)


@pytest.fixture
def new(store: CountingStore) -> NewKey:
    return store.create(name="camera", scopes=[Scope.SWAP])


def test_a_checked_key_is_recalled_without_the_database(
    keyring: Keyring, store: CountingStore, new: NewKey
) -> None:
    assert keyring.recall(new.token) is None
    assert keyring.check(new.token) == new.key
    assert keyring.recall(new.token) == new.key
    assert store.asked == 1


def test_a_revocation_is_felt_within_the_time_of_trust(
    keyring: Keyring, store: CountingStore, new: NewKey, monotonic: Monotonic
) -> None:
    keyring.check(new.token)
    store.revoke(new.key.id)
    assert keyring.recall(new.token) == new.key
    monotonic.time += keyring_module.TRUST_S
    assert keyring.recall(new.token) is None
    with pytest.raises(KeyRefused, match="revoked"):
        keyring.check(new.token)


def test_a_refusal_is_remembered_too(keyring: Keyring, store: CountingStore) -> None:
    with pytest.raises(KeyRefused):
        keyring.check("wrong")
    with pytest.raises(KeyRefused, match="not known"):
        keyring.recall("wrong")
    assert store.asked == 1


def test_a_key_that_expires_while_it_is_trusted_is_refused_at_once(
    keyring: Keyring, store: CountingStore, clock: Clock
) -> None:
    brief = store.create(name="n", scopes=[Scope.SWAP], expires_at=clock.time + timedelta(seconds=1))
    keyring.check(brief.token)
    clock.turn(seconds=1)
    with pytest.raises(KeyRefused, match="expired"):
        keyring.recall(brief.token)


def test_last_uses_are_written_together(
    keyring: Keyring, store: CountingStore, new: NewKey, clock: Clock
) -> None:
    keyring.check(new.token)
    clock.turn(seconds=1)
    keyring.recall(new.token)
    assert store.list()[0].last_used_at is None
    keyring.flush_use()
    assert store.list()[0].last_used_at == clock.time


def test_a_flood_of_wrong_keys_takes_bounded_memory(
    keyring: Keyring, monkeypatch: pytest.MonkeyPatch, new: NewKey
) -> None:
    monkeypatch.setattr(keyring_module, "_MAX_REMEMBERED", 10)
    for n in range(30):
        with pytest.raises(KeyRefused):
            keyring.check(f"wrong {n}")
    assert len(keyring._seen) == 10
    assert keyring.recall("wrong 0") is None
