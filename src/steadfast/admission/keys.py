"""API keys: made, shown once, kept as a hash, checked, revoked.

A key is `sf_<id>_<secret>`: the id finds the row, the secret has 256 bits from the system's random source.
Only its SHA-256 is stored. A slow password hash would add nothing: it slows the guessing of what people
choose, and no one guesses 256 random bits; it would cost every request a tenth of a second.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Column, Row, String, Table, func, literal, select, update

from steadfast.admission.scopes import Scope
from steadfast.database.database import Database
from steadfast.database.schema import METADATA, UtcTime
from steadfast.errors import KeyRefused, KeyUnknown, ScopeMissing

API_KEYS = Table(
    "api_keys",
    METADATA,
    Column("id", String(16), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("token_sha256", String(64), nullable=False),
    Column("scopes", String(200), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
    Column("revoked_at", UtcTime),
    Column("last_used_at", UtcTime),
)

MIN_TOKEN_CHARACTERS = 32
"""Of a key that somebody else made: fewer could be guessed."""
_MAX_TOKEN_CHARACTERS = 512
_ID_BYTES = 6
_SECRET_BYTES = 32
_OWN_FORMAT = re.compile(r"sf_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")
_NO_HASH = "0" * 64


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiKey:
    """A key as everyone may see it."""

    id: str
    """Public; part of the key itself, so a log can name it."""
    name: str
    """Whose it is, in the words of who made it."""
    scopes: frozenset[Scope]
    """What it allows."""
    created_at: datetime
    expires_at: datetime | None
    """None: never."""
    revoked_at: datetime | None
    """None: it was not."""
    last_used_at: datetime | None
    """To about a minute; None: never."""

    def allows(self, scope: Scope) -> bool:
        """Whether it covers that scope; ADMIN covers all."""
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def is_good_at(self, now: datetime) -> bool:
        """Whether it may be used at that moment."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, kw_only=True, slots=True)
class NewKey:
    """A key at the one moment when it is known as a whole."""

    key: ApiKey
    token: str
    """What its owner sends; nobody can show it again."""


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def require_scope(key: ApiKey, scope: Scope) -> None:
    """Raises `ScopeMissing` if the key does not allow it."""
    if not key.allows(scope):
        raise ScopeMissing(f"The API key {key.id} does not have the scope {scope.value}.")


class KeyStore:
    """The keys in the database. Every method is one transaction; they block: see `Database.run`."""

    def __init__(self, database: Database, *, now: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._now = now

    def create(self, *, name: str, scopes: Collection[Scope], expires_at: datetime | None = None) -> NewKey:
        """Makes a key. Raises `ValueError` for no scope at all."""
        token = f"sf_{secrets.token_hex(_ID_BYTES)}_{secrets.token_urlsafe(_SECRET_BYTES)}"
        return NewKey(key=self._insert(token, name=name, scopes=scopes, expires_at=expires_at), token=token)

    def adopt(self, token: str, *, name: str, scopes: Collection[Scope]) -> ApiKey:
        """Takes a key that somebody else made, as often as they like; a revoked one stays revoked.

        Raises `KeyRefused` if it is too short to be safe.
        """
        if not MIN_TOKEN_CHARACTERS <= len(token) <= _MAX_TOKEN_CHARACTERS:
            raise KeyRefused(
                f"An API key needs {MIN_TOKEN_CHARACTERS} to {_MAX_TOKEN_CHARACTERS} characters.",
                remedy="Make one: `steadfast keys create`, or `openssl rand -hex 32`.",
            )
        return self._find(token) or self._insert(token, name=name, scopes=scopes, expires_at=None)

    def revoke(self, key_id: str) -> ApiKey:
        """Ends a key; once more is harmless. Raises `KeyUnknown`."""
        chosen = update(API_KEYS).where(API_KEYS.c.id == key_id)
        with self._database.writing() as connection:
            connection.execute(
                chosen.values(revoked_at=func.coalesce(API_KEYS.c.revoked_at, literal(self._now(), UtcTime)))
            )
            row = connection.execute(select(API_KEYS).where(API_KEYS.c.id == key_id)).first()
        if row is None:
            raise KeyUnknown(f"There is no API key {key_id}.")
        return _key_of(row)

    def list(self) -> list[ApiKey]:
        """Every key, revoked ones too, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(select(API_KEYS).order_by(API_KEYS.c.created_at, API_KEYS.c.id)).all()
        return [_key_of(row) for row in rows]

    def is_empty(self) -> bool:
        """Whether no key was ever made."""
        with self._database.reading() as connection:
            return connection.execute(select(API_KEYS.c.id).limit(1)).first() is None

    def verify(self, token: str) -> ApiKey:
        """The key that this token is. Raises `KeyRefused` if it is none, or not good now."""
        key = self._find(token)
        if key is None:
            raise KeyRefused("The API key is not known.")
        if key.revoked_at is not None:
            raise KeyRefused(f"The API key {key.id} was revoked.")
        if not key.is_good_at(self._now()):
            raise KeyRefused(f"The API key {key.id} has expired.")
        return key

    def record_use(self, last_used_at: Mapping[str, datetime]) -> None:
        """Writes down when keys were last used, by id."""
        if not last_used_at:
            return
        with self._database.writing() as connection:
            for key_id, moment in last_used_at.items():
                connection.execute(
                    update(API_KEYS).where(API_KEYS.c.id == key_id).values(last_used_at=moment)
                )

    def _find(self, token: str) -> ApiKey | None:
        with self._database.reading() as connection:
            row = connection.execute(select(API_KEYS).where(API_KEYS.c.id == id_of(token))).first()
        # Compared in constant time, and also where there is no row: the time it takes tells nothing.
        is_same = hmac.compare_digest(row.token_sha256 if row is not None else _NO_HASH, hash_of(token))
        return _key_of(row) if row is not None and is_same else None

    def _insert(
        self, token: str, *, name: str, scopes: Collection[Scope], expires_at: datetime | None
    ) -> ApiKey:
        if not scopes:
            raise ValueError("a key without a scope allows nothing")
        values = {
            "id": id_of(token),
            "name": name[:200],
            "token_sha256": hash_of(token),
            "scopes": ",".join(sorted(scope.value for scope in scopes)),
            "created_at": self._now(),
            "expires_at": expires_at,
        }
        with self._database.writing() as connection:
            connection.execute(API_KEYS.insert().values(values))
            row = connection.execute(select(API_KEYS).where(API_KEYS.c.id == values["id"])).one()
        return _key_of(row)


def hash_of(token: str) -> str:
    """What is kept of a token: SHA-256, hexadecimal."""
    # A header may hold what is no text; it is refused like any other wrong key.
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def id_of(token: str) -> str:
    """The public id of a token: its own part, or for one that somebody else made, a piece of its hash."""
    own = _OWN_FORMAT.fullmatch(token)
    return own.group(1) if own else "x" + hash_of(token)[:12]


def _key_of(row: Row[tuple[object, ...]]) -> ApiKey:
    known = {scope.value for scope in Scope}
    return ApiKey(
        id=row.id,
        name=row.name,
        scopes=frozenset(Scope(name) for name in row.scopes.split(",") if name in known),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )
