"""Which execution providers the models of each worker run on, as the workers say it when they load."""

import re
from collections import OrderedDict

from steadfast.events import Event
from steadfast.runtime.events import WorkerDied, WorkerLogged

_MOST_WORKERS = 64
_MOST_MODELS = 50
_MODEL = re.compile(r"[a-z][a-z0-9_.+-]{0,39}")
_PROVIDER = re.compile(r"[A-Za-z]{2,40}")


class ProvidersInUse:
    """Worker → model → providers in their order; a dead worker is known until it is asked about, once."""

    def __init__(self) -> None:
        self._of: OrderedDict[str, dict[str, list[str]]] = OrderedDict()

    def hear(self, event: Event) -> None:
        """Notes what a worker has loaded. What it says is taken only in the shape that it must have."""
        if not isinstance(event, WorkerLogged) or event.kind != "model_loaded":
            return
        model, providers = event.fields.get("model"), event.fields.get("providers")
        if not isinstance(model, str) or not _MODEL.fullmatch(model) or not isinstance(providers, list):
            return
        models = self._of.setdefault(event.worker, {})
        if model in models or len(models) < _MOST_MODELS:
            models[model] = [name for name in providers if _PROVIDER.fullmatch(name)]
        if len(self._of) > _MOST_WORKERS:
            self._of.popitem(last=False)

    def of(self, worker: str) -> dict[str, dict[str, list[str]]]:
        """Of that worker, or of all where none is named."""
        if not worker:
            return {name: dict(models) for name, models in self._of.items()}
        return {worker: dict(self._of[worker])} if worker in self._of else {}

    def forget(self, event: Event) -> None:
        """A worker is gone, and its death is told."""
        if isinstance(event, WorkerDied):
            self._of.pop(event.worker, None)
