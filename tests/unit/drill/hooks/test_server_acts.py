"""What goes wrong in the server, and that it is right again afterwards."""

import os
import socket
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from steadfast.blobs.folder import FolderStore
from steadfast.drill.hooks.server_acts import Patient, begin
from steadfast.drill.orders import Act, Order
from steadfast.errors import BlobStoreUnreachable


def order(act: Act, amount: float = 0.0) -> Order:
    return Order(id="a", act=act, amount=amount)


def patient(store: object = None, engine: object = None) -> Patient:
    return Patient(store=store, engine=engine)


def test_no_name_is_found_but_addresses_are_until_it_is_undone() -> None:
    undo = begin(order(Act.NO_NAMES), patient())
    try:
        with pytest.raises(socket.gaierror):
            socket.getaddrinfo("localhost", 80)
        assert socket.getaddrinfo("127.0.0.1", 80)
    finally:
        undo()
    assert socket.getaddrinfo("localhost", 80)


def test_a_store_that_is_gone_fails_every_call_and_comes_back(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    undo = begin(order(Act.BLOBS_GONE), patient(store))
    for _ in range(2):
        with pytest.raises(BlobStoreUnreachable):
            store.ping()
    undo()
    store.ping()


def test_a_store_that_errs_fails_every_second_call(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    undo = begin(order(Act.BLOBS_FAIL), patient(store))
    store.ping()
    with pytest.raises(BlobStoreUnreachable):
        store.ping()
    store.ping()
    undo()


def test_a_slow_disk_is_as_fast_as_before_when_it_is_undone() -> None:
    engine, real = create_engine("sqlite://"), os.fsync
    undo = begin(order(Act.SLOW_DISK, amount=0.0), patient(engine=engine))
    assert os.fsync is not real
    with engine.begin() as connection:
        connection.exec_driver_sql("SELECT 1")
    undo()
    assert os.fsync is real
    engine.dispose()
