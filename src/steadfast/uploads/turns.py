"""One request at a time has an upload, and the latest one wins: it is the one whose client lives."""

import asyncio
from typing import Any

from steadfast.errors import SteadfastError, UploadConflict


class Turns:
    """Who has which upload now; lives on the event loop."""

    def __init__(self) -> None:
        self._held: dict[str, Turn] = {}

    def of(self, upload_id: str) -> "Turn":
        """To be entered: whoever has it is sent away, and hears so."""
        return Turn(self._held, upload_id)

    def end_all(self, why: SteadfastError) -> None:
        """Sends everybody away."""
        for turn in self._held.values():
            turn.displace(why)


class Turn:
    """What one request does with an upload, as long as the block runs.

    Raises why it was sent away, once what it was at is put in order.
    """

    def __init__(self, turns: dict[str, "Turn"], upload_id: str) -> None:
        self._turns = turns
        self._id = upload_id
        self._task: asyncio.Task[Any] | None = None
        self._over = asyncio.Event()
        self._why: SteadfastError | None = None

    async def __aenter__(self) -> "Turn":
        while (before := self._turns.get(self._id)) is not None:
            before.displace(UploadConflict("A later request took this upload over."))
            await before._over.wait()
        self._task = asyncio.current_task()
        self._turns[self._id] = self
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        del self._turns[self._id]
        self._over.set()
        if self._why is not None and kind is asyncio.CancelledError and self._task is not None:
            self._task.uncancel()
            raise self._why from None

    def displace(self, why: SteadfastError) -> None:
        """Ends it; whoever has it hears why."""
        if self._why is None and self._task is not None:
            self._why = why
            self._task.cancel()
