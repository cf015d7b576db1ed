"""The first key of a new service: from a file that its operator made, or made here and shown once."""

from pathlib import Path

from steadfast.admission.keys import KeyStore, NewKey
from steadfast.admission.scopes import Scope
from steadfast.errors import ConfigError, KeyRefused

_NAME = "first key"


def provide_first_key(store: KeyStore, file: Path | None) -> NewKey | None:
    """Makes sure that somebody can get in; the answer is a key that must be shown now, or None.

    With a file, its key is taken over at every start, so a mounted secret just works; a revoked one stays
    revoked. Raises `ConfigError` if the file cannot be read or holds no usable key.
    """
    if file is not None:
        _adopt(store, file)
        return None
    if not store.is_empty():
        return None
    return store.create(name=_NAME, scopes=[Scope.ADMIN])


def _adopt(store: KeyStore, file: Path) -> None:
    try:
        token = file.read_text(encoding="utf-8").strip()
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"The file of the first API key, {file}, cannot be read: {reason}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"The file of the first API key, {file}, is no text.") from error
    try:
        store.adopt(token, name=f"{_NAME} ({file.name})", scopes=[Scope.ADMIN])
    except KeyRefused as error:
        told = f"The file {file} holds no usable API key: {error.detail}"
        raise ConfigError(told, remedy=error.remedy) from error
