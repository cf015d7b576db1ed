"""The service that is drilled: a private one that the drill starts, or one that runs and has agreed to it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import msgspec
import psutil

from steadfast.drill.alert_receiver import AlertReceiver
from steadfast.drill.cgroup import MemoryGroup
from steadfast.drill.client import Answer, Endpoint, document, get, send
from steadfast.drill.fake_clock import FakeClock
from steadfast.drill.orders import DRILL_PATH, DrillRequest, Order
from steadfast.drill.postgresql import PostgreSql
from steadfast.drill.small_disk import SmallDisk
from steadfast.errors import ServiceError, ServiceUnreachable

_LOOK_S = 0.05
_TITLE_GUARDIAN, _TITLE_SERVER = "steadfast: guardian", "steadfast: server"


class HouseKind(StrEnum):
    """How a private server is started; faults that need another kind get a server of their own."""

    USUAL = ""  # SQLite, a folder for files, a receiver of alerts
    POSTGRESQL = "postgresql"  # with a database server of its own
    SMALL_DISK = "small-disk"  # data and scratch folders on small file systems
    FAKE_CLOCK = "fake-clock"  # its wall clock can be turned
    MODEL_FILES = "model-files"  # models as files of its own, with a mirror beside them


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerProcess:
    """A worker as the service tells it."""

    pid: int
    task: str
    is_spare: bool
    state: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Processes:
    """What runs."""

    server: int
    guardian: int
    workers: tuple[WorkerProcess, ...]

    def serving(self, task: str = "") -> list[WorkerProcess]:
        """Those in a place, of one task or of all."""
        return [one for one in self.workers if not one.is_spare and task in ("", one.task)]


class House(Protocol):
    """What faults and the observer need of a service."""

    endpoint: Endpoint

    @property
    def is_private(self) -> bool:
        """Whether the drill has started it, and may do as it likes with its files."""

    async def order(self, order: Order) -> None:
        """Has it suffer."""

    async def lift(self, order_id: str) -> None:
        """Ends that."""

    async def processes(self) -> Processes:
        """What runs now. Raises `ServiceUnreachable`."""

    async def signal(self, pid: int, signum: signal.Signals) -> None:
        """To one of its processes."""

    def resident_bytes(self) -> int:
        """Of all its processes; 0: not known."""


class RunningServer:
    """A service that runs elsewhere or here, with `drill.enabled`, told over HTTP what to suffer."""

    is_private = False

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    async def check(self) -> None:
        """Raises `ServiceUnreachable`, or `ServiceError` where it has not agreed to be drilled."""
        answer = await send(self.endpoint, get(DRILL_PATH), within_s=10.0)
        if answer.status == 200:
            return
        if answer.status <= 0:
            raise ServiceUnreachable(f"No service answers at {self.endpoint.url}.")
        if answer.status == 404:
            raise ServiceError(
                f"The service at {self.endpoint.url} does not obey a drill.",
                remedy="Set drill.enabled on that server, if it is one that may break.",
            )
        raise ServiceError(
            f"The service at {self.endpoint.url} refused the drill ({answer.words()}).",
            remedy="Give a key with the scope admin in STEADFAST_KEY.",
        )

    async def order(self, order: Order) -> None:
        """Has it suffer."""
        await self._tell(DrillRequest(order=order))

    async def lift(self, order_id: str) -> None:
        """Ends that; a server that has died since has forgotten it anyway."""
        with suppress(ServiceUnreachable):
            await self._tell(DrillRequest(lift=order_id))

    async def processes(self) -> Processes:
        """What runs now."""
        told = (await self._ask(get(DRILL_PATH))).json()["processes"]
        return Processes(
            server=told["server"],
            guardian=told["guardian"],
            workers=tuple(
                WorkerProcess(pid=one["pid"], task=one["task"], is_spare=one["is_spare"], state=one["state"])
                for one in told["workers"]
            ),
        )

    async def signal(self, pid: int, signum: signal.Signals) -> None:
        """To one of its processes."""
        await self._tell(DrillRequest(signal=signum.name, pid=pid))

    def resident_bytes(self) -> int:
        """Not known of processes that may be elsewhere."""
        return 0

    async def _tell(self, wanted: DrillRequest) -> None:
        await self._ask(document(DRILL_PATH, msgspec.to_builtins(wanted)))

    async def _ask(self, request: Any) -> Answer:
        for pause_s in (0.2, 0.5, 1.0, 2.0, 0.0):
            answer = await send(self.endpoint, request, within_s=10.0)
            if answer.status == 200:
                return answer
            if answer.status > 0:
                raise ServiceError(f"The service refused an order of the drill: {answer.words()}.")
            await asyncio.sleep(pause_s)
        raise ServiceUnreachable(f"The service at {self.endpoint.url} does not answer the drill.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Blueprint:
    """How a private server is built."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    """By name of the setting: `runtime.quiet_s`."""
    kind: HouseKind = HouseKind.USUAL
    config: Path | None = None
    """Settings file, as the user's own server reads it; None: none is read."""
    environment: Mapping[str, str] = field(default_factory=dict)


class PrivateServer(RunningServer):
    """Guardian, server and workers in a folder of their own, on a port of their own."""

    is_private = True

    def __init__(self, blueprint: Blueprint, *, port: int) -> None:
        super().__init__(Endpoint(url=f"http://127.0.0.1:{port}"))
        self.blueprint = blueprint
        self.process: subprocess.Popen[bytes] | None = None
        self.memory_group: MemoryGroup | None = None
        self.address_space_bytes = 0
        """RLIMIT_AS of its workers where there is no memory cgroup; 0: none."""
        self.models_dir: Path | None = None
        """Model files of its own, that may be spoilt."""
        self.receiver: AlertReceiver | None = None
        self.postgresql: PostgreSql | None = None
        self.fake_clock: FakeClock | None = None
        self.disks: list[SmallDisk] = []
        self._pids: set[int] = set()

    # --- life -------------------------------------------------------------------------------------------

    @property
    def data_dir(self) -> Path:
        """Everything it keeps."""
        return self.blueprint.folder / "data"

    def log(self, name: str = "server") -> str:
        """What `server` or `guardian` has written."""
        file = self.blueprint.folder / f"{name}.log"
        return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""

    def start(self) -> None:
        """Starts it as a service manager does; `until_whole` waits for it."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        group = self.memory_group
        command = [sys.executable, "-P", "-m", "steadfast", "serve", "--port", str(self.endpoint.port)]
        if self.blueprint.config is not None:
            command += ["--config", str(self.blueprint.config)]
        folder = self.blueprint.folder
        with (folder / "server.log").open("ab") as out, (folder / "guardian.log").open("ab") as err:
            self.process = subprocess.Popen(  # noqa: S603 — this interpreter, this program
                command if group is None else [*group.entering(), *command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=self._environment(),
                cwd=folder,
                start_new_session=True,
            )

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("STEADFAST_")}
        named = {
            f"STEADFAST_{name.upper().replace('.', '__')}": value
            for name, value in self.blueprint.settings.items()
        }
        return kept | named | dict(self.blueprint.environment)

    async def until_whole(self, within_s: float = 120.0) -> float:
        """Waits until every worker and spare is loaded; the seconds it took. Raises `ServiceError`."""
        began_s = time.monotonic()
        while not is_whole((await send(self.endpoint, get("/health"), within_s=2.0)).json()):
            if self.process is not None and self.process.poll() is not None:
                raise ServiceError(
                    f"The private server ended with status {self.process.returncode}.",
                    remedy=f"Its last words: {self._last_words()}",
                )
            if time.monotonic() - began_s > within_s:
                raise ServiceError(
                    f"The private server was not ready within {within_s:.0f} s.",
                    remedy=f"Its last words: {self._last_words()}",
                )
            await asyncio.sleep(_LOOK_S)
        self.remember()
        return time.monotonic() - began_s

    def _last_words(self) -> str:
        return " ".join((self.log("guardian") + self.log("server"))[-1500:].split())

    async def stop(self) -> None:
        """Ends it, in order if it can, and whatever is left of it."""
        if self.process is not None and self.process.poll() is None:
            self.remember()
            self.process.terminate()
            await self.exited(10.0)
        await asyncio.to_thread(self.sweep)
        await asyncio.to_thread(self.give_back)

    def give_back(self) -> None:
        """Everything that was taken for it: cgroup, disks, database, port."""
        if self.memory_group is not None:
            self.memory_group.remove()
            self.memory_group = None
        if self.receiver is not None:
            self.receiver.close()
        if self.postgresql is not None:
            self.postgresql.remove()
        for disk in reversed(self.disks):
            disk.unmount()
        self.disks.clear()

    def sweep(self) -> None:
        """Kills whatever process is left."""
        for pid in self.alive():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self._pids.clear()

    async def exited(self, within_s: float) -> int | None:
        """The exit status of the command; None: it still runs."""
        assert self.process is not None
        until_s = time.monotonic() + within_s
        while self.process.poll() is None and time.monotonic() < until_s:
            await asyncio.sleep(_LOOK_S)
        return self.process.returncode

    # --- processes --------------------------------------------------------------------------------------

    def remember(self) -> set[int]:
        """Every process of the tree as it is now; what is remembered is swept at the end, orphaned or not."""
        if self.process is not None:
            with suppress(psutil.NoSuchProcess):
                root = psutil.Process(self.process.pid)
                self._pids |= {root.pid, *(child.pid for child in root.children(recursive=True))}
        return set(self._pids)

    def alive(self) -> set[int]:
        """Those of the tree that are still there."""
        return {pid for pid in self._pids if _is_ours(pid)}

    async def signal(self, pid: int, signum: signal.Signals) -> None:
        """Directly: a server that does not answer can be hit too."""
        self.remember()
        with suppress(ProcessLookupError):
            os.kill(pid, signum)

    def resident_bytes(self) -> int:
        """Of all its processes; memory that they share is counted in each."""
        total = 0
        with suppress(psutil.NoSuchProcess):
            root = psutil.Process(self.process.pid) if self.process is not None else None
            for process in [root, *root.children(recursive=True)] if root is not None else []:
                with suppress(psutil.NoSuchProcess):
                    total += process.memory_info().rss
        return total


def _is_ours(pid: int) -> bool:
    """Whether a process of that number is there and is one of Steadfast: numbers are given out again."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and "steadfast" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def is_whole(health: Mapping[str, Any]) -> bool:
    """Whether every place and spare of every task is filled and ready, and nothing is stepped down."""
    pools: Sequence[Mapping[str, Any]] = list(health.get("tasks", {}).values())
    return bool(pools) and all(map(_is_pool_whole, pools))


def _is_pool_whole(pool: Mapping[str, Any]) -> bool:
    if not pool.get("ready") or pool.get("degraded"):
        return False
    if "workers_wanted" not in pool:  # only an admin is told of workers
        return True
    serving = [worker for worker in pool["workers"] if not worker["is_spare"]]
    return (
        pool["workers_able"] >= pool["workers_wanted"]
        and pool["spares_ready"] >= 1
        and all(worker["level"] == 0 for worker in serving)
    )
