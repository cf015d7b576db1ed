"""What is done about an incident: a table from severity to remedies, and the narrow port they go through."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from steadfast.errors import ServiceError, Severity
from steadfast.health.detection.sign import Sign
from steadfast.settings import HealthSettings, Remedy


class RemedyPort(Protocol):
    """All that health may do to the service."""

    def abort(self, request_id: int) -> bool:
        """Ends one request."""

    def release_memory(self, task: str) -> int:
        """Has caches given back."""

    def recycle(self, worker: str, why: str = "asked for") -> bool:
        """Replaces one worker."""

    def restart(self, worker: str) -> bool:
        """Ends one worker at once; what it had begins again in another."""


def remedies_for(sign: Sign, settings: HealthSettings) -> Sequence[Remedy]:
    """What the table says; the kind wins over the severity."""
    if sign.kind in settings.actions:
        return settings.actions[sign.kind]
    table: Mapping[Severity, Sequence[Remedy]] = {
        Severity.WARNING: settings.on_warning,
        Severity.ERROR: settings.on_error,
        Severity.FATAL: settings.on_fatal,
    }
    return table.get(sign.severity, ())


class Healer:
    """Orders remedies and says what was ordered."""

    def __init__(
        self,
        port: RemedyPort,
        *,
        tasks: Callable[[], Sequence[str]],
        snapshot: Callable[[Sign], None],
        leave: Callable[[str], None],
    ) -> None:
        """`snapshot` writes a crash report, `leave` ends the server in order with a reason."""
        self._port = port
        self._tasks = tasks
        self._snapshot = snapshot
        self._leave = leave
        self._orders: Mapping[str, Callable[[Sign], str]] = {
            "release": self._release,
            "abort": self._abort,
            "recycle": self._recycle,
            "restart": self._restart,
            "snapshot": self._report,
            "exit": self._end,
        }

    def apply(self, sign: Sign, remedies: Sequence[Remedy]) -> list[str]:
        """Orders them in turn; the answer tells what came of it, empty where there was nothing to do."""
        told = (self._orders[remedy](sign) for remedy in remedies if remedy in self._orders)
        return [sentence for sentence in told if sentence]

    def _release(self, sign: Sign) -> str:
        released = 0
        for task in (sign.task,) if sign.task else self._tasks():
            try:
                released += self._port.release_memory(task)
            except ServiceError:  # a task of that name is not served any more
                continue
        return f"{released} workers were told to give back caches" if released else ""

    def _abort(self, sign: Sign) -> str:
        ended = sum(self._port.abort(request_id) for request_id in sign.requests)
        return f"{ended} requests were aborted" if ended else ""

    def _recycle(self, sign: Sign) -> str:
        is_told = bool(sign.worker) and self._port.recycle(sign.worker, sign.kind)
        return "the worker is replaced" if is_told else ""

    def _restart(self, sign: Sign) -> str:
        is_told = bool(sign.worker) and self._port.restart(sign.worker)
        return "the worker was ended, its work begins again in another" if is_told else ""

    def _report(self, sign: Sign) -> str:
        self._snapshot(sign)
        return "a crash report was ordered"

    def _end(self, sign: Sign) -> str:
        self._leave(sign.kind)
        return "the server was told to end"
