"""Puts crash reports together on the event loop and has them written in a thread."""

import asyncio
import errno
import json
import logging
import os
import platform
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from steadfast import __version__
from steadfast.errors import SteadfastError
from steadfast.events import Event
from steadfast.health.crash_report import CrashFolder, exit_facts, report_name
from steadfast.health.detection.sign import Sign
from steadfast.health.flight_recorder import FlightRecorder
from steadfast.health.providers_in_use import ProvidersInUse
from steadfast.health.readings import Reading
from steadfast.health.stderr_outline import outline_of
from steadfast.runtime.events import WorkerDied

_log = logging.getLogger(__name__)

_PACKAGES = ("numpy", "onnxruntime", "onnxruntime-gpu", "opencv-python-headless", "av", "dlib-bin", "pillow")
_MOST_KERNEL_LINES = 50
_OF_A_SERVER = ("signal", "exit_code", "why", "silent_s", "served_s", "killed_by_guardian")
"""What a guardian tells of a server that has died."""


class CrashReporter:
    """Writes a report for every death that nobody wanted, and for whatever it is asked to."""

    def __init__(
        self,
        folder: CrashFolder,
        *,
        recorder: FlightRecorder,
        readings: Callable[[], list[Reading]],
        state: Callable[[], Mapping[str, Any]],
        settings: Mapping[str, Any],
        failed: Callable[[SteadfastError], None],
        now: Callable[[], datetime],
        clock: Callable[[], float],
        redact: Callable[[str, Any], Any],
        keep_inputs: bool = False,
    ) -> None:
        """`state` says what the workers do; `settings` are masked; `failed` hears why none was written."""
        self._folder = folder
        self._recorder = recorder
        self._readings = readings
        self._state = state
        self._settings = settings
        self._failed = failed
        self._now = now
        self._clock = clock
        self._redact = redact
        self._keep_inputs = keep_inputs
        self._providers = ProvidersInUse()
        self._writing: set[asyncio.Task[None]] = set()

    def hear(self, event: Event) -> None:
        """A death becomes a report."""
        self._providers.hear(event)
        if isinstance(event, WorkerDied) and not event.wanted:
            facts = exit_facts(event.report, outline_of, redact=self._redact, keep_inputs=self._keep_inputs)
            self.report(
                "worker_died",
                event.report.few_words(),
                facts | {"task": event.task},
                worker=event.worker,
                pid=event.report.pid,
            )
        self._providers.forget(event)

    def report_sign(self, sign: Sign) -> None:
        """An incident that is grave enough becomes one."""
        self.report(sign.kind, sign.evidence, {"subject": sign.subject}, worker=sign.worker)

    def report_server(self, death: Mapping[str, Any]) -> None:
        """The server before this one died; the guardian has kept why."""
        stacks = "\n".join(map(str, death.get("stacks", ())))
        known = {key: death[key] for key in _OF_A_SERVER if death.get(key) is not None}
        self.report("server_died", server_death_told(death), known | {"tracebacks": outline_of(stacks)})

    def report(
        self, kind: str, summary: str, facts: Mapping[str, Any], *, worker: str = "", pid: int | None = None
    ) -> None:
        """Gathers everything now, and writes it soon."""
        at = self._now()
        now_s = self._clock()
        main = {
            "kind": kind,
            "at": at.isoformat(),
            "summary": summary,
            "worker": worker,
            "what": dict(facts),
            "versions": _versions(),
            "providers": self._providers.of(worker),
        }
        files = {
            "report.json": main,
            "readings.json": [reading.as_dict(now_s) for reading in self._readings()],
            "events.json": self._recorder.track(worker),
            "workers.json": dict(self._state()),
            "settings.json": self._settings,
        }
        name = report_name(kind, at, secrets.token_hex(3))
        task = asyncio.get_running_loop().create_task(self._write(name, files, pid))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def settle(self) -> None:
        """Waits until everything is written."""
        while self._writing:
            await asyncio.gather(*self._writing)

    async def _write(self, name: str, files: Mapping[str, Any], pid: int | None) -> None:
        try:
            await asyncio.to_thread(self._store, name, files, pid)
        except SteadfastError as error:
            _log.error("crash report not written", extra={"code": error.code})
            self._failed(error)

    def _store(self, name: str, files: Mapping[str, Any], pid: int | None) -> None:
        texts = {file: json.dumps(data, indent=2, default=str) for file, data in files.items()}
        if pid is not None and (lines := kernel_lines(pid)):
            texts["kernel.txt"] = "\n".join(lines) + "\n"
        self._folder.write(name, texts)


def server_death_told(death: Mapping[str, Any]) -> str:
    """A few words on how a server ended."""
    if death.get("why"):
        return f"it hung ({death['why']}) and was ended by the guardian"
    if death.get("signal"):
        return f"it was ended by {death['signal']}"
    return f"it left with exit code {death.get('exit_code')}"


def kernel_lines(pid: int, device: str = "/dev/kmsg") -> list[str]:
    """What the kernel has said about a process, where its messages may be read; else nothing."""
    try:
        descriptor = os.open(device, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return []
    found: list[str] = []
    try:
        while True:
            try:
                record = os.read(descriptor, 8192).decode("utf-8", "replace")
            except OSError as error:
                if error.errno == errno.EPIPE:  # the ring has moved on under us
                    continue
                break
            if not record:
                break
            message = record.partition(";")[2].split("\n", 1)[0]
            if f"[{pid}]" in message or f"pid={pid}," in message or f"process {pid} " in message:
                found.append(message)
    finally:
        os.close(descriptor)
    return found[-_MOST_KERNEL_LINES:]


def _versions() -> dict[str, str]:
    found = {"steadfast": __version__, "python": platform.python_version(), "kernel": platform.release()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
