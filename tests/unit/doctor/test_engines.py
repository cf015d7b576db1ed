"""The engines' colours say what a swap would really take, and what would be better."""

from pathlib import Path
from typing import cast

import pytest

from steadfast.doctor.engines import engine_findings, engine_taken, model_findings
from steadfast.doctor.finding import Finding, Health
from steadfast.errors import EngineUnavailable, ModelMissing
from steadfast.faces.engines import BEST_FIRST, EngineVerdict
from steadfast.faces.roles import Engine, EngineName
from steadfast.models.catalogue import ModelFamily, builtin_catalogue
from steadfast.models.store import ModelStore
from steadfast.settings import ModelSettings


class WorkingEngine:
    """As much of an engine as the doctor looks at."""

    models = ("dlib_hog", "dlib_68_points")


def verdicts(*working: EngineName) -> list[EngineVerdict]:
    """All engines, of which these work."""
    engine = cast(Engine, WorkingEngine())
    reasons = {EngineName.STANDARD: ModelMissing("The model yunet is missing.")}
    other = EngineUnavailable("Something is missing.", remedy="Bring it.")
    return [
        EngineVerdict(name=name, engine=engine, reason=None)
        if name in working
        else EngineVerdict(name=name, engine=None, reason=reasons.get(name, other))
        for name in BEST_FIRST
    ]


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(ModelSettings(dir=tmp_path))


def found(wanted: str, store: ModelStore, *working: EngineName) -> dict[str, Finding]:
    return {f.name: f for f in engine_findings(verdicts(*working), wanted, store)}


def test_auto_takes_the_best_that_works() -> None:
    both = verdicts(EngineName.EMBEDDED, EngineName.STANDARD)
    assert engine_taken(both, "auto") is EngineName.STANDARD
    assert engine_taken(both, "embedded") is EngineName.EMBEDDED
    assert engine_taken(both, "neural") is None
    assert engine_taken(verdicts(), "auto") is None


def test_a_standard_engine_that_only_lacks_its_models_is_a_hint_and_no_failure(store: ModelStore) -> None:
    findings = found("auto", store, EngineName.EMBEDDED)
    assert findings["embedded"].health is Health.GREEN
    assert findings["standard"].health is Health.YELLOW
    assert "steadfast models pull" in findings["standard"].remedy
    assert findings["neural"].health is Health.OFF


def test_the_engine_that_was_asked_for_and_fails_is_red_and_the_others_are_not(store: ModelStore) -> None:
    findings = found("neural", store, EngineName.EMBEDDED)
    assert findings["neural"].health is Health.RED
    assert findings["neural"].remedy == "Bring it."
    assert findings["standard"].health is not Health.RED


def test_where_no_engine_works_those_that_anyone_may_have_are_red(store: ModelStore) -> None:
    findings = found("auto", store)
    assert findings["standard"].health is findings["embedded"].health is Health.RED
    assert "steadfast models pull" in findings["standard"].remedy
    assert findings["neural"].health is Health.OFF


def test_an_embedded_engine_that_is_broken_is_a_warning_while_a_better_one_works(store: ModelStore) -> None:
    assert found("auto", store, EngineName.STANDARD)["embedded"].health is Health.YELLOW


def test_an_engine_that_forbids_commercial_use_says_so_beside_its_name(store: ModelStore) -> None:
    summary = found("auto", store, EngineName.EMBEDDED)["embedded"].summary
    assert "not for commercial use" in summary
    assert "iBUG 300-W" in summary


def test_every_model_that_is_here_is_listed_with_state_and_licence_and_the_rest_counted(
    store: ModelStore,
) -> None:
    findings = {f.name: f for f in model_findings(store)}
    for model in builtin_catalogue().of(ModelFamily.EMBEDDED):
        assert findings[model.name].summary.startswith("bundled (")
        assert model.license in findings[model.name].summary
    absent = findings["neural models"].facts["absent"]
    assert len(absent) == len(builtin_catalogue().of(ModelFamily.NEURAL))


def test_a_damaged_model_is_yellow_with_the_command_that_mends_it(store: ModelStore) -> None:
    store.path("mobilefacenet").write_bytes(b"not a model")
    finding = next(f for f in model_findings(store) if f.name == "mobilefacenet")
    assert finding.health is Health.YELLOW
    assert "steadfast models pull mobilefacenet" in finding.remedy
