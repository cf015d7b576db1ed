"""Which engine works here: the one that was asked for, or the best whose models are present and valid."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from steadfast.errors import (
    EngineUnavailable,
    LicenseNotAccepted,
    ModelMissing,
    ModelProblem,
    OutOfMemory,
    SteadfastError,
)
from steadfast.faces.roles import Engine, EngineName, ModelSource, Swapper
from steadfast.inference.sessions import SessionCache
from steadfast.settings import EngineSettings, ModelSettings

BEST_FIRST = (EngineName.NEURAL, EngineName.STANDARD, EngineName.EMBEDDED)
"""The order in which `auto` tries them."""

_CANNOT_WORK = (EngineUnavailable, ModelProblem, LicenseNotAccepted, OutOfMemory)

EngineBuilder = Callable[[ModelSource, SessionCache, EngineSettings], Engine]
"""Puts an engine together, or raises one of the declared reasons why it cannot work."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineVerdict:
    """Whether an engine works here."""

    name: EngineName
    engine: Engine | None  # None where it cannot work
    reason: SteadfastError | None  # why not


def choose_engine(
    name: EngineName | None,
    store: ModelSource,
    sessions: SessionCache,
    settings: EngineSettings,
    *,
    builders: dict[EngineName, EngineBuilder] | None = None,
) -> Engine:
    """The engine of that name, or with None the best that works; its notes say why no better one was taken.

    That nobody fetched the neural models is left out: it is no news. Raises EngineUnavailable with the cause
    and its remedy where the named one, or every one, cannot work. `builders` is there for tests.
    """
    notes: list[str] = []
    reasons: list[str] = []
    reason: SteadfastError | None = None
    for candidate in BEST_FIRST if name is None else (name,):
        verdict = try_engine(candidate, store, sessions, settings, builders=builders)
        if verdict.engine is not None:
            return replace(verdict.engine, notes=(*notes, *verdict.engine.notes))
        assert verdict.reason is not None
        reason = verdict.reason
        reasons.append(f"{candidate.value}: {reason.detail}")
        if not _was_never_asked_for(candidate, reason):
            notes.append(f"{reasons[-1]} {reason.remedy}")
    raise _unavailable(name, reasons, reason) from reason


def _was_never_asked_for(name: EngineName, reason: SteadfastError) -> bool:
    """Whether the reason is only that nobody fetched the neural models: no news to anyone, run after run."""
    return name is EngineName.NEURAL and isinstance(reason, (LicenseNotAccepted, ModelMissing))


def try_engine(
    name: EngineName,
    store: ModelSource,
    sessions: SessionCache,
    settings: EngineSettings,
    *,
    builders: dict[EngineName, EngineBuilder] | None = None,
) -> EngineVerdict:
    """The engine, loaded, or the declared error that says why it cannot work here."""
    build = (builders or BUILDERS)[name]
    try:
        return EngineVerdict(name=name, engine=build(store, sessions, settings), reason=None)
    except _CANNOT_WORK as error:
        return EngineVerdict(name=name, engine=None, reason=error)


def _unavailable(
    name: EngineName | None, reasons: list[str], reason: SteadfastError | None
) -> EngineUnavailable:
    remedy = None if reason is None else reason.remedy
    if name is not None and reason is not None:
        return EngineUnavailable(f"The {name.value} engine cannot work here: {reason.detail}", remedy=remedy)
    return EngineUnavailable(f"No engine can work here: {' '.join(reasons)}", remedy=remedy)


# Each builder imports its engine only when it is tried: one needs ONNX Runtime, another dlib.


def _build_neural(store: ModelSource, sessions: SessionCache, settings: EngineSettings) -> Engine:
    from steadfast.faces.neural.engine import build  # noqa: PLC0415

    return build(store, sessions, settings)


def _build_standard(store: ModelSource, sessions: SessionCache, settings: EngineSettings) -> Engine:
    from steadfast.faces.standard.engine import build  # noqa: PLC0415

    return build(store, sessions, _geometric(settings))


def _build_embedded(store: ModelSource, _: SessionCache, settings: EngineSettings) -> Engine:
    from steadfast.faces.embedded.engine import build  # noqa: PLC0415

    return build(store, _geometric(settings), prepared=prepared_folder(settings.models))


def prepared_folder(models: ModelSettings) -> Path:
    """Where `prepare` leaves what engines would otherwise compute at every start."""
    return models.dir / "prepared"


def prepare(settings: EngineSettings) -> bool:
    """Computes once what the engine of the settings would compute at every start; whether all of it is kept.

    Called in a process of its own by who may write to the models' folder; workers may not.
    """
    if settings.faces.engine not in ("auto", "embedded"):
        return True
    from steadfast.faces.embedded.unpacked import keep_frontal_detector  # noqa: PLC0415

    return keep_frontal_detector(prepared_folder(settings.models))


def _geometric(settings: EngineSettings) -> Swapper:
    from steadfast.faces.geometric import GeometricOptions, GeometricSwapper, TargetGlasses  # noqa: PLC0415

    return GeometricSwapper(options=GeometricOptions(target_glasses=TargetGlasses(settings.faces.glasses)))


BUILDERS: dict[EngineName, EngineBuilder] = {
    EngineName.NEURAL: _build_neural,
    EngineName.STANDARD: _build_standard,
    EngineName.EMBEDDED: _build_embedded,
}
