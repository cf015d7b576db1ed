"""`steadfast serve` as it runs in the wild: guardian, server, workers, a port and a data folder."""

import compileall
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import psutil
from tests.ports import free_port

_ROOT = Path(__file__).resolve().parents[3]
_HOOKS = Path(__file__).parent / "hooks"
_TASK = "tests.chaos.server.marked_task:MarkedFaceTask"


@dataclass(kw_only=True)
class LiveService:
    """A running service; times are on the monotonic clock, as the log's are not."""

    process: "subprocess.Popen[bytes]"
    folder: Path
    port: int = 0
    _told: list[dict[str, Any]] = field(default_factory=list)

    # --- processes --------------------------------------------------------------------------------------

    @property
    def guardian(self) -> psutil.Process:
        """It keeps the number of the command, which becomes it."""
        return psutil.Process(self.process.pid)

    @property
    def server(self) -> psutil.Process | None:
        """The one that lives now."""
        return next(iter(self._titled("steadfast: server")), None)

    @property
    def server_pid(self) -> int:
        """Of the one that lives now."""
        server = self.server
        assert server is not None, "there is no server"
        return int(server.pid)

    def workers(self, role: str = "worker") -> list[int]:
        """Numbers of those that serve (`worker`), or stand by (`spare`)."""
        return [process.pid for process in self._titled(f"steadfast: {role} ")]

    def _titled(self, title: str) -> list[psutil.Process]:
        found = []
        for process in self.guardian.children(recursive=True):
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                if " ".join(process.cmdline()).startswith(title):
                    found.append(process)
        return found

    # --- what it says -----------------------------------------------------------------------------------

    def told(self, event: str) -> list[dict[str, Any]]:
        """Lines of its log with that event, oldest first."""
        lines = self.log("server").splitlines()
        return [line for text in lines if f'"{event}"' in text and (line := _parsed(text))["event"] == event]

    def log(self, name: str) -> str:
        """What `server` or `guardian` has written until now."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    # --- waiting ----------------------------------------------------------------------------------------

    def until(self, condition: Callable[[], object], within_s: float, what: str) -> float:
        """Waits; the seconds it took. Fails with the logs when it does not come."""
        began_s = time.monotonic()
        while not condition():
            took_s = time.monotonic() - began_s
            assert took_s < within_s, f"{what} did not come within {within_s} s\n{self.tail()}"
            time.sleep(0.01)
        return time.monotonic() - began_s

    def tail(self) -> str:
        """The end of both logs, without the lines of single requests."""
        told = [line for line in self.log("server").splitlines() if '"event":"request_' not in line]
        return "\n".join(["--- guardian", self.log("guardian")[-3000:], "--- server", *told[-15:]])

    # --- its end ----------------------------------------------------------------------------------------

    def ask_to_stop(self) -> None:
        """SIGTERM, as every service manager sends it."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self, within_s: float) -> int:
        """Its exit status."""
        return self.process.wait(within_s)

    def end(self) -> None:
        """Whatever is left of it."""
        processes = (
            [self.guardian, *self.guardian.children(recursive=True)] if self.process.poll() is None else []
        )
        self.process.kill()
        self.process.wait()
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=10)


@contextmanager
def live_service(
    folder: Path,
    *,
    workers: int = 2,
    spares: int = 1,
    task: str = _TASK,
    wrapper: tuple[str, ...] = (),
    guardian: bool = True,
    port: int | None = None,
    ready_within_s: float = 120.0,
    **settings: object,
) -> Iterator[LiveService]:
    """A service that is ready, with its embedded engine unless `settings` say otherwise.

    A setting `runtime__quiet_s=3` is the variable STEADFAST_RUNTIME__QUIET_S. `wrapper`: what starts the
    command.
    """
    folder.mkdir(parents=True, exist_ok=True)
    service = start(
        folder,
        workers=workers,
        spares=spares,
        task=task,
        wrapper=wrapper,
        guardian=guardian,
        port=port,
        **settings,
    )
    try:
        wait_until_full(service, workers, spares, ready_within_s)
        yield service
    finally:
        service.end()


def start(
    folder: Path,
    *,
    workers: int,
    spares: int,
    task: str = _TASK,
    wrapper: tuple[str, ...] = (),
    guardian: bool = True,
    port: int | None = None,
    **settings: object,
) -> LiveService:
    """Starts the command and waits for nothing."""
    port = free_port() if port is None else port
    values = {
        "faces__engine": "embedded",
        "models__dir": folder / "models",
        "models__auto_pull": "never",
        "entailment__enabled": "false",  # these tests are about faces, and count workers
        "runtime__face_task": task,
        "runtime__python_path": f"{_ROOT},{_ROOT / 'src'}",
        "runtime__spares": spares,
        "runtime__threads": 1,
        "logs__format": "json",
        **settings,
    }
    command = [*wrapper, sys.executable, "-m", "steadfast", "serve", "--port", str(port)]
    command += ["--data-dir", str(folder / "data"), "--workers", str(workers)]
    with (folder / "server.log").open("ab") as out, (folder / "guardian.log").open("ab") as err:
        process = subprocess.Popen(
            command if guardian else [*command, "--no-guardian"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=_environment(values),
            cwd=folder,
            start_new_session=True,
        )
    return LiveService(process=process, folder=folder, port=port)


@cache
def _compile_once() -> None:
    """As an installed package is: a confined worker may not keep what it compiles."""
    compileall.compile_dir(_ROOT / "src", quiet=2)


def wait_until_full(service: LiveService, workers: int, spares: int, within_s: float = 60.0) -> float:
    """Waits until every place and spare is filled; the seconds it took."""
    from tests.chaos.server.traffic import ask

    def is_full() -> bool:
        assert service.process.poll() is None, f"it left with {service.process.returncode}\n{service.tail()}"
        with suppress(OSError):
            pool = ask(service.port, "GET", "/health").json()["tasks"]["face_swap"]
            return bool(pool["workers_able"] >= workers and pool["spares_ready"] >= spares)
        return False

    return service.until(is_full, within_s, f"{workers} workers and {spares} spares")


def _environment(values: dict[str, object]) -> dict[str, str]:
    _compile_once()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STEADFAST_")}
    named = {f"STEADFAST_{name.upper()}": str(value) for name, value in values.items()}
    return kept | named | {"PYTHONPATH": f"{_HOOKS}:{_ROOT / 'src'}"}


def _parsed(text: str) -> dict[str, Any]:
    with suppress(ValueError):
        line = json.loads(text)
        if isinstance(line, dict):
            return {"event": "", **line}
    return {"event": ""}
