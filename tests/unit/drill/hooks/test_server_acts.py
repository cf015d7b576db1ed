"""What goes wrong in the server, and that it is right again afterwards."""

import os
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from steadfast.blobs.folder import FolderStore
from steadfast.drill.hooks.server_acts import Patient
from steadfast.drill.orders import Act, Order
from steadfast.errors import BlobStoreUnreachable


def order(act: Act, amount: float = 0.0, number: str = "a") -> Order:
    return Order(id=number, act=act, amount=amount)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


@pytest.fixture
def engine() -> Iterator[Engine]:
    opened = create_engine("sqlite://")
    yield opened
    opened.dispose()


@pytest.fixture
def patient(store: FolderStore, engine: Engine) -> Iterator[Patient]:
    patient = Patient(store=store, engine=engine)
    yield patient
    for number in ("a", "b"):
        patient.recover(number)


def test_no_name_is_found_but_addresses_are_until_it_is_over(patient: Patient) -> None:
    patient.suffer(order(Act.NO_NAMES))
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("localhost", 80)
    assert socket.getaddrinfo("127.0.0.1", 80)
    patient.recover("a")
    assert socket.getaddrinfo("localhost", 80)


def test_a_store_that_is_gone_fails_every_call_and_comes_back(patient: Patient, store: FolderStore) -> None:
    patient.suffer(order(Act.BLOBS_GONE))
    for _ in range(2):
        with pytest.raises(BlobStoreUnreachable):
            store.ping()
    patient.recover("a")
    store.ping()


def test_a_store_that_errs_fails_every_second_call(patient: Patient, store: FolderStore) -> None:
    patient.suffer(order(Act.BLOBS_FAIL))
    store.ping()
    with pytest.raises(BlobStoreUnreachable):
        store.ping()
    store.ping()


def test_an_order_that_is_over_leaves_those_that_stand(patient: Patient, store: FolderStore) -> None:
    patient.suffer(order(Act.BLOBS_SLOW))
    patient.suffer(order(Act.BLOBS_GONE, number="b"))
    patient.recover("a")
    with pytest.raises(BlobStoreUnreachable):
        store.ping()
    patient.recover("b")
    store.ping()


def test_a_slow_disk_is_as_fast_as_before_when_it_is_over(
    patient: Patient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    real = os.fsync
    patient.suffer(order(Act.SLOW_DISK, amount=0.2))
    patient.suffer(order(Act.SLOW_DISK, amount=0.1, number="b"))
    with engine.begin() as connection:
        connection.exec_driver_sql("SELECT 1")
    with tempfile.TemporaryFile() as file:
        os.fsync(file.fileno())
    assert slept == pytest.approx([0.3, 0.3])
    patient.recover("a")
    patient.recover("b")
    assert os.fsync is real
    with engine.begin() as connection:
        connection.exec_driver_sql("SELECT 1")
    assert len(slept) == 2


def test_a_commit_that_is_under_way_ends_well_while_orders_come_and_go(
    patient: Patient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a commit asks for first is when the other thread, here the same, changes what stands.
    met: list[float] = []

    def end_it(seconds: float) -> None:
        met.append(seconds)
        patient.recover("a")

    monkeypatch.setattr(time, "sleep", end_it)
    patient.suffer(order(Act.SLOW_DISK, amount=0.2))
    with engine.begin() as connection:
        connection.exec_driver_sql("SELECT 1")
    assert met == [0.2]
