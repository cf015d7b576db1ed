"""Work that cannot be asked how far it is: it counts as going on as long as its process writes."""

from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import TypeVar

ResultT = TypeVar("ResultT")

_LOOK_EVERY_S = 0.2
_ACCOUNT = Path("/proc/self/io")


def closing_with_progress(close: Callable[[], ResultT], on_progress: Callable[[], None]) -> ResultT:
    """What `close` answers; `on_progress` is called, in this thread, while bytes go out.

    To complete an MP4 its index is moved to the front, and with it all its bytes: a minute of silence on a
    slow disk, which must not look like a hang. What `on_progress` raises is raised when `close` has returned.
    """
    done: list[ResultT] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(close())
        except BaseException as error:  # noqa: BLE001 — raised again in the thread that waits
            failed.append(error)

    thread = Thread(target=run, name="close", daemon=True)
    thread.start()
    try:
        _watch(thread, on_progress)
    finally:
        thread.join()
    if failed:
        raise failed[0]
    return done[0]


def _watch(thread: Thread, on_progress: Callable[[], None]) -> None:
    before = _bytes_moved()
    while True:
        thread.join(_LOOK_EVERY_S)
        if not thread.is_alive():
            return
        now = _bytes_moved()
        if now != before:
            on_progress()
        before = now


def _bytes_moved() -> str:
    """Characters written so far (reads would count this look too); empty where the system does not say."""
    try:
        return _ACCOUNT.read_text(encoding="ascii").splitlines()[1]
    except (OSError, IndexError):
        return ""
