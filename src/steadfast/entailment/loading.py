"""From settings to a model that answers."""

from steadfast.entailment.embedded import EmbeddedModel
from steadfast.entailment.model import EntailmentModel
from steadfast.errors import ConfigError
from steadfast.inference.sessions import SessionCache
from steadfast.models.store import ModelStore
from steadfast.settings.entailment import EntailmentSettings

EMBEDDED = "shapes_entailment"
"""Its name in the catalogue."""


def load_model(
    settings: EntailmentSettings, store: ModelStore, sessions: SessionCache, *, precision: str = ""
) -> EntailmentModel:
    """The model that the settings name, loaded; `precision` overrides theirs.

    Raises `ModelMissing`, `ModelDamaged`, `EngineUnavailable` where a package is missing, `ConfigError` where
    the settings name no folder.
    """
    if settings.backend == "embedded":
        revision = store.catalogue[EMBEDDED].files[0].sha256
        return EmbeddedModel(sessions.get(EMBEDDED, store.require(EMBEDDED)), revision)
    if settings.model_dir is None:
        raise ConfigError(
            f"entailment.backend is {settings.backend} and entailment.model_dir is not set.",
            remedy="Set entailment.model_dir to the folder of the model.",
        )
    if settings.backend == "ofa":
        from steadfast.entailment.ofa.model import OfaModel  # noqa: PLC0415 — only who uses it pays for it

        return OfaModel(settings.model_dir, sessions, precision=precision or settings.precision)
    from steadfast.entailment.vlm import VlmModel  # noqa: PLC0415 — the same, and torch with it

    return VlmModel(settings.model_dir)
