"""Requests that carry an Idempotency-Key are done once, however often they are sent.

The first one claims the key; a repetition gets the first one's answer. A claim ends by `complete`, by
`abandon` (the request failed on our side and may be tried again), by its time, or with the server that had it
(`is_over`): then the next one takes over, and the fencing token refuses what the late owner still writes.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    delete,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from steadfast.admission.keys import utc_now
from steadfast.database.database import Database
from steadfast.database.schema import METADATA, UtcTime
from steadfast.errors import IdempotencyInProgress, IdempotencyMismatch

RECORDS = Table(
    "idempotency_records",
    METADATA,
    Column("owner", String(64), primary_key=True),
    Column("idempotency_key", String(255), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("claim_token", String(32), nullable=False),
    Column("claimed_until", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("status", Integer),
    Column("content_type", String(255)),
    Column("response_ref", Text),
    Column("claimed_by", String(200), nullable=False, server_default=text("''")),
    Index("ix_idempotency_records_expires_at", "expires_at"),
)

MAX_KEY_CHARACTERS = 255
KEEP = timedelta(hours=24)
"""How long an answer is repeated."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """The right to carry a request out."""

    owner: str
    idempotency_key: str
    """A digest of it."""
    token: str
    """Fences: a later claim has another."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Replay:
    """An answer that was given before."""

    status: int
    content_type: str | None
    response_ref: str | None
    """Where its body lies; None: it had none."""


class IdempotencyStore:
    """The records in the database. Every method is one transaction; they block: see `Database.run`."""

    def __init__(
        self,
        database: Database,
        *,
        now: Callable[[], datetime] = utc_now,
        claimed_by: str = "",
        is_over: Callable[[str], bool] = lambda _claimed_by: False,
    ) -> None:
        """`claimed_by`: one life of one server; `is_over`: whether another one is dead, or long silent."""
        self._database = database
        self._now = now
        self._claimed_by = claimed_by
        self._is_over = is_over

    def claim(
        self,
        *,
        owner: str,
        idempotency_key: str,
        fingerprint: str,
        hold: timedelta,
        keep: timedelta = KEEP,
    ) -> Claim | Replay:
        """Claims a key for a request, or finds the answer of the one that had it before.

        `owner`: the API key's id or another name for who asks; `fingerprint`: SHA-256 over method, path,
        options and body; `hold`: the request's deadline, after which somebody else may take over. Raises
        `IdempotencyMismatch` if the key was used for another request, `IdempotencyInProgress` while the first
        one runs.
        """
        wanted = {"owner": owner, "idempotency_key": idempotency_key, "fingerprint": fingerprint}
        try:
            return self._claim(hold=hold, keep=keep, **wanted)
        except IdempotencyInProgress:
            if not self._end_if_over(owner, idempotency_key):
                raise
        return self._claim(hold=hold, keep=keep, **wanted)

    def _claim(
        self, *, owner: str, idempotency_key: str, fingerprint: str, hold: timedelta, keep: timedelta
    ) -> Claim | Replay:
        now = self._now()
        hidden = _hidden(owner, idempotency_key)
        claim = Claim(owner=owner, idempotency_key=hidden, token=secrets.token_hex(16))
        values = {
            "owner": owner,
            "idempotency_key": hidden,
            "fingerprint": fingerprint,
            "claim_token": claim.token,
            "claimed_until": now + hold,
            "expires_at": now + keep,
            "claimed_by": self._claimed_by,
        }
        with self._database.writing() as connection:
            if _insert_if_absent(connection, values):
                return claim
            here = RECORDS.c.owner == owner, RECORDS.c.idempotency_key == hidden
            row = connection.execute(select(RECORDS).where(*here).with_for_update()).one()
            replay = _judge(row, idempotency_key, fingerprint, now)
            if replay is None:
                # Set aside and not overwritten: its body is still to be named by `forget_expired`.
                aside = {"owner": "", "idempotency_key": claim.token, "expires_at": now}
                connection.execute(update(RECORDS).where(*here).values(aside))
                connection.execute(RECORDS.insert().values(values))
        return replay or claim

    def complete(
        self,
        claim: Claim,
        *,
        status: int,
        content_type: str | None = None,
        response_ref: str | None = None,
    ) -> bool:
        """Keeps the answer; false: the claim was lost to somebody else, whose answer counts."""
        answer = {"status": status, "content_type": content_type, "response_ref": response_ref}
        with self._database.writing() as connection:
            result = connection.execute(update(RECORDS).where(*_is_held_by(claim)).values(answer))
        return result.rowcount == 1

    def abandon(self, claim: Claim) -> bool:
        """Gives the key back, so that a repetition is carried out; false: the claim was lost."""
        return self._end(*_is_held_by(claim)) == 1

    def end_claims(self) -> int:
        """Gives back what servers had claimed that are over; how many. For the start of one."""
        is_open = RECORDS.c.status.is_(None), RECORDS.c.claimed_until > self._now()
        with self._database.reading() as connection:
            every = (
                connection.execute(select(RECORDS.c.claimed_by).where(*is_open).distinct()).scalars().all()
            )
        over = [claimed_by for claimed_by in every if self._is_over(claimed_by)]
        return self._end(*is_open, RECORDS.c.claimed_by.in_(over)) if over else 0

    def _end_if_over(self, owner: str, idempotency_key: str) -> bool:
        """Ends the claim on a key where whoever has it never will; false: somebody is at it."""
        here = (
            RECORDS.c.owner == owner,
            RECORDS.c.idempotency_key == _hidden(owner, idempotency_key),
            RECORDS.c.status.is_(None),
        )
        with self._database.reading() as connection:
            claimed_by = connection.execute(select(RECORDS.c.claimed_by).where(*here)).scalar()
        # Asked outside of a transaction: the answer may need one of its own.
        if not claimed_by or not self._is_over(claimed_by):
            return False
        self._end(*here, RECORDS.c.claimed_by == claimed_by)
        return True

    def _end(self, *which: ColumnElement[bool]) -> int:
        with self._database.writing() as connection:
            return connection.execute(delete(RECORDS).where(*which)).rowcount

    def forget(self, lost: Replay) -> None:
        """Removes the record of an answer whose body is lost, so that a repetition is carried out."""
        self._end(RECORDS.c.response_ref == lost.response_ref)

    def forget_expired(self) -> list[str]:
        """Removes what is past its time; the answer names the bodies that nobody needs any more."""
        past = delete(RECORDS).where(RECORDS.c.expires_at <= self._now()).returning(RECORDS.c.response_ref)
        with self._database.writing() as connection:
            references = connection.execute(past).scalars().all()
        return [reference for reference in references if reference is not None]


def _hidden(owner: str, idempotency_key: str) -> str:
    """Clients make keys of what they like, of names and addresses too: none of that is kept."""
    return hashlib.sha256(f"{owner} {idempotency_key}".encode("utf-8", "replace")).hexdigest()


def _insert_if_absent(connection: Connection, values: dict[str, object]) -> bool:
    # The two dialects spell it alike, but share no type that says so.
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    absent = insert(RECORDS).values(values).on_conflict_do_nothing().returning(RECORDS.c.owner)
    return connection.execute(absent).first() is not None


def _judge(row: Row[tuple[object, ...]], key: str, fingerprint: str, now: datetime) -> Replay | None:
    """None: the record is over and may be claimed anew."""
    if row.expires_at <= now:
        return None
    if row.fingerprint != fingerprint:
        raise IdempotencyMismatch(f"The Idempotency-Key {key!r} stands for another request.")
    if row.status is not None:
        return Replay(status=row.status, content_type=row.content_type, response_ref=row.response_ref)
    if now < row.claimed_until:
        raise IdempotencyInProgress(f"The first request with the Idempotency-Key {key!r} is still running.")
    return None


def _is_held_by(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    return (
        RECORDS.c.owner == claim.owner,
        RECORDS.c.idempotency_key == claim.idempotency_key,
        RECORDS.c.claim_token == claim.token,
        RECORDS.c.status.is_(None),
    )
