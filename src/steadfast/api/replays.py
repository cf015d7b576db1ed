"""Answers that are kept because their request carried an Idempotency-Key: a retry gets the same one again.

The records lie in the database, the bodies as files beside it. A body is written aside and moved into place
before its record names it, so a record never points at half an answer.
"""

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

import msgspec

from steadfast.admission.idempotency import MAX_KEY_CHARACTERS, Claim, IdempotencyStore, Replay
from steadfast.api.access import Aside
from steadfast.api.intake import Held
from steadfast.api.reply import Header
from steadfast.errors import DatabaseProblem, MalformedRequest

_log = logging.getLogger(__name__)

_FORGET_EVERY_S = 600.0
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


class Replays:
    """Claims, keeps and repeats."""

    def __init__(self, store: IdempotencyStore, aside: Aside, folder: Path, *, keep: timedelta) -> None:
        self._store = store
        self._aside = aside
        self._folder = folder
        self._keep = keep

    async def once(self, wanted: Wanted, answer: Callable[[], Awaitable[KeptAnswer]]) -> Answered:
        """The answer it had, or that of `answer`, kept for a repetition unless it raises."""
        claim = await self.claim(wanted)
        if isinstance(claim, KeptAnswer):
            return claim, _REPLAYED
        try:
            made = await answer()
        except BaseException:
            # A repetition is carried out anew: what failed may succeed, what was wrong fails as fast again.
            await asyncio.shield(self.abandon(claim))
            raise
        await self.keep(claim, made)
        return made, ()

    async def claim(self, wanted: Wanted) -> Claim | KeptAnswer:
        """The right to carry it out, or the answer it had. Raises what `IdempotencyStore.claim` raises."""
        return await self._aside(self._claim, wanted)  # type: ignore[no-any-return]

    async def keep(self, claim: Claim, answer: KeptAnswer) -> None:
        """Keeps the answer for a repetition."""
        await self._aside(self._complete, claim, answer)

    async def abandon(self, claim: Claim) -> None:
        """It failed on our side: a repetition is carried out."""
        await self._aside(self._store.abandon, claim)

    async def forget_forever(self) -> None:
        """Removes what is past its time, every ten minutes."""
        while True:
            try:
                await self._aside(self.forget)
            except DatabaseProblem as error:
                _log.warning("old answers not forgotten", extra={"detail": error.detail})
            await asyncio.sleep(_FORGET_EVERY_S)

    def forget(self) -> None:
        """Removes records past their time and their files; blocks."""
        for name in self._store.forget_expired():
            (self._folder / name).unlink(missing_ok=True)

    def _claim(self, wanted: Wanted) -> Claim | KeptAnswer:
        found = self._store.claim(
            owner=wanted.owner,
            idempotency_key=wanted.key,
            fingerprint=wanted.fingerprint,
            hold=timedelta(seconds=wanted.hold_s + 1),
            keep=self._keep,
        )
        return self._read(found) if isinstance(found, Replay) else found

    def _read(self, replay: Replay) -> KeptAnswer:
        if replay.response_ref is not None:
            content = (self._folder / replay.response_ref).read_bytes()
            return msgspec.msgpack.decode(content, type=KeptAnswer)
        content_type = (replay.content_type or "application/json").encode()
        return KeptAnswer(status=replay.status, content_type=content_type, headers=[], body=b"")

    def _complete(self, claim: Claim, answer: KeptAnswer) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"answer-{secrets.token_hex(12)}"
        aside = self._folder / f".{name}"
        aside.write_bytes(msgspec.msgpack.encode(answer))
        aside.replace(self._folder / name)
        kept = self._store.complete(
            claim, status=answer.status, content_type=answer.content_type.decode(), response_ref=name
        )
        if not kept:
            (self._folder / name).unlink(missing_ok=True)


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
