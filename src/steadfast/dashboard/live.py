"""The screen that lives: drawn when something has changed, left on `q` or Ctrl-C."""

from rich.console import Console
from rich.layout import Layout
from rich.live import Live

from steadfast.dashboard.keyboard import Keyboard
from steadfast.dashboard.screen import Connection, screen, waiting_screen
from steadfast.dashboard.watching import StatusWatch

_LOOK_EVERY_S = 0.2
_QUIT = frozenset("qQ\x1b")


def show_live(console: Console, watch: StatusWatch, url: str) -> None:
    """Draws until somebody quits. Raises what makes every further look useless (`StatusWatch.refusal`)."""
    with Keyboard() as keyboard, Live(console=console, screen=True, auto_refresh=False) as live:
        drawn: object = None
        while not _is_quit(keyboard.pressed_within(_LOOK_EVERY_S)):
            if watch.refusal is not None:
                raise watch.refusal
            # Also when only the window, or the age of what is shown, has changed.
            state = (watch.looks, console.size, int(watch.age_s) if watch.trouble else 0)
            if state != drawn:
                live.update(_drawn(console, watch, url), refresh=True)
                drawn = state


def _drawn(console: Console, watch: StatusWatch, url: str) -> Layout:
    connection = Connection(url=url, trouble=watch.trouble, age_s=watch.age_s)
    if watch.status is None:
        return waiting_screen(connection)
    width, height = console.size
    return screen(watch.status, connection, width, height, ascii_only=not console.encoding.startswith("utf"))


def _is_quit(keys: str) -> bool:
    """An arrow key begins with Escape too, and quits nothing."""
    return keys == "\x1b" or bool(set(keys) & (_QUIT - {"\x1b"}) and not keys.startswith("\x1b"))
