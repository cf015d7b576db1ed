"""What goes wrong in the server itself, and how it is put right again."""

import ctypes
import os
import socket
import time
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, Final

from sqlalchemy import Engine, event

from steadfast.drill.orders import Act, Order
from steadfast.errors import BlobStoreUnreachable

_STORE_CALLS: Final = ("put", "read", "fetch", "delete", "listed", "size_of", "headroom", "ping")
_OF_THE_STORE: Final = (Act.BLOBS_GONE, Act.BLOBS_SLOW, Act.BLOBS_FAIL)


def block_the_loop() -> None:
    """Never returns; no thread of this process runs again."""
    while True:
        ctypes.PyDLL(None).sleep(3600)  # PyDLL keeps Python's lock during the call


class Patient:
    """The parts of a server that orders make suffer; several orders may stand at one time.

    Store and database are given their hooks once, before anybody uses them, and the hooks ask what stands
    now: one that came or went while another thread commits would break that commit.
    """

    def __init__(self, *, store: Any, engine: Engine) -> None:
        """`store`: of files."""
        self._standing: Mapping[str, Order] = {}
        self._calls = count()
        self._look_up_really, self._flush_really = socket.getaddrinfo, os.fsync
        event.listen(engine, "commit", self._before_commit)
        for name in _STORE_CALLS:
            setattr(store, name, self._sick(getattr(store, name)))

    def suffer(self, order: Order) -> None:
        """From now on."""
        self._exchange({**self._standing, order.id: order})

    def recover(self, order_id: str) -> None:
        """From that order; one that does not stand is none."""
        self._exchange({key: order for key, order in self._standing.items() if key != order_id})

    def _exchange(self, standing: Mapping[str, Order]) -> None:
        self._standing = standing  # another one, never changed: other threads read it
        no_names, slow_disk = self._under(Act.NO_NAMES), self._under(Act.SLOW_DISK)
        socket.getaddrinfo = self._look_up if no_names else self._look_up_really
        os.fsync = self._flush if slow_disk else self._flush_really

    def _under(self, *acts: Act) -> list[Order]:
        return [order for order in self._standing.values() if order.act in acts]

    def _look_up(self, host: Any, *more: Any, **options: Any) -> Any:
        if host is None or _is_address(host):
            return self._look_up_really(host, *more, **options)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    def _flush(self, fd: Any) -> None:
        self._wait(Act.SLOW_DISK)
        self._flush_really(fd)

    def _before_commit(self, _connection: Any) -> None:
        self._wait(Act.SLOW_DISK)

    def _sick(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self._wait(*_OF_THE_STORE)
            fails = self._under(Act.BLOBS_FAIL) and next(self._calls) % 2
            if fails or self._under(Act.BLOBS_GONE):
                raise BlobStoreUnreachable("The blob store does not answer (a drill).")
            return real(*arguments, **options)

        return call

    def _wait(self, *acts: Act) -> None:
        if (seconds := sum(order.amount for order in self._under(*acts))) > 0:
            time.sleep(seconds)


def _is_address(host: Any) -> bool:
    text = host.decode() if isinstance(host, bytes) else str(host)
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, text)
        except OSError:
            continue
        return True
    return False
