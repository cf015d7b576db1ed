"""Incidents and crash reports, for the admin: lists, single records, and a live stream of changes (SSE)."""

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from steadfast.admission.scopes import Scope
from steadfast.api.backend import Backend
from steadfast.api.exchange import Exchange
from steadfast.errors import MalformedRequest, Overloaded, Severity, UnknownRoute
from steadfast.health.incidents import IncidentChange
from steadfast.health.watch import HealthWatch

INCIDENTS = "/v1/incidents/"
CRASHES = "/v1/crashes/"
_BUNDLE = "/bundle"
_BEAT_S = 15.0
_MOST = 1000


class IncidentRoutes:
    """All of them need the scope `admin`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def incidents(self, exchange: Exchange) -> None:
        """The latest first: `?limit=`, `?open=true`, `?severity=` (the least), `?before=ID` (older ones)."""
        health = await self._admitted(exchange)
        found = await self._aside(
            health.store.list,
            limit=_limit(exchange.query.get("limit", "50")),
            only_open=exchange.query.get("open", "false") == "true",
            least=_severity(exchange.query.get("severity", "warning")),
            before=exchange.query.get("before"),
        )
        await exchange.answer_json({"incidents": [incident.as_dict() for incident in found]})

    async def incident(self, exchange: Exchange) -> None:
        """One by its id."""
        health = await self._admitted(exchange)
        found = await self._aside(health.store.get, exchange.path.removeprefix(INCIDENTS))
        await exchange.answer_json(found.as_dict())

    async def stream(self, exchange: Exchange) -> None:
        """What lasts now, then every change as it happens, as server-sent events."""
        health = await self._admitted(exchange)
        if health.feed.is_full:
            raise Overloaded("Enough clients listen to incidents already.", retry_after_s=5.0)
        await exchange.answer_stream(b"text/event-stream", _events(health))

    async def crashes(self, exchange: Exchange) -> None:
        """Every crash report that is kept, the latest first."""
        health = await self._admitted(exchange)
        found = await asyncio.to_thread(health.crashes.reports)
        await exchange.answer_json({"crashes": found})

    async def crash(self, exchange: Exchange) -> None:
        """One report with all its files; `…/bundle`: as one archive."""
        health = await self._admitted(exchange)
        name = exchange.path.removeprefix(CRASHES)
        report = await asyncio.to_thread(health.crashes.show, name.removesuffix(_BUNDLE))
        if not name.endswith(_BUNDLE):
            await exchange.answer_json(report)
            return
        archive = await asyncio.to_thread(bundle, name.removesuffix(_BUNDLE), report)
        await exchange.answer(200, b"application/zip", archive)

    async def _admitted(self, exchange: Exchange) -> HealthWatch:
        await self._backend.access.admit(exchange, Scope.ADMIN)
        if self._backend.health is None:
            raise UnknownRoute("Health is switched off (health.enabled).")
        return self._backend.health

    async def _aside(self, function: Any, *arguments: Any, **options: Any) -> Any:
        assert self._backend.health is not None
        return await self._backend.health.aside(function, *arguments, **options)


def bundle(name: str, report: dict[str, Any]) -> bytes:
    """One archive of a report, fit for a stranger: of what a worker printed, only the outline is in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, content in report.items():
            if not file.endswith(".json"):
                continue  # the kernel's words name programs and users
            archive.writestr(f"{name}/{file}", json.dumps(_redacted(content), indent=2, default=str))
    return buffer.getvalue()


def _redacted(content: Any) -> Any:
    """Without what `keep_inputs` has kept."""
    if isinstance(content, dict):
        what = content.get("what")
        if isinstance(what, dict) and "evidence" in what:
            kept = {key: value for key, value in what.items() if key not in ("evidence", "printed")}
            return content | {"what": kept}
    return content


async def _events(health: HealthWatch) -> AsyncIterator[bytes]:
    with health.feed.listening() as queue:
        for incident in reversed(health.open_incidents()):
            yield _event("open", incident.as_dict())
        while True:
            try:
                change: IncidentChange | None = await asyncio.wait_for(queue.get(), _BEAT_S)
            except TimeoutError:
                yield b": still here\n\n"  # a client that is gone is noticed by writing to it
                continue
            if change is None:
                return
            yield _event(change.change.value, change.incident.as_dict())


def _event(name: str, document: dict[str, object]) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(document) + b"\n\n"


def _limit(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= _MOST:
        raise MalformedRequest(f"limit is a whole number from 1 to {_MOST}.")
    return int(text)


def _severity(text: str) -> Severity:
    try:
        return Severity(text)
    except ValueError as error:
        raise MalformedRequest("severity is warning, error or fatal.") from error
