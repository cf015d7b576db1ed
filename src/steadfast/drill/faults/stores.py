"""Faults of what keeps things: disks, the database, the store of files."""

import asyncio
import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from steadfast.drill.fault import Expectation, Fault, Group, NotHere, Scene
from steadfast.drill.house import HouseKind
from steadfast.drill.orders import Act
from steadfast.drill.small_disk import MIB, ReadOnlyCover

_WAITING = ("disk_full", "database_unavailable", "blob_store_unreachable", "database_busy")
_DISK_SIGNS = ("incident:disk_space", "incident:disk_space_trend", "refusal:disk_full")


class DiskFull(Fault):
    """All but the last bytes are taken."""

    name = "disk-full"
    what = "The disk of the data folder is filled to its last block for twelve seconds."
    group = Group.DISK
    lasts_s = 12.0
    house = HouseKind.SMALL_DISK
    needs_own_server = True

    def __init__(self) -> None:
        self._filler: Path | None = None

    async def inject(self, scene: Scene) -> None:
        """With one large file."""
        self._filler = scene.own.data_dir / "filler"
        await asyncio.to_thread(_fill, self._filler)

    async def heal(self, scene: Scene) -> None:  # noqa: ARG002
        """Takes the file away."""
        if self._filler is not None:
            self._filler.unlink(missing_ok=True)

    def expect(self) -> Expectation:
        """Jobs wait or are refused; swaps go on."""
        return Expectation(signs=_DISK_SIGNS, detect_within_s=10.0, refusals=_WAITING)


class ReadOnlyScratch(Fault):
    """As a kernel does it that has met an error on that disk."""

    name = "read-only-scratch"
    what = "Nothing in the scratch folder can be opened for writing for ten seconds."
    group = Group.DISK
    lasts_s = 10.0
    needs_own_server = True

    def __init__(self) -> None:
        self._cover: ReadOnlyCover | None = None

    async def inject(self, scene: Scene) -> None:
        """It is mounted over itself."""
        self._cover = await asyncio.to_thread(ReadOnlyCover, scene.own.data_dir / "scratch")

    async def heal(self, scene: Scene) -> None:  # noqa: ARG002
        """Writable again."""
        if self._cover is not None:
            await asyncio.to_thread(self._cover.remove)

    def expect(self) -> Expectation:
        """Small requests need no scratch; jobs wait."""
        return Expectation(refusals=_WAITING)


class _ServerOrder(Fault):
    """The server itself suffers an order for a while."""

    act: ClassVar[Act]
    amount: ClassVar[float] = 0.0

    async def inject(self, scene: Scene) -> None:
        """From now on."""
        await scene.order(self.act, amount=self.amount)


class SlowDisk(_ServerOrder):
    """A hook in the server: a disk that really is slow needs a device of its own."""

    name = "slow-disk"
    what = "Every fsync and every commit of the server takes 0.3 s longer (simulated) for twelve seconds."
    group = Group.DISK
    lasts_s = 12.0
    act = Act.SLOW_DISK
    amount = 0.3

    def expect(self) -> Expectation:
        """Jobs are slower; swaps do not notice."""
        return Expectation()


class DatabaseLocked(Fault):
    """As a backup, or somebody with a shell, does it."""

    name = "database-locked"
    what = "Another process holds the write lock of the SQLite file for six seconds."
    group = Group.STORE
    lasts_s = 6.0
    needs_own_server = True

    def __init__(self) -> None:
        self._connection: sqlite3.Connection | None = None

    async def inject(self, scene: Scene) -> None:
        """A transaction that is begun and not ended."""
        file = next(iter(sorted(scene.own.data_dir.glob("*.db"))), None)
        if file is None:
            raise NotHere("this server has no SQLite file")
        self._connection = sqlite3.connect(file, timeout=5.0, isolation_level=None)
        self._connection.execute("BEGIN IMMEDIATE")

    async def heal(self, scene: Scene) -> None:  # noqa: ARG002
        """Nothing was written."""
        if self._connection is not None:
            self._connection.execute("ROLLBACK")
            self._connection.close()

    def expect(self) -> Expectation:
        """Swaps go on; what must be written waits."""
        return Expectation(refusals=_WAITING)


class DatabaseGone(Fault):
    """A crash of the database server, and its restart a while later."""

    name = "database-gone"
    what = "PostgreSQL gets SIGKILL and is started again after eight seconds."
    group = Group.STORE
    lasts_s = 8.0
    house = HouseKind.POSTGRESQL
    needs_own_server = True

    async def inject(self, scene: Scene) -> None:
        """All of its processes."""
        assert scene.own.postgresql is not None
        await asyncio.to_thread(scene.own.postgresql.kill)

    async def heal(self, scene: Scene) -> None:
        """It recovers by itself."""
        assert scene.own.postgresql is not None
        await asyncio.to_thread(scene.own.postgresql.start)

    def expect(self) -> Expectation:
        """Swaps go on; jobs wait and none is lost."""
        return Expectation(
            signs=("incident:probe_failed", "incident:database"), detect_within_s=10.0, refusals=_WAITING
        )


class BlobStoreGone(_ServerOrder):
    """A hook in the server, so that it is the same for a folder and for a bucket."""

    name = "blob-store-gone"
    what = "The store of files cannot be reached for eight seconds (simulated at its contract)."
    group = Group.STORE
    lasts_s = 8.0
    act = Act.BLOBS_GONE

    def expect(self) -> Expectation:
        """Swaps go on; jobs wait and none is lost."""
        return Expectation(refusals=_WAITING)


class BlobStoreSlow(_ServerOrder):
    """The same hook."""

    name = "blob-store-slow"
    what = "Every call of the store of files takes half a second longer for ten seconds (simulated)."
    group = Group.STORE
    lasts_s = 10.0
    act = Act.BLOBS_SLOW
    amount = 0.5

    def expect(self) -> Expectation:
        """Jobs are slower."""
        return Expectation()


class BlobStoreErrors(_ServerOrder):
    """The same hook."""

    name = "blob-store-errors"
    what = "Every second call of the store of files fails for eight seconds (simulated)."
    group = Group.STORE
    lasts_s = 8.0
    act = Act.BLOBS_FAIL

    def expect(self) -> Expectation:
        """Jobs are tried again and none is lost."""
        return Expectation(refusals=_WAITING)


def _fill(file: Path) -> None:
    """Until nothing more fits."""
    size = 64 * MIB
    with file.open("wb") as stream:
        while size >= 512:
            try:
                os.write(stream.fileno(), bytes(size))
            except OSError:
                size //= 2
        with suppress(OSError):
            os.fsync(stream.fileno())


FAULTS: tuple[type[Fault], ...] = (
    DiskFull,
    ReadOnlyScratch,
    SlowDisk,
    DatabaseLocked,
    DatabaseGone,
    BlobStoreGone,
    BlobStoreSlow,
    BlobStoreErrors,
)
