"""Private servers, from a user's settings: the same engine and models, everything else its own."""

import json
import shutil
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from steadfast.drill.alert_receiver import AlertReceiver, free_port
from steadfast.drill.cgroup import MemoryGroup
from steadfast.drill.fake_clock import FakeClock
from steadfast.drill.fault import NotHere
from steadfast.drill.house import Blueprint, HouseKind, PrivateServer
from steadfast.drill.postgresql import PostgreSql
from steadfast.drill.small_disk import MIB, SmallDisk
from steadfast.settings import Settings

_TAKEN_OVER = ("faces", "inference", "neural", "media", "entailment", "models")
"""Sections of the user's settings that a private server is given too; all others are its own."""
_DATA_BYTES = 512 * MIB
_ADDRESS_SPACE_BYTES = 8 << 30
_QUICK: Mapping[str, str] = {
    "drill.enabled": "true",
    "logs.format": "json",
    "entailment.on_failure": "error",
    "models.auto_pull": "never",
    "health.interval_s": "2.5",
    "alerts.group_s": "0.5",
    "alerts.per_hour": "100000",  # more is broken in a minute than elsewhere in a month
    "alerts.webhook_least": "warning",
    "runtime.stall_s": "10",
    "runtime.canary_every_s": "3",
    "runtime.quiet_s": "5",
    "drill.canary_busy_s": "3",
    "jobs.lease_s": "10",
    "server.grace_s": "15",
}
"""Times that are shorter than usual, so that a drill takes minutes; each is told in the report."""


class Builder:
    """Builds servers in one folder, each with a folder of its own inside."""

    def __init__(
        self, settings: Settings, folder: Path, *, engine: str | None = None, workers: int = 2
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._engine = engine or settings.faces.engine
        self._workers = workers
        self._built = 0

    def build(self, kind: HouseKind) -> PrivateServer:
        """A server that is not started yet. Raises `NotHere` where that kind cannot be had."""
        self._built += 1
        folder = self._folder / f"{kind.value or 'usual'}-{self._built}"
        folder.mkdir(parents=True)
        # Workers may be another user: they must be able to reach what they are given to read.
        for part in (self._folder, folder):
            part.chmod(0o755)
        values = self._values(folder)
        environment: dict[str, str] = {}
        house = PrivateServer(
            Blueprint(folder=folder, settings=values, environment=environment, kind=kind), port=free_port()
        )
        try:
            self._furnish(house, kind, values, environment)
        except NotHere:
            house.give_back()
            raise
        return house

    def _furnish(
        self, house: PrivateServer, kind: HouseKind, values: dict[str, str], environment: dict[str, str]
    ) -> None:
        house.receiver = AlertReceiver()
        values["alerts.webhook_url"] = house.receiver.url
        house.memory_group = MemoryGroup.make()
        if house.memory_group is None and not _uses_gpu(self._settings):
            house.address_space_bytes = _ADDRESS_SPACE_BYTES
            values["runtime.max_address_space_bytes"] = str(_ADDRESS_SPACE_BYTES)
        match kind:
            case HouseKind.POSTGRESQL:
                if find_spec("psycopg") is None:
                    raise NotHere("the extra `postgres` is not installed")
                house.postgresql = PostgreSql()
                values["database.url"] = house.postgresql.url
            case HouseKind.SMALL_DISK:
                house.disks.append(SmallDisk.mount(house.data_dir, _DATA_BYTES))
            case HouseKind.FAKE_CLOCK:
                house.fake_clock = FakeClock(house.blueprint.folder)
                environment.update(house.fake_clock.environment())
            case HouseKind.MODEL_FILES:
                self._copy_models(house, values)

    def _copy_models(self, house: PrivateServer, values: dict[str, str]) -> None:
        """Files of its own, and the user's as the mirror from which a spoilt one comes again."""
        origin = self._settings.models.dir
        files = [file for file in origin.glob("*.onnx") if file.is_file()] if origin.is_dir() else []
        if self._engine == "embedded" or not files:
            raise NotHere("the engine has no model files of its own here (its models are part of packages)")
        house.models_dir = house.blueprint.folder / "models"
        house.models_dir.mkdir()
        for file in files:
            shutil.copy(file, house.models_dir / file.name)
        values["models.dir"] = str(house.models_dir)
        values["models.mirror"] = f"file://{origin.absolute()}"

    def _values(self, folder: Path) -> dict[str, str]:
        values: dict[str, str] = {}
        for section in _TAKEN_OVER:
            told: dict[str, Any] = getattr(self._settings, section).model_dump(
                mode="json", exclude_defaults=True
            )
            values |= {
                f"{section}.{name}": _as_text(value) for name, value in told.items() if value is not None
            }
        return {
            **values,
            **_QUICK,
            "data_dir": str(folder / "data"),
            "models.dir": str(self._settings.models.dir.absolute()),
            "faces.engine": self._engine,
            "runtime.workers": str(self._workers),
            "runtime.devices": ",".join(self._settings.runtime.devices),
            "runtime.threads": str(self._settings.runtime.threads or 1),
            "entailment.workers": "1",
        }


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, (list, dict)) else str(value)


def _uses_gpu(settings: Settings) -> bool:
    return any("cuda" in device for device in settings.runtime.devices) or bool(
        {"cuda", "tensorrt"}.intersection(settings.inference.providers)
    )
