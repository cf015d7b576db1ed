"""Work of the server beside requests: started once, ended with the service, never failing in silence."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

_log = logging.getLogger(__name__)


class Chores:
    """Tasks that nobody waits for. Lives on one event loop."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs `work` until it ends or `end` is called; an error that ends it is logged."""
        task = asyncio.create_task(work)
        self._running.add(task)  # the loop itself keeps only a weak reference
        task.add_done_callback(self._ended)

    def end(self) -> None:
        """Breaks off whatever runs."""
        for task in tuple(self._running):
            task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("chore ended", exc_info=error)
