"""The engine that was asked for, or the best that works; and why it is not a better one."""

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from steadfast.errors import (
    EngineUnavailable,
    LicenseNotAccepted,
    ModelDamaged,
    ModelMissing,
    RuntimeMissing,
    SteadfastError,
)
from steadfast.faces.engines import BUILDERS, EngineBuilder, choose_engine, try_engine
from steadfast.faces.roles import Engine, EngineName, ModelSource
from steadfast.inference.sessions import SessionCache
from steadfast.models.store import ModelStore
from steadfast.settings import EngineSettings, ModelSettings, Settings

STORE, SESSIONS = cast(ModelSource, None), cast(SessionCache, None)


@dataclass
class Workshop:
    """Builders that work or fail as told, and what was tried."""

    failing: dict[EngineName, Exception] = field(default_factory=dict)
    tried: list[EngineName] = field(default_factory=list)

    def builders(self) -> dict[EngineName, EngineBuilder]:
        return {name: self._builder(name) for name in EngineName}

    def _builder(self, name: EngineName) -> EngineBuilder:
        def build(store: ModelSource, sessions: SessionCache, settings: EngineSettings) -> Engine:
            self.tried.append(name)
            if name in self.failing:
                raise self.failing[name]
            role = cast(Any, None)
            return Engine(
                name=name, detector=role, landmarker=role, identity=role, swapper=role, notes=("own",)
            )

        return build


def choose(workshop: Workshop, name: EngineName | None) -> Engine:
    return choose_engine(name, STORE, SESSIONS, Settings(), builders=workshop.builders())


def test_auto_takes_the_best_and_builds_no_other() -> None:
    workshop = Workshop()
    engine = choose(workshop, None)
    assert engine.name is EngineName.NEURAL
    assert workshop.tried == [EngineName.NEURAL]
    assert engine.notes == ("own",)


def test_auto_goes_down_and_notes_each_reason() -> None:
    workshop = Workshop(
        {
            EngineName.NEURAL: ModelDamaged("inswapper is damaged.", remedy="Pull it."),
            EngineName.STANDARD: ModelMissing("mobilefacenet is not here.", remedy="Fetch it."),
        }
    )
    engine = choose(workshop, None)
    assert engine.name is EngineName.EMBEDDED
    assert engine.notes == (
        "neural: inswapper is damaged. Pull it.",
        "standard: mobilefacenet is not here. Fetch it.",
        "own",
    )


@pytest.mark.parametrize(
    "reason", [LicenseNotAccepted("Its licence was not accepted."), ModelMissing("It is not here.")]
)
def test_neural_models_that_nobody_fetched_are_no_news(reason: SteadfastError) -> None:
    assert choose(Workshop({EngineName.NEURAL: reason}), None).notes == ("own",)


def test_an_engine_that_was_named_is_never_replaced() -> None:
    workshop = Workshop({EngineName.STANDARD: RuntimeMissing("No ONNX Runtime is installed.")})
    with pytest.raises(
        EngineUnavailable, match="standard engine cannot work here: No ONNX Runtime"
    ) as caught:
        choose(workshop, EngineName.STANDARD)
    assert caught.value.remedy == RuntimeMissing.default_remedy
    assert workshop.tried == [EngineName.STANDARD]


def test_where_none_works_every_reason_is_told() -> None:
    reasons: dict[EngineName, Exception] = {n: ModelMissing(f"{n.value} lacks a file.") for n in EngineName}
    with pytest.raises(EngineUnavailable) as caught:
        choose(Workshop(reasons), None)
    for name in EngineName:
        assert f"{name.value} lacks a file." in str(caught.value)


def test_a_bug_is_not_taken_for_a_reason() -> None:
    with pytest.raises(ZeroDivisionError):
        choose(Workshop({EngineName.NEURAL: ZeroDivisionError()}), None)


def test_a_verdict_holds_the_engine_or_the_reason() -> None:
    workshop = Workshop({EngineName.STANDARD: ModelMissing("gone.")})
    for name in (EngineName.STANDARD, EngineName.EMBEDDED):
        verdict = try_engine(name, STORE, SESSIONS, Settings(), builders=workshop.builders())
        assert (verdict.engine is None) == (name is EngineName.STANDARD)
        assert isinstance(verdict.reason, SteadfastError) == (name is EngineName.STANDARD)


def test_every_engine_has_a_builder() -> None:
    assert set(BUILDERS) == set(EngineName)


def test_on_a_fresh_machine_auto_takes_the_embedded_engine(tmp_path: Path) -> None:
    settings = Settings(models=ModelSettings(dir=tmp_path, mirror=(), auto_pull="never"))
    engine = choose_engine(None, ModelStore(settings.models), SessionCache(), settings)
    assert engine.name is EngineName.EMBEDDED
    assert [note.split(":")[0] for note in engine.notes[:1]] == ["standard"]


def test_with_the_models_at_hand_auto_takes_the_standard_engine(tmp_path: Path, shared_models: Path) -> None:
    settings = Settings(
        models=ModelSettings(dir=tmp_path, mirror=(shared_models.as_uri(),), auto_pull="never")
    )
    engine = choose_engine(None, ModelStore(settings.models), SessionCache(), settings)
    assert engine.name is EngineName.STANDARD
    assert engine.notes == ()


def test_choosing_imports_no_engine_before_it_is_tried() -> None:
    code = (
        "import sys, steadfast.faces.engines; "
        "print([m for m in ('dlib', '_dlib_pybind11', 'onnxruntime') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
