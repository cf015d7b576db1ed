"""ONNX Runtime sessions: one per model, however many threads ask for it at once.

A `ModelSession` is a handle that outlives what it holds: residency may take its memory away between two runs,
and the next run loads the model again. Keeping one costs nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from time import perf_counter

from steadfast.errors import ModelMissing, OutOfDeviceMemory
from steadfast.events import publish
from steadfast.inference.device_memory import DeviceProbe, probe_nvidia
from steadfast.inference.facts import ModelLoaded, ModelUnloaded, UnloadReason
from steadfast.inference.loaded_model import GraphSignature, LoadedModel
from steadfast.inference.loading import SessionLoader
from steadfast.inference.outputs import Tensor
from steadfast.inference.providers import ProviderChoice
from steadfast.inference.residency import Residency, ResidencyPolicy
from steadfast.inference.runtime import OnnxRuntime, import_runtime
from steadfast.inference.threads import owned_cores, threads_for
from steadfast.settings import InferenceSettings

__all__ = ["ModelSession", "SessionCache", "Tensor"]


class ModelSession:
    """One model, loaded when it is needed; made by `SessionCache.get`, safe to run from many threads."""

    def __init__(
        self,
        name: str,
        path: Path,
        *,
        loader: SessionLoader,
        policy: ResidencyPolicy,
        intra_threads: int,
        open_batch_of: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.path = path
        self.intra_threads = intra_threads
        self.file_bytes = _bytes_of(path, name)
        self.last_used = 0
        self._open_batch_of = open_batch_of  # emptied once it turned out that the graph does not allow it
        self._loader = loader
        self._policy = policy
        self._load_lock = Lock()  # held while loading, which takes seconds
        self._state = Lock()  # held for a few instructions; guards what follows
        self._loaded: LoadedModel | None = None
        self._running = 0
        self._signature: GraphSignature | None = None  # these two outlive unloading
        self._choice: ProviderChoice | None = None

    @property
    def signature(self) -> GraphSignature:
        """What the graph takes and answers; loads it the first time."""
        return self._signature or self.load().signature

    @property
    def input_names(self) -> tuple[str, ...]:
        """In the graph's order."""
        return tuple(self.signature.inputs)

    @property
    def output_names(self) -> tuple[str, ...]:
        """In the graph's order."""
        return self.signature.outputs

    @property
    def input_shapes(self) -> dict[str, tuple[int | None, ...]]:
        """By name; None where the graph leaves a length open."""
        return {name: spec.shape for name, spec in self.signature.inputs.items()}

    @property
    def providers(self) -> ProviderChoice:
        """What it runs on (before it is loaded: will run on), and what was skipped for it."""
        return self._choice or self._loader.choice()

    @property
    def is_loaded(self) -> bool:
        """Whether it takes memory now."""
        return self._loaded is not None

    @property
    def on_device(self) -> bool:
        """Whether it takes the accelerator's memory, or will."""
        return self.providers.taken[0].has_own_memory

    def run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Every output by its name; floats come back as float32, whatever the graph computes in.

        Floats are handed over in the type the graph declares. Where the device's memory runs out, the other
        models leave it and the run is tried once more. Raises InvalidModelOutput for NaN or infinity,
        OutOfDeviceMemory, OutOfHostMemory, ModelDamaged where it no longer loads, ModelProblem for the rest.
        """
        try:
            return self._run_once(feeds)
        except OutOfDeviceMemory:
            if not self._policy.release(keep=self, reason=UnloadReason.DEVICE_FULL):
                raise
            return self._run_once(feeds)

    def load(self) -> LoadedModel:
        """The model in memory, loaded by exactly one of the threads that ask at once."""
        with self._load_lock:
            if self._loaded is not None:
                return self._loaded
            self._policy.before_load(self)
            start_s = perf_counter()
            loaded = self._load_now()
            with self._state:
                self._loaded, self._signature, self._choice = loaded, loaded.signature, loaded.choice
        taken = tuple(p.runtime_name for p in loaded.choice.taken)
        spent_s = perf_counter() - start_s
        publish(ModelLoaded(model=self.name, providers=taken, threads=self.intra_threads, load_s=spent_s))
        return loaded

    def _load_now(self) -> LoadedModel:
        if not self._open_batch_of:
            return self._loader.load(self.name, self.path, intra_threads=self.intra_threads)
        loaded = self._loader.load_open(
            self.name,
            self.path,
            intra_threads=self.intra_threads,
            inputs=self._open_batch_of,
            is_proven=self._signature is not None,
        )
        if not loaded.has_open_batch:
            self._open_batch_of = ()
        return loaded

    def unload_if_idle(self, reason: UnloadReason) -> bool:
        """Gives its memory back unless it is running; True if it did."""
        with self._state:
            if self._running or self._loaded is None:
                return False
            self._loaded = None
        publish(ModelUnloaded(model=self.name, reason=reason))
        return True

    def _run_once(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        with self._state:
            self._running += 1  # before loading: from here on nobody unloads it
        try:
            self._policy.before_run(self)
            outputs = self.load().run(feeds)
        finally:
            with self._state:
                self._running -= 1
            self._policy.after_run(self)
        return outputs


class SessionCache:
    """Loaded models by name, and the rules for how long they stay."""

    def __init__(
        self,
        settings: InferenceSettings | None = None,
        *,
        runtime: Callable[[], OnnxRuntime] = import_runtime,
        probe: DeviceProbe = probe_nvidia,
    ) -> None:
        """`runtime` and `probe` are there for tests and for accelerators that NVML does not know."""
        self._settings = settings or InferenceSettings()
        self._lock = Lock()  # guards the dictionary; never held while a model loads
        self._sessions: dict[str, ModelSession] = {}
        self._cores = owned_cores()
        self._loader = SessionLoader(self._settings, runtime)
        self._policy = ResidencyPolicy(
            self._all,
            residency=Residency(self._settings.residency),
            memory_limit_bytes=self._settings.memory_limit,
            probe=probe,
        )

    def get(
        self,
        name: str,
        path: Path,
        *,
        intra_threads: int | None = None,
        open_batch_of: tuple[str, ...] = (),
    ) -> ModelSession:
        """The session of the model, loaded now if it was not; the same one for every caller.

        The first who asks decides on the options: `intra_threads` overrides the rule of `threads_for`;
        `open_batch_of` names the inputs of which a graph for one picture should take any number. Raises
        ModelMissing, ModelDamaged, RuntimeMissing, EngineUnavailable or OutOfMemory.
        """
        with self._lock:
            session = self._sessions.get(name)
            if session is None or session.path != path:
                session = self._sessions[name] = self._make(name, path, intra_threads, open_batch_of)
        if session.is_loaded:
            return session
        session.load()
        return session

    def providers(self) -> ProviderChoice:
        """What models run on here, as far as is known by now, and why the rest is skipped."""
        return self._loader.choice()

    @contextmanager
    def work(self) -> Iterator[None]:
        """One piece of work (a picture, a video, a request): when it ends, residency decides what stays."""
        self._policy.begin_work()
        try:
            yield
        finally:
            self._policy.end_work()

    def release(self) -> tuple[str, ...]:
        """Unloads every model that is not running now; their names."""
        return self._policy.release()

    def forget(self, name: str) -> None:
        """The next `get` reads the file anew, as after a repair; runs that go on finish with the old one."""
        with self._lock:
            self._sessions.pop(name, None)

    def _make(
        self, name: str, path: Path, intra_threads: int | None, open_batch_of: tuple[str, ...]
    ) -> ModelSession:
        threads = intra_threads or threads_for(
            _bytes_of(path, name), configured=self._settings.threads, cores=self._cores
        )
        return ModelSession(
            name,
            path,
            loader=self._loader,
            policy=self._policy,
            intra_threads=threads,
            open_batch_of=open_batch_of,
        )

    def _all(self) -> tuple[ModelSession, ...]:
        with self._lock:
            return tuple(self._sessions.values())


def _bytes_of(path: Path, name: str) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise ModelMissing(f"The file of the model {name} cannot be read.") from error
