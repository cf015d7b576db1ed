"""Single keys from a terminal, without Enter; a terminal is left as it was found."""

import os
import select
import sys
import termios
import tty
from types import TracebackType
from typing import Any, Self


class Keyboard:
    """Standard input while it is a terminal; nothing is ever pressed on anything else.

    with Keyboard() as keyboard:
        keyboard.pressed_within(0.25)
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = _own_terminal() if descriptor is None else descriptor
        self._before: list[Any] | None = None

    def __enter__(self) -> Self:
        if self._descriptor is not None:
            self._before = termios.tcgetattr(self._descriptor)
            tty.setcbreak(self._descriptor)  # Ctrl-C stays a signal
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None and self._before is not None:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)

    def pressed_within(self, wait_s: float) -> str:
        """The keys that were pressed by then; empty: none."""
        watched = [] if self._descriptor is None else [self._descriptor]
        ready, _, _ = select.select(watched, [], [], wait_s)
        if not ready:
            return ""
        assert self._descriptor is not None
        return os.read(self._descriptor, 1024).decode(errors="replace")


def _own_terminal() -> int | None:
    try:
        descriptor = sys.stdin.fileno()
    except (OSError, ValueError, AttributeError):
        return None
    return descriptor if os.isatty(descriptor) else None
