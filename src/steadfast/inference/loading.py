"""Loading a graph on the best provider that works, and saying why the better ones did not."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

from steadfast.errors import ModelProblem, OutOfMemory, SteadfastError
from steadfast.events import publish
from steadfast.inference.batch_proof import one_by_one, proof_feeds, require_same
from steadfast.inference.facts import BatchStaysFixed, ProviderSkipped
from steadfast.inference.failures import load_failure
from steadfast.inference.loaded_model import LoadedModel, signature_of
from steadfast.inference.open_batch import open_batch
from steadfast.inference.providers import (
    Provider,
    ProviderChoice,
    SkippedProvider,
    choose_providers,
    explain_absence,
    provider_options,
)
from steadfast.inference.runtime import NativeSession, OnnxRuntime, log_severity
from steadfast.settings import InferenceSettings


class SessionLoader:
    """Makes native sessions; what it learns of a provider serves every model after."""

    def __init__(self, settings: InferenceSettings, runtime: Callable[[], OnnxRuntime]) -> None:
        self._settings = settings
        self._import = runtime
        self._lock = Lock()
        self._choice: ProviderChoice | None = None

    def choice(self) -> ProviderChoice:
        """The providers believed to work now. Raises what `choose_providers` raises."""
        runtime = self._import()
        with self._lock:
            if self._choice is None:
                self._choice = choose_providers(self._settings.providers, runtime=runtime)
            return self._choice

    def load(self, name: str, path: Path, *, intra_threads: int) -> LoadedModel:
        """The model on the first provider that takes it.

        Raises ModelDamaged where no provider can read it, OutOfMemory where memory ran out (a slower provider
        is no answer to that: the caller frees some and tries again), EngineUnavailable where none is left.
        """
        choice = self.choice()
        while True:
            try:
                return self._load_on(choice, name, path, intra_threads)
            except _ProviderFailed as failed:
                first = choice.taken[0]
                if len(choice.taken) == 1 and first is Provider.CPU:
                    raise failed.error from failed.__cause__
                choice = choice.without(first, f"It refused the model {name}: {failed.error.detail}")
                self._tell(name, choice.skipped[-1])

    def load_open(
        self, name: str, path: Path, *, intra_threads: int, inputs: Collection[str], is_proven: bool
    ) -> LoadedModel:
        """The model with the batch of these inputs opened, or as it is where that changes its answers.

        The proof loads the file first as it is and is left out where it `is_proven` already. Raises what
        `load` raises.
        """
        try:
            return self._load_open(name, path, intra_threads, inputs, is_proven)
        except (ModelProblem, OSError) as error:
            publish(BatchStaysFixed(model=name, reason=str(error)))
            return self.load(name, path, intra_threads=intra_threads)

    def _load_open(
        self, name: str, path: Path, intra_threads: int, inputs: Collection[str], is_proven: bool
    ) -> LoadedModel:
        feeds, expected = {}, {}
        if not is_proven:
            plain = self.load(name, path, intra_threads=intra_threads)
            feeds = proof_feeds(plain.signature, inputs)
            expected = one_by_one(plain, feeds)
            del plain  # its memory must be free before the copy takes as much
        with open_batch(path, inputs) as copy:
            opened = self.load(name, copy, intra_threads=intra_threads)
        if not is_proven:
            require_same(opened, feeds, expected)
        return replace(opened, has_open_batch=True)

    def _load_on(self, choice: ProviderChoice, name: str, path: Path, intra_threads: int) -> LoadedModel:
        runtime = self._import()
        native = self._create(runtime, choice, name, path, intra_threads)
        choice = self._without_absent(choice, native.get_providers(), name)
        return LoadedModel(
            name=name,
            native=native,
            signature=signature_of(native),
            choice=choice,
            run_options=_run_options(runtime, choice),
        )

    def _create(
        self, runtime: OnnxRuntime, choice: ProviderChoice, name: str, path: Path, intra_threads: int
    ) -> NativeSession:
        limit = self._settings.gpu_memory_limit
        providers = [
            (p.runtime_name, provider_options(p, gpu_memory_limit_bytes=limit)) for p in choice.taken
        ]
        options = _session_options(runtime, choice, intra_threads)
        try:
            # Without its own fallback, which prints to stdout and forgets why.
            session: NativeSession = runtime.InferenceSession(
                str(path), options, providers=providers, enable_fallback=0
            )
        except Exception as error:  # the boundary: the runtime raises a dozen unrelated classes
            failure = load_failure(error, model=name, on_device=choice.taken[0].has_own_memory)
            if isinstance(failure, OutOfMemory):
                raise failure from error
            raise _ProviderFailed(failure) from error
        return session

    def _without_absent(self, choice: ProviderChoice, present: Sequence[str], name: str) -> ProviderChoice:
        """The choice less what the runtime left out in silence, which is true of every model to come."""
        for provider in choice.taken:
            if provider.runtime_name not in present:
                choice = choice.without(provider, explain_absence(provider, self._import()))
                self._tell(name, choice.skipped[-1])
                with self._lock:
                    self._choice = choice
        return choice

    def _tell(self, name: str, skipped: SkippedProvider) -> None:
        publish(ProviderSkipped(model=name, provider=skipped.provider.value, reason=skipped.reason))


class _ProviderFailed(Exception):
    """A provider refused a model; carries what to raise if no other takes it."""

    def __init__(self, error: SteadfastError) -> None:
        super().__init__(str(error))
        self.error = error


def _session_options(runtime: OnnxRuntime, choice: ProviderChoice, intra_threads: int) -> Any:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = intra_threads
    options.inter_op_num_threads = 1
    options.log_severity_level = log_severity()
    # Idle threads of one model must not burn the cores that decode, another model or the encoder need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if Provider.DIRECTML in choice.taken:
        options.enable_mem_pattern = False  # that provider's documented demand
    return options


def _run_options(runtime: OnnxRuntime, choice: ProviderChoice) -> Any:
    """On CUDA the arena gives its memory back after each run, so that models can share one device."""
    if Provider.CUDA not in choice.taken:
        return None
    options = runtime.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "gpu:0")
    return options
