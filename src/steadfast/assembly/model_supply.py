"""Model files for workers, who may only read them: fetched, prepared, vouched for, mended by the server."""

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import Iterable

from steadfast.errors import ModelProblem, SteadfastError
from steadfast.models.catalogue import Model, ModelFamily
from steadfast.models.store import ModelState, ModelStore
from steadfast.models.verification import Vouched
from steadfast.settings import Settings
from steadfast.tasks.face_messages import worker_config

_log = logging.getLogger(__name__)

_PREPARE_MODULE = "steadfast.tasks.prepare"
_PREPARE_S = 60.0


class ModelSupply:
    """One service's supply of models. `fetch` and `prepare` take seconds: call them in a thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store = ModelStore(settings.models)
        self.vouched: Vouched = {}
        """Files that were found good, for workers that start from now on; the same object as long as the
        process lives, filled as files are read."""

    def follow(self, settings: Settings) -> None:
        """New settings; what was vouched for stays, since each entry names its file."""
        self._settings = settings
        self._store = ModelStore(settings.models)

    def fetch(self) -> list[str]:
        """Fetches models of the standard engine that a `file://` mirror or `auto_pull` gives; their names.

        What cannot be had is left to `engine = "auto"`.
        """
        if self._settings.faces.engine == "embedded":
            return []
        return [model.name for model in self._of(ModelFamily.STANDARD) if self._fetched(model)]

    def _fetched(self, model: Model) -> bool:
        if self._store.state(model.name) not in (ModelState.MISSING, ModelState.DAMAGED):
            return False
        try:
            self._store.require(model.name)
        except SteadfastError:
            return False
        return True

    def prepare(self) -> None:
        """Has computed once, beside the models, what every worker would compute at its load.

        Native code does that, so it runs in a process of its own. Without it workers load more slowly.
        """
        folder = self._settings.models.dir / "prepared"
        if not self._needs_embedded() or (folder.is_dir() and any(folder.iterdir())):
            return
        command = [sys.executable, "-I", "-m", _PREPARE_MODULE]
        config = json.dumps(worker_config(self._settings))
        try:
            subprocess.run(  # noqa: S603 — this interpreter, this package
                command, input=config, text=True, capture_output=True, timeout=_PREPARE_S, check=True
            )
        except (OSError, subprocess.SubprocessError) as error:
            _log.info("loading not prepared", extra={"detail": str(error)})

    def _needs_embedded(self) -> bool:
        """Whether workers load the embedded engine, by name or because the standard one lacks a file."""
        engine = self._settings.faces.engine
        if engine != "auto":
            return engine == "embedded"
        return not all(self._store.state(model.name).is_usable for model in self._of(ModelFamily.STANDARD))

    def engines(self) -> tuple[str, ...]:
        """Engines of faces for which something is here: what this server can say of itself to others."""
        engine = self._settings.faces.engine
        if engine != "auto":
            return (engine,)
        found = [ModelFamily.EMBEDDED.value]
        if not self._needs_embedded():
            found.append(ModelFamily.STANDARD.value)
        if any(self._store.state(model.name).is_usable for model in self._of(ModelFamily.NEURAL)):
            found.append(ModelFamily.NEURAL.value)
        return tuple(found)

    def sums(self) -> dict[str, str]:
        """Models that workers here can load, and their sums, as the catalogue says them."""
        found = {}
        for family in self._families():
            for model in self._of(family):
                if self._store.state(model.name).is_usable:
                    found[model.name] = model.files[0].sha256
        return found

    async def vouch(self) -> None:
        """Reads the files that workers are going to load, so that not each of them reads them again."""
        self._vouch_for(await asyncio.to_thread(self._read_all))

    def _read_all(self) -> Vouched:
        for family in self._families():
            for model in self._of(family):
                self._store.state(model.name)
        return self._store.vouched()

    def _families(self) -> list[ModelFamily]:
        """Those that workers try to load."""
        engine = self._settings.faces.engine
        if engine != "auto":
            return [ModelFamily(engine)]
        last = [ModelFamily.EMBEDDED] if self._needs_embedded() else []
        return [ModelFamily.NEURAL, ModelFamily.STANDARD, *last]

    def _vouch_for(self, files: Vouched) -> None:
        self.vouched.clear()  # nothing awaits between these lines, so no worker starts between them
        self.vouched.update(files)

    async def repair(self, model: str) -> bool:
        """Quarantines the damaged file of a model and fetches it again; whether it is whole.

        The file is read whatever is known of it: a worker says that its bytes are wrong.
        """
        try:
            await asyncio.to_thread(self._mend, model)
        except (ModelProblem, SteadfastError) as error:
            _log.warning("model not repaired", extra={"model": model, "detail": error.detail})
            return False
        finally:
            self._vouch_for(self._store.vouched())
        return True

    def _mend(self, model: str) -> None:
        self._store.verify(model)
        self._store.require(model)

    def _of(self, family: ModelFamily) -> Iterable[Model]:
        return self._store.catalogue.of(family)
