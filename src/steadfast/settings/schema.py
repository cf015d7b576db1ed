"""All sections under one roof."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from steadfast.settings.cluster import ClusterSettings
from steadfast.settings.drill import DrillSettings
from steadfast.settings.entailment import EntailmentSettings
from steadfast.settings.files import (
    BlobSettings,
    ReferenceSettings,
    RetentionSettings,
    UploadSettings,
    WebhookSettings,
)
from steadfast.settings.health import AlertSettings, DiagnosisSettings, HealthSettings, LogSettings
from steadfast.settings.inference import (
    FaceSettings,
    InferenceSettings,
    MediaSettings,
    ModelSettings,
    NeuralSettings,
)
from steadfast.settings.jobs import JobSettings
from steadfast.settings.objectives import ObjectiveSettings
from steadfast.settings.service import AdmissionSettings, DatabaseSettings, RuntimeSettings, ServerSettings
from steadfast.settings.telemetry import TelemetrySettings
from steadfast.settings.values import Folder, OptionalPath
from steadfast.settings.variables import Variables

PREFIX = "STEADFAST_"
MODELS_FOLDER = "models"
"""In the data folder."""


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    data_dir: Folder = Field(default_factory=lambda: Path(platformdirs.user_data_dir("steadfast")))
    """Folder of everything the service keeps: its database, models, scratch files and jobs."""
    bootstrap_key_file: OptionalPath = None
    """File with the first API key (at least 32 characters), which gets every scope; none: the first start
    makes one and prints it once."""

    server: ServerSettings = ServerSettings()
    runtime: RuntimeSettings = RuntimeSettings()
    admission: AdmissionSettings = AdmissionSettings()
    database: DatabaseSettings = DatabaseSettings()
    logs: LogSettings = LogSettings()
    diagnosis: DiagnosisSettings = DiagnosisSettings()
    health: HealthSettings = HealthSettings()
    alerts: AlertSettings = AlertSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    objectives: ObjectiveSettings = ObjectiveSettings()
    jobs: JobSettings = JobSettings()
    cluster: ClusterSettings = ClusterSettings()
    blobs: BlobSettings = BlobSettings()
    uploads: UploadSettings = UploadSettings()
    references: ReferenceSettings = ReferenceSettings()
    retention: RetentionSettings = RetentionSettings()
    webhooks: WebhookSettings = WebhookSettings()
    models: ModelSettings = ModelSettings()
    inference: InferenceSettings = InferenceSettings()
    media: MediaSettings = MediaSettings()
    faces: FaceSettings = FaceSettings()
    neural: NeuralSettings = NeuralSettings()
    entailment: EntailmentSettings = EntailmentSettings()
    drill: DrillSettings = DrillSettings()

    @model_validator(mode="before")
    @classmethod
    def _keep_models_with_the_data(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """`models.dir` lies in a data folder that was chosen, unless it was chosen itself."""
        if "data_dir" not in values:
            return values
        folder = Path(values["data_dir"]).expanduser() / MODELS_FOLDER
        models = values.get("models", {})
        if isinstance(models, ModelSettings) and "dir" not in models.model_fields_set:
            return {**values, "models": models.model_copy(update={"dir": folder})}
        if isinstance(models, Mapping) and "dir" not in models:
            return {**values, "models": {**models, "dir": folder}}
        return values

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 — `Variables` reads lists with commas too
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 — a stray .env is no configuration
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is passed by keyword, then variables."""
        return init_settings, Variables(settings_cls)
