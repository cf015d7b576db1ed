"""Model files before a start: their sums, and whether those that are missing or damaged can be had."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from steadfast.doctor.finding import Finding, Health, Section
from steadfast.models.catalogue import Model, ModelFamily, ModelRole
from steadfast.models.store import ModelState, ModelStore
from steadfast.settings import EntailmentSettings, ModelSettings, Settings

_HAVE_THEM = "Fetch them: `steadfast models pull`, or name a folder that has them in models.mirror."


def examine_models(settings: Settings, store: ModelStore | None = None) -> Iterator[Finding]:
    """Reads every file that workers are going to load."""
    store = store or ModelStore(settings.models)
    engine = settings.faces.engine
    if engine == "auto":
        yield from _any_engine(settings, store)
    else:
        yield _one_engine(ModelFamily(engine), settings, store)
    if settings.entailment.enabled:
        yield from _entailment(settings.entailment, store)


def _any_engine(settings: Settings, store: ModelStore) -> Iterator[Finding]:
    """The best engine that has its models serves, so only where none has any is a start in vain."""
    standard = _missing(store.catalogue.of(ModelFamily.STANDARD), settings.models, store)
    damaged = [
        model.name
        for family in (ModelFamily.NEURAL, ModelFamily.STANDARD)
        for model in store.catalogue.of(family)
        if store.state(model.name) is ModelState.DAMAGED
    ]
    if damaged:
        yield _finding(Health.YELLOW, f"damaged: {', '.join(damaged)}", "What can be had anew is fetched.")
    if not standard:
        yield _finding(Health.GREEN, "those of the standard engine are here, or can be had")
        return
    embedded = _missing(store.catalogue.of(ModelFamily.EMBEDDED), settings.models, store)
    if not embedded:
        yield _finding(
            Health.YELLOW, f"without {', '.join(standard)} only the embedded engine works", _HAVE_THEM
        )
    elif not _neural_works(settings, store):
        yield _finding(Health.RED, f"no engine has its models; missing: {', '.join(standard)}", _HAVE_THEM)


def _one_engine(family: ModelFamily, settings: Settings, store: ModelStore) -> Finding:
    if family is ModelFamily.NEURAL:
        if _neural_works(settings, store):
            return _finding(Health.GREEN, "a swapper and an identity model of the neural engine are here")
        return _finding(
            Health.RED,
            "faces.engine is neural, and no swapper or no identity model of it is here, whole and accepted",
            "Fetch them: `steadfast models pull NAME --accept-license`.",
        )
    missing = _missing(store.catalogue.of(family), settings.models, store)
    if not missing:
        return _finding(Health.GREEN, f"those of the {family.value} engine are here, or can be had")
    return _finding(
        Health.RED,
        f"faces.engine is {family.value}, and these cannot be used: {', '.join(missing)}",
        _HAVE_THEM if family is ModelFamily.STANDARD else "Install face_recognition_models again.",
    )


def _neural_works(settings: Settings, store: ModelStore) -> bool:
    models = store.catalogue.of(ModelFamily.NEURAL)
    usable = [model for model in models if _can_be_had(model, settings.models, store)]
    swappers = set(settings.neural.swappers)
    return any(model.name in swappers for model in usable) and any(
        model.role is ModelRole.IDENTITY for model in usable
    )


def _missing(models: Iterable[Model], settings: ModelSettings, store: ModelStore) -> list[str]:
    return [model.name for model in models if not _can_be_had(model, settings, store)]


def _can_be_had(model: Model, settings: ModelSettings, store: ModelStore) -> bool:
    """Whether it is here and whole, or would be fetched when the service needs it."""
    state = store.state(model.name)
    if state.is_usable:
        return True
    if state is ModelState.LICENSE_NEEDED or model.is_bundled:
        return False
    may_ask = settings.auto_pull == "always" or (
        settings.auto_pull == "repair" and state is ModelState.DAMAGED
    )
    return may_ask or all(_is_mirrored(file.name, settings.mirror) for file in model.files)


def _is_mirrored(name: str, mirrors: Iterable[str]) -> bool:
    folders = [Path(unquote(urlsplit(url).path)) for url in mirrors if url.startswith("file://")]
    return any((folder / name).is_file() for folder in folders)


def _entailment(settings: EntailmentSettings, store: ModelStore) -> Iterator[Finding]:
    if settings.backend != "embedded":
        folder = settings.model_dir
        if folder is None or not folder.is_dir():
            yield _finding(
                Health.RED,
                f"entailment.backend is {settings.backend}, and entailment.model_dir "
                + (f"({folder}) is no folder" if folder else "is not set"),
                "Set entailment.model_dir to the folder of the model, or entailment.enabled to false.",
            )
        return
    damaged = [
        model.name
        for model in store.catalogue.of(ModelFamily.ENTAILMENT)
        if not store.state(model.name).is_usable
    ]
    if damaged:
        yield _finding(
            Health.YELLOW, f"{', '.join(damaged)} is missing or damaged", "Install Steadfast again."
        )


def _finding(health: Health, summary: str, remedy: str = "") -> Finding:
    return Finding(section=Section.MODELS, name="Models", health=health, summary=summary, remedy=remedy)
