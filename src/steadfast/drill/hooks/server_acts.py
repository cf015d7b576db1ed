"""What goes wrong in the server itself, and how it is put right again."""

import ctypes
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from sqlalchemy import event

from steadfast.drill.orders import Act, Order
from steadfast.errors import BlobStoreUnreachable

Undo = Callable[[], None]
_STORE_CALLS: Final = ("put", "read", "fetch", "delete", "listed", "size_of", "headroom", "ping")


@dataclass(frozen=True, kw_only=True, slots=True)
class Patient:
    """What acts on the server need of it."""

    store: Any
    """Its blob store."""
    engine: Any
    """Its database engine."""


def block_the_loop() -> None:
    """Never returns; no thread of this process runs again."""
    while True:
        ctypes.PyDLL(None).sleep(3600)  # PyDLL keeps Python's lock during the call


def begin(order: Order, server: Patient) -> Undo:
    """Has it go wrong from now on; the answer puts it right again."""
    started = _BEGINNINGS[order.act](order, server)
    started.__enter__()

    def undo() -> None:
        started.__exit__(None, None, None)

    return undo


@contextmanager
def _no_names(_order: Order, _server: Patient) -> Iterator[None]:
    real = socket.getaddrinfo

    def look_up(host: Any, *more: Any, **options: Any) -> Any:
        if host is None or _is_address(host):
            return real(host, *more, **options)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    socket.getaddrinfo = look_up
    try:
        yield
    finally:
        socket.getaddrinfo = real


def _is_address(host: Any) -> bool:
    text = host.decode() if isinstance(host, bytes) else str(host)
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, text)
        except OSError:
            continue
        return True
    return False


@contextmanager
def _slow_disk(order: Order, server: Patient) -> Iterator[None]:
    real = os.fsync

    def slowly(fd: Any) -> None:
        time.sleep(order.amount)
        real(fd)

    def before_commit(_connection: Any) -> None:
        time.sleep(order.amount)

    os.fsync = slowly
    event.listen(server.engine, "commit", before_commit)
    try:
        yield
    finally:
        os.fsync = real
        event.remove(server.engine, "commit", before_commit)


@contextmanager
def _sick_store(order: Order, server: Patient) -> Iterator[None]:
    store, calls = server.store, count()

    def sick(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            time.sleep(order.amount)
            if order.act is Act.BLOBS_GONE or (order.act is Act.BLOBS_FAIL and next(calls) % 2):
                raise BlobStoreUnreachable("The blob store does not answer (a drill).")
            return real(*arguments, **options)

        return call

    for name in _STORE_CALLS:
        setattr(store, name, sick(getattr(store, name)))
    try:
        yield
    finally:
        for name in _STORE_CALLS:
            delattr(store, name)  # the method of its class is there again


_BEGINNINGS: Final = {
    Act.NO_NAMES: _no_names,
    Act.SLOW_DISK: _slow_disk,
    Act.BLOBS_GONE: _sick_store,
    Act.BLOBS_SLOW: _sick_store,
    Act.BLOBS_FAIL: _sick_store,
}
