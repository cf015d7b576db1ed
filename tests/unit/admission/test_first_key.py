"""Somebody can always get in, and nobody else."""

from pathlib import Path

import pytest

from steadfast.admission.first_key import provide_first_key
from steadfast.admission.keys import KeyStore
from steadfast.admission.scopes import Scope
from steadfast.database.database import Database
from steadfast.errors import ConfigError, KeyRefused

TOKEN = "operators-own-secret-" + "z9" * 10


@pytest.fixture
def store(database: Database) -> KeyStore:
    return KeyStore(database)


def test_a_first_start_makes_one_key_and_the_next_none(store: KeyStore) -> None:
    first = provide_first_key(store, None)
    assert first is not None
    assert store.verify(first.token).allows(Scope.ADMIN)
    assert provide_first_key(store, None) is None
    assert len(store.list()) == 1


def test_a_revoked_only_key_is_not_silently_replaced(store: KeyStore) -> None:
    first = provide_first_key(store, None)
    assert first is not None
    store.revoke(first.key.id)
    assert provide_first_key(store, None) is None


def test_a_mounted_file_is_the_key_at_every_start(store: KeyStore, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(TOKEN + "\n")
    for _ in range(2):
        assert provide_first_key(store, file) is None
    assert store.verify(TOKEN).scopes == {Scope.ADMIN}
    assert len(store.list()) == 1
    file.write_text(TOKEN + "-rotated")
    provide_first_key(store, file)
    assert store.verify(TOKEN + "-rotated").scopes == {Scope.ADMIN}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read: No such file"),
        (b"", "no usable API key"),
        (b"short", "no usable"),
        (b"\xff\xfe", "no text"),
    ],
)
def test_a_file_without_a_usable_key_stops_the_start(
    store: KeyStore, tmp_path: Path, content: bytes | None, told: str
) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=told):
        provide_first_key(store, file)
    with pytest.raises(KeyRefused):
        store.verify("short")
