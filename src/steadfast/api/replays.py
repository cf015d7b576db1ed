"""Answers that are kept because their request carried an Idempotency-Key: a retry gets the same one again.

The records lie in the database, the bodies as files beside it or in the store that servers share. A body is
whole before its record names it, so a record never points at half an answer.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

import msgspec

from steadfast.admission.idempotency import MAX_KEY_CHARACTERS, Claim, IdempotencyStore, Replay
from steadfast.admission.keys import utc_now
from steadfast.api.access import Aside
from steadfast.api.answer_bodies import AnswerBodies
from steadfast.api.intake import Held
from steadfast.api.reply import Header
from steadfast.errors import (
    BlobMissing,
    BlobProblem,
    DatabaseProblem,
    DiskFull,
    MalformedRequest,
    SteadfastError,
)

_log = logging.getLogger(__name__)

_FORGET_EVERY_S = 600.0
_ORPHAN_AGE = timedelta(hours=1)
"""Beyond the time for which answers are kept, so that clocks may differ."""
_REPLAYED = ((b"idempotent-replayed", b"true"),)


class KeptAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that can be given again."""

    status: int
    content_type: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes


Answered: TypeAlias = tuple[KeptAnswer, Sequence[Header]]
"""An answer, and headers that are not kept with it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """A request that wants to be done once."""

    owner: str
    key: str
    fingerprint: str
    hold_s: float


class AnswerCache(Protocol):
    """Answers by name for a while; what fails is as if it were not there. Every method blocks."""

    def find(self, name: str) -> bytes | None:
        """None: it is not known here."""

    def keep(self, name: str, content: bytes) -> None:
        """For a while, if there is room."""


class Replays:
    """Claims, keeps and repeats."""

    def __init__(
        self,
        store: IdempotencyStore,
        aside: Aside,
        bodies: AnswerBodies,
        *,
        keep: timedelta,
        cache: AnswerCache | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """`cache`: where answers are looked for first, by all servers; None: nowhere."""
        self._store = store
        self._aside = aside
        self._bodies = bodies
        self.keep_for = keep
        """How long an answer is repeated."""
        self._cache = cache
        self._now = now
        self._names: dict[str, str] = {}
        """Claim → what its answer is called in the cache."""

    async def once(self, wanted: Wanted, answer: Callable[[], Awaitable[KeptAnswer]]) -> Answered:
        """The answer it had, or that of `answer`, kept for a repetition unless it raises."""
        claim = await self.claim(wanted)
        if isinstance(claim, KeptAnswer):
            return claim, _REPLAYED
        try:
            made = await answer()
        except BaseException:
            # A repetition is carried out anew: what failed may succeed, what was wrong fails as fast again.
            await asyncio.shield(self._give_back(claim))
            raise
        await self.keep(claim, made)
        return made, ()

    async def claim(self, wanted: Wanted) -> Claim | KeptAnswer:
        """The right to carry it out, or the answer it had. Raises what `IdempotencyStore.claim` raises."""
        claiming: asyncio.Future[Claim | KeptAnswer] = asyncio.ensure_future(self._aside(self._claim, wanted))
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            # Whoever asked has gone; its next try must not be told that this one runs.
            with suppress(SteadfastError):
                if isinstance(claim := await claiming, Claim):
                    await self._give_back(claim)
            raise

    async def keep(self, claim: Claim, answer: KeptAnswer) -> None:
        """Keeps the answer for a repetition.

        Where it cannot be kept (a full disk) the caller has it all the same: the work is done, and a
        repetition is carried out anew. Where it was the database that failed, the claim ends by its time.
        """
        try:
            await self._aside(self._complete, claim, answer)
        except (DatabaseProblem, BlobProblem, DiskFull) as error:
            _log.warning("answer not kept", extra={"code": error.code})
            if not isinstance(error, DatabaseProblem):
                await self._give_back(claim)

    async def _give_back(self, claim: Claim) -> None:
        """Where the database is away too, the claim ends by its time: what went wrong first is told."""
        with suppress(SteadfastError):
            await self.abandon(claim)

    async def abandon(self, claim: Claim) -> None:
        """It failed on our side: a repetition is carried out."""
        self._names.pop(claim.token, None)
        await self._aside(self._store.abandon, claim)

    async def forget_forever(self) -> None:
        """Removes what is past its time, every ten minutes."""
        while True:
            try:
                await self._aside(self.forget)
            except (DatabaseProblem, BlobProblem) as error:
                _log.warning("old answers not forgotten", extra={"detail": error.detail})
            await asyncio.sleep(_FORGET_EVERY_S)

    def forget(self) -> None:
        """Removes records past their time and their files, and files that no record names; blocks."""
        self._bodies.drop(self._store.forget_expired())
        self._bodies.sweep(self._now() - self.keep_for - _ORPHAN_AGE)

    def _claim(self, wanted: Wanted) -> Claim | KeptAnswer:
        if self._cache is not None and (known := self._cache.find(_name_of(wanted))) is not None:
            return _decoded(known)
        found = self._store.claim(
            owner=wanted.owner,
            idempotency_key=wanted.key,
            fingerprint=wanted.fingerprint,
            hold=timedelta(seconds=wanted.hold_s + 1),
            keep=self.keep_for,
        )
        if isinstance(found, Replay):
            try:
                return self._read(found)
            except BlobMissing as error:  # whatever took it: the request is worth more than its record
                _log.warning("kept answer lost", extra={"code": error.code})
                self._store.forget(found)
                return self._claim(wanted)
        if self._cache is not None:
            self._names[found.token] = _name_of(wanted)
        return found

    def _read(self, replay: Replay) -> KeptAnswer:
        if replay.response_ref is not None:
            return _decoded(self._bodies.read(replay.response_ref))
        content_type = (replay.content_type or "application/json").encode()
        return KeptAnswer(status=replay.status, content_type=content_type, headers=[], body=b"")

    def _complete(self, claim: Claim, answer: KeptAnswer) -> None:
        cached = self._names.pop(claim.token, None)
        content = msgspec.msgpack.encode(answer)
        name = self._bodies.keep(content)
        try:
            kept = self._store.complete(
                claim, status=answer.status, content_type=answer.content_type.decode(), response_ref=name
            )
        except SteadfastError:
            self._bodies.drop([name])  # no record names it
            raise
        if not kept:
            self._bodies.drop([name])
        elif self._cache is not None and cached is not None:
            self._cache.keep(cached, content)


def _decoded(content: bytes) -> KeptAnswer:
    return msgspec.msgpack.decode(content, type=KeptAnswer)


def _name_of(wanted: Wanted) -> str:
    """The same request of the same owner with the same key, and no other."""
    said = (wanted.owner, wanted.key, wanted.fingerprint)
    return hashlib.sha256(b"".join(b"%d:%s" % (len(one.encode()), one.encode()) for one in said)).hexdigest()


def key_in(given: bytes | None) -> str | None:
    """The Idempotency-Key of a request. Raises `MalformedRequest` where it is too long or no text."""
    if given is None:
        return None
    if not 1 <= len(given) <= MAX_KEY_CHARACTERS or not given.isascii():
        raise MalformedRequest(f"An Idempotency-Key has 1 to {MAX_KEY_CHARACTERS} ASCII characters.")
    return given.decode("ascii")


def fingerprint_of(parts: Iterable[bytes], blobs: Iterable[Held]) -> str:
    """SHA-256 over what the request says and carries; reads every byte, so call it in a thread."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(b"%d:" % len(part) + part)
    for held in blobs:
        digest.update(b"%d:" % held.size_bytes)
        if held.file is not None:
            with held.file.open("rb") as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
        else:
            for piece in held.pieces:
                digest.update(piece)
    return digest.hexdigest()
