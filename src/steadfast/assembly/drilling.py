"""The door for a fault drill: shut, and not even imported, unless `drill.enabled` is set."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from steadfast.api.backend import Backend
from steadfast.api.exchange import Exchange
from steadfast.blobs.library import BlobLibrary
from steadfast.database.database import Database
from steadfast.errors import ConfigError
from steadfast.runtime.supervisor import Employment
from steadfast.settings import RuntimeSettings, Settings
from steadfast.tasks import entail_messages, face_messages

_FOLDER = "drill"
_ORDERS = "drill_orders"
_DRILLED = {
    face_messages.TASK: "steadfast.drill.hooks.tasks:DrilledFaceTask",
    entail_messages.TASK: "steadfast.drill.hooks.tasks:DrilledEntailmentTask",
}


def drilled(settings: Settings, employments: Sequence[Employment]) -> list[Employment]:
    """The same staff; with `drill.enabled` in workers that obey a drill. Raises `ConfigError`."""
    if not settings.drill.enabled:
        return list(employments)
    if settings.runtime.face_task != RuntimeSettings().face_task:
        raise ConfigError("A service with a runtime.face_task of its own cannot be drilled (drill.enabled).")
    return [_obedient(settings, employment) for employment in employments]


def _obedient(settings: Settings, employment: Employment) -> Employment:
    folder = _folder(settings)
    spec, worker = employment.spec, employment.options.worker
    confinement = replace(worker.confinement, readable=(*worker.confinement.readable, folder))
    return replace(
        employment,
        spec=replace(
            spec,
            path=_DRILLED[spec.name],
            config={**spec.config, _ORDERS: str(folder)},
            canary_floor_s=min(spec.canary_floor_s, settings.drill.canary_busy_s),
        ),
        options=replace(employment.options, worker=replace(worker, confinement=confinement)),
    )


def drill_door(
    settings: Settings, backend: Backend, library: BlobLibrary, database: Database
) -> Callable[[Exchange], Awaitable[Any]] | None:
    """What serves `/v1/drill`; None, and nothing of the drill is imported, unless `drill.enabled` is set."""
    if not settings.drill.enabled:
        return None
    from steadfast.drill.hooks.desk import DrillDesk  # noqa: PLC0415
    from steadfast.drill.hooks.server_acts import Patient  # noqa: PLC0415

    desk = DrillDesk(
        _folder(settings),
        access=backend.access,
        runtime=backend.runtime,
        room=backend.room,
        limits=backend.limits,
        patient=Patient(store=library.store, engine=database.engine),
    )
    return desk.serve


def _folder(settings: Settings) -> Path:
    folder = settings.data_dir / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    return folder
