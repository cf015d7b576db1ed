"""The event loop answers everybody, so nothing in its process may hold it up for long."""

import gc
import sys

_SWITCH_S = 0.001
"""How long a thread beside the loop may keep it from going on; Python's own value is five times that."""


def keep_pauses_short() -> None:
    """Spares the garbage collector what was loaded once and stays.

    A look at all of it takes some 60 ms, in which nothing is answered and nobody refused.
    """
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(_SWITCH_S)
