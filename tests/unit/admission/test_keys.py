"""API keys are shown once, kept as a hash, and good until they expire or are revoked."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from tests.databases import Clock

from steadfast.admission.keys import KeyStore, NewKey, id_of, require_scope
from steadfast.admission.scopes import Scope
from steadfast.database.database import Database
from steadfast.errors import KeyRefused, KeyUnknown, ScopeMissing


@pytest.fixture
def keys(database: Database, clock: Clock) -> KeyStore:
    return KeyStore(database, now=clock)


@pytest.fixture
def new(keys: KeyStore) -> NewKey:
    return keys.create(name="camera", scopes=[Scope.SWAP, Scope.JOBS])


def test_a_new_key_opens_what_it_was_made_for(keys: KeyStore, new: NewKey, clock: Clock) -> None:
    key = keys.verify(new.token)
    assert key == new.key
    assert (key.name, key.created_at) == ("camera", clock.time)
    assert key.scopes == {Scope.SWAP, Scope.JOBS}
    require_scope(key, Scope.SWAP)
    with pytest.raises(ScopeMissing, match=f"{key.id} does not have the scope admin"):
        require_scope(key, Scope.ADMIN)


def test_admin_covers_every_scope(keys: KeyStore) -> None:
    key = keys.create(name="root", scopes=[Scope.ADMIN]).key
    for scope in Scope:
        require_scope(key, scope)


def test_the_database_never_sees_the_key_itself(database: Database, new: NewKey) -> None:
    with database.reading() as connection:
        (row,) = connection.execute(text("SELECT * FROM api_keys")).all()
    secret = new.token.removeprefix(f"sf_{new.key.id}_")
    assert len(secret) == 43
    assert not [value for value in row if secret in str(value)]


def test_keys_are_long_random_and_carry_their_id(keys: KeyStore) -> None:
    tokens = {keys.create(name="n", scopes=[Scope.SWAP]).token for _ in range(20)}
    assert len(tokens) == 20
    assert {len(token) for token in tokens} == {3 + 12 + 1 + 43}
    assert {key.id for key in keys.list()} == {id_of(token) for token in tokens}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
        lambda token: token[:-1],
        lambda token: token + "x",
        lambda token: token.upper(),
        lambda token: "sf_" + "0" * 12 + token[15:],
        lambda token: "",
        lambda token: "x" * 100_000,
        lambda token: "sf_' OR 1=1 --",
        lambda token: "sf_\udcff\x00",
    ],
    ids=["wrong secret", "cut", "longer", "case", "wrong id", "empty", "huge", "sql", "no text"],
)
def test_anything_but_the_key_is_refused(keys: KeyStore, new: NewKey, spoil: object) -> None:
    assert callable(spoil)
    with pytest.raises(KeyRefused, match="not known"):
        keys.verify(spoil(new.token))


def test_a_revoked_key_is_refused_and_stays_in_the_list(keys: KeyStore, new: NewKey, clock: Clock) -> None:
    revoked = keys.revoke(new.key.id)
    first_time = clock.time
    clock.turn(hours=1)
    assert keys.revoke(new.key.id) == revoked
    assert revoked.revoked_at == first_time
    with pytest.raises(KeyRefused, match="was revoked"):
        keys.verify(new.token)
    assert [key.id for key in keys.list()] == [new.key.id]


def test_only_a_key_that_exists_can_be_revoked(keys: KeyStore) -> None:
    with pytest.raises(KeyUnknown, match="no API key 0123"):
        keys.revoke("0123")


def test_a_key_is_good_until_the_moment_it_expires(keys: KeyStore, clock: Clock) -> None:
    new = keys.create(name="guest", scopes=[Scope.SWAP], expires_at=clock.time + timedelta(days=1))
    clock.turn(hours=23, minutes=59)
    assert keys.verify(new.token).id == new.key.id
    clock.turn(minutes=1)
    with pytest.raises(KeyRefused, match="has expired"):
        keys.verify(new.token)


def test_a_key_without_any_scope_is_not_made(keys: KeyStore) -> None:
    with pytest.raises(ValueError, match="without a scope"):
        keys.create(name="n", scopes=[])


def test_its_last_use_is_shown(keys: KeyStore, new: NewKey, clock: Clock) -> None:
    assert keys.list()[0].last_used_at is None
    keys.record_use({new.key.id: clock.time, "gone": clock.time})
    assert keys.list()[0].last_used_at == clock.time


def test_somebody_elses_key_is_taken_over_once_however_often_it_comes(keys: KeyStore) -> None:
    token = "k8s-secret-" + "a1b2" * 8
    first = keys.adopt(token, name="from a file", scopes=[Scope.ADMIN])
    assert keys.adopt(token, name="from a file", scopes=[Scope.ADMIN]) == first
    assert keys.verify(token) == first
    keys.revoke(first.id)
    keys.adopt(token, name="from a file", scopes=[Scope.ADMIN])
    with pytest.raises(KeyRefused, match="revoked"):
        keys.verify(token)


@pytest.mark.parametrize("token", ["", "hunter2", "x" * 31, "x" * 600])
def test_a_key_that_could_be_guessed_is_not_taken_over(keys: KeyStore, token: str) -> None:
    with pytest.raises(KeyRefused, match="32 to 512 characters"):
        keys.adopt(token, name="n", scopes=[Scope.ADMIN])
    assert keys.is_empty()
