"""One folder per death and per fatal incident, written by the server, so that it exists after SIGKILL too.

Reports are capped in number and bytes, and hold nothing of a user's: no names, paths, texts or pixels, and of
the settings no secret and no path. With `keep_inputs` they also hold what the worker printed as it stands.
"""

import json
import re
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from steadfast.errors import DiskFull, IncidentUnknown, OutputUnwritable
from steadfast.runtime.exit_reason import ExitReport, RequestShape

_ID = re.compile(r"[0-9]{8}T[0-9]{6}-[a-z0-9_]{1,40}-[0-9a-f]{6}")
_MAIN = "report.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class CrashReport:
    """One report as a list shows it."""

    id: str
    kind: str
    """`worker_died`, `server_died`, or the kind of the fatal incident."""
    at: str
    """ISO 8601."""
    summary: str
    size_bytes: int


class CrashFolder:
    """The reports on disk; every method blocks."""

    def __init__(self, folder: Path, *, most: int, most_bytes: int) -> None:
        self._folder = folder
        self._most = most
        self._most_bytes = most_bytes
        self._lock = threading.Lock()

    def write(self, report_id: str, files: Mapping[str, str]) -> Path:
        """Stores a report, whole or not at all, and makes room. Raises `DiskFull`, `OutputUnwritable`."""
        # One at a time: making room sweeps up what another write, broken off, has left half-done.
        with self._lock:
            return self._write(report_id, files)

    def _write(self, report_id: str, files: Mapping[str, str]) -> Path:
        aside = self._folder / f".{report_id}.part"
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            aside.mkdir(mode=0o700)
            for name, text in files.items():
                (aside / name).write_text(text[: self._most_bytes // 4], encoding="utf-8", errors="replace")
            final = self._folder / report_id
            aside.replace(final)
        except OSError as error:
            shutil.rmtree(aside, ignore_errors=True)
            if error.errno in (28, 122):  # ENOSPC, EDQUOT
                raise DiskFull("No space is left for a crash report.") from error
            raise OutputUnwritable("A crash report could not be written.") from error
        self._make_room()
        return final

    def reports(self) -> list[CrashReport]:
        """The latest first; what is no report is passed over."""
        found = []
        for folder in self._folders():
            try:
                main = json.loads((folder / _MAIN).read_text(encoding="utf-8"))
                found.append(
                    CrashReport(
                        id=folder.name,
                        kind=str(main["kind"]),
                        at=str(main["at"]),
                        summary=str(main["summary"]),
                        size_bytes=_size_of(folder),
                    )
                )
            except (OSError, ValueError, KeyError):
                continue
        return found

    def show(self, report_id: str) -> dict[str, Any]:
        """Everything in one report, by file. Raises `IncidentUnknown`."""
        folder = self._folder / report_id
        if not _ID.fullmatch(report_id) or not folder.is_dir():
            raise IncidentUnknown(f"There is no crash report {report_id[:80]}.")
        try:
            texts = {file.name: file.read_text(encoding="utf-8") for file in sorted(folder.iterdir())}
            return {name: _read(name, text) for name, text in texts.items()}
        except OSError as error:
            raise IncidentUnknown(f"The crash report {report_id} cannot be read any more.") from error

    def _folders(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        return sorted((f for f in self._folder.iterdir() if _ID.fullmatch(f.name)), reverse=True)

    def _make_room(self) -> None:
        taken = 0
        for index, folder in enumerate(self._folders()):
            taken += _size_of(folder)
            # The newest stays, however large: it is what one looks for.
            if index > 0 and (index >= self._most or taken > self._most_bytes):
                shutil.rmtree(folder, ignore_errors=True)
        for left in self._folder.glob(".*.part"):
            shutil.rmtree(left, ignore_errors=True)


def _read(name: str, text: str) -> Any:
    """A file's document; one that was cut to its share of the bytes stays text."""
    try:
        return json.loads(text) if name.endswith(".json") else text
    except ValueError:
        return text


def report_name(kind: str, at: datetime, token: str) -> str:
    """Sorts by time: `20261120T114500-worker_died-a1b2c3`."""
    return f"{at:%Y%m%dT%H%M%S}-{re.sub(r'[^a-z0-9_]', '_', kind.lower())[:40]}-{token}"


def exit_facts(
    report: ExitReport,
    outline: Callable[[str], list[str]],
    *,
    redact: Callable[[str, Any], Any],
    keep_inputs: bool,
) -> dict[str, Any]:
    """Why a process died, as plain data."""
    facts: dict[str, Any] = {
        "pid": report.pid,
        "cause": report.cause.value,
        "exit_code": report.exit_code,
        "signal_name": report.signal_name,
        "kill_reason": report.kill_reason.value if report.kill_reason else None,
        "fault": report.fault.value,
        "requests_inside": report.requests_inside,
        "served": report.served,
        "requests": [_shape_told(shape, redact) for shape in report.requests],
        "tracebacks": outline(report.native_traceback),
        "printed": outline(report.last_words),
    }
    if keep_inputs:
        facts |= {"evidence": report.evidence, "printed": report.last_words.splitlines()}
    return facts


def _shape_told(shape: RequestShape, redact: Callable[[str, Any], Any]) -> dict[str, Any]:
    told = asdict(shape)
    for name in ("request_id", "job_id"):
        if given := told.pop(name):
            told[name] = redact(name, given)
    return told


def without_paths(value: Any) -> Any:
    """Settings as a stranger may see them: secrets are masked already, paths and addresses go here."""
    if isinstance(value, Mapping):
        return {key: without_paths(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_paths(item) for item in value]
    if isinstance(value, str) and ("/" in value or "@" in value or "\\" in value):
        return "[redacted]"
    return value


def _size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())
