"""The model files with their state and licence, and the engines that really come up with them."""

from collections.abc import Iterator, Sequence

from steadfast.doctor.finding import Finding, Health, Section
from steadfast.errors import ModelMissing
from steadfast.faces.engines import BEST_FIRST, EngineVerdict, try_engine
from steadfast.faces.roles import EngineName
from steadfast.inference.sessions import SessionCache
from steadfast.models.catalogue import CommercialUse, Model, ModelFamily
from steadfast.models.store import ModelState, ModelStore
from steadfast.settings import Settings

_STATE_HEALTH = {
    ModelState.READY: Health.GREEN,
    ModelState.BUNDLED: Health.GREEN,
    ModelState.DAMAGED: Health.YELLOW,  # it is replaced when it is next needed
    ModelState.MISSING: Health.OFF,
    ModelState.LICENSE_NEEDED: Health.OFF,
}


def try_engines(settings: Settings) -> list[EngineVerdict]:
    """Every engine, best first, loaded as a swap would load it, but without any use of the network."""
    unconnected = settings.models.model_copy(update={"auto_pull": "never"})
    store, sessions = ModelStore(unconnected), SessionCache(settings.inference)
    return [try_engine(name, store, sessions, settings) for name in BEST_FIRST]


def engine_taken(verdicts: Sequence[EngineVerdict], wanted: str) -> EngineName | None:
    """The engine a swap takes: the one of the settings, or with `auto` the first that works; None: no one."""
    working = [verdict.name for verdict in verdicts if verdict.engine is not None]
    chosen = working if wanted == "auto" else [name for name in working if name.value == wanted]
    return chosen[0] if chosen else None


def engine_findings(verdicts: Sequence[EngineVerdict], wanted: str, store: ModelStore) -> Iterator[Finding]:
    """One finding per engine."""
    taken = engine_taken(verdicts, wanted)
    for verdict in verdicts:
        if verdict.engine is not None:
            yield _working(verdict, is_taken=verdict.name is taken, store=store)
        else:
            yield _failing(verdict, _health_of_failing(verdict.name, wanted, taken))


def model_findings(store: ModelStore) -> Iterator[Finding]:
    """A finding for each model, but one for all neural models that are not here."""
    absent: list[Model] = []
    for model in store.catalogue:
        state = store.state(model.name)
        if model.family is ModelFamily.NEURAL and _STATE_HEALTH[state] is Health.OFF:
            absent.append(model)
        else:
            yield _model(model, state)
    if absent:
        yield _absent(absent, store)


def _working(verdict: EngineVerdict, *, is_taken: bool, store: ModelStore) -> Finding:
    assert verdict.engine is not None
    restricted = [
        model.license
        for model in store.catalogue
        if model.name in verdict.engine.models and model.commercial is not CommercialUse.YES
    ]
    summary = "works, and is what a swap takes" if is_taken else "works"
    if restricted:
        summary += f"; not for commercial use ({', '.join(dict.fromkeys(restricted))})"
    return Finding(
        section=Section.ENGINES,
        name=verdict.name.value,
        health=Health.GREEN,
        summary=summary,
        facts={
            "works": True,
            "taken": is_taken,
            "models": verdict.engine.models,
            "restricted_by": restricted,
        },
    )


def _failing(verdict: EngineVerdict, health: Health) -> Finding:
    assert verdict.reason is not None
    remedy = verdict.reason.remedy
    if verdict.name is EngineName.STANDARD and isinstance(verdict.reason, ModelMissing):
        remedy = "Fetch its models (7 MB, permissive licences): `steadfast models pull`."
    return Finding(
        section=Section.ENGINES,
        name=verdict.name.value,
        health=health,
        summary=verdict.reason.detail.rstrip("."),
        remedy=remedy if health is not Health.OFF else "",
        facts={"works": False, "taken": False, "reason": verdict.reason},
    )


def _health_of_failing(name: EngineName, wanted: str, taken: EngineName | None) -> Health:
    if name.value == wanted:
        return Health.RED
    if wanted != "auto" or name is EngineName.NEURAL:
        return Health.OFF  # nobody asked for it, and its models are nobody's default
    return Health.RED if taken is None else Health.YELLOW


def _model(model: Model, state: ModelState) -> Finding:
    health = _STATE_HEALTH[state]
    words = state.value.replace("license", "licence").replace("_", " ")
    commercial = {CommercialUse.YES: "", CommercialUse.NO: ", not for commercial use"}
    terms = f"{model.license}{commercial.get(model.commercial, ', commercial use unclear')}"
    if "commercial" in model.license:
        terms = model.license
    return Finding(
        section=Section.MODELS,
        name=model.name,
        health=health,
        summary=f"{words} ({terms})",
        remedy=f"Fetch it again: `steadfast models pull {model.name}`."
        if state is ModelState.DAMAGED
        else "",
        facts=_facts(model, state),
    )


def _absent(models: Sequence[Model], store: ModelStore) -> Finding:
    return Finding(
        section=Section.MODELS,
        name="neural models",
        health=Health.OFF,
        summary=f"{len(models)} not here; `steadfast models list --engine neural` shows their licences",
        facts={"absent": [_facts(model, store.state(model.name)) for model in models]},
    )


def _facts(model: Model, state: ModelState) -> dict[str, str]:
    return {
        "model": model.name,
        "engine": model.family.value,
        "state": state.value,
        "license": model.license,
        "commercial_use": model.commercial.value,
    }
