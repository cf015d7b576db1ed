"""Orders to a drilled server and its workers: what is to go wrong, in whom, until when."""

from enum import StrEnum

import msgspec

MARK = b"\nsteadfast-drill:"
"""Behind the last byte of a picture, where no decoder reads; the number of an order follows it."""
FILE = "orders.json"
"""In the drill's folder: every order that stands, as the workers read it."""
DRILL_PATH = "/v1/drill"


class Act(StrEnum):
    """What goes wrong."""

    # in a worker
    SEGFAULT = "segfault"  # SIGSEGV inside C
    HANG_WITH_GIL = "hang_with_gil"  # a C call that never returns and keeps Python's lock
    SLEEP = "sleep"  # sleeps for ever
    BUSY_LOOP = "busy_loop"  # computes for ever
    ALLOCATE = "allocate"  # takes `amount` bytes, an eighth of it on each step of the ladder
    RAISE = "raise"  # the exception of `text`, at the best operating point only
    NAN = "nan"  # every model answers NaN until it is loaded again
    WRONG = "wrong"  # models answer plausibly and wrongly until they are loaded again
    SLOW = "slow"  # work takes `amount` times as long
    LEAK_MEMORY = "leak_memory"  # keeps `amount` bytes per request
    LEAK_DESCRIPTORS = "leak_descriptors"  # keeps `amount` open files per request
    LEAK_THREADS = "leak_threads"  # keeps `amount` threads per request
    # in the server
    BLOCK_LOOP = "block_loop"  # its event loop never turns again
    NO_NAMES = "no_names"  # no name can be looked up
    SLOW_DISK = "slow_disk"  # every fsync and every commit takes `amount` seconds longer
    BLOBS_GONE = "blobs_gone"  # the blob store cannot be reached
    BLOBS_SLOW = "blobs_slow"  # every call of the blob store takes `amount` seconds longer
    BLOBS_FAIL = "blobs_fail"  # every second call of the blob store fails


SERVER_ACTS = frozenset(
    {Act.BLOCK_LOOP, Act.NO_NAMES, Act.SLOW_DISK, Act.BLOBS_GONE, Act.BLOBS_SLOW, Act.BLOBS_FAIL}
)
"""Those that the server itself suffers; all others are for workers."""


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that is to go wrong until the order is lifted."""

    id: str
    act: Act
    task: str = ""
    """Whose workers; empty: all."""
    pid: int = 0
    """Only that worker; 0: every one."""
    is_marked: bool = False
    """Only in requests that carry the mark of this order."""
    amount: float = 0.0
    """How much; the unit is the act's."""
    text: str = ""


class DrillRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a drill asks of a drilled server: one of the fields."""

    order: Order | None = None
    """Stands from now on."""
    lift: str = ""
    """Number of an order that is over; `*`: all."""
    signal: str = ""
    """Name of a signal …"""
    pid: int = 0
    """… for this process of the service."""


def marked(picture: bytes, order_id: str, salt: str = "") -> bytes:
    """The same picture with the mark of an order; `salt` makes it another input than the last one."""
    return picture + MARK + order_id.encode() + (b"\n" + salt.encode() if salt else b"")


def mark_in(content: bytes) -> str:
    """The number of the order that a picture carries; empty: none."""
    _, found, behind = content[-200:].rpartition(MARK)
    return behind.partition(b"\n")[0].decode("ascii", "replace") if found else ""
