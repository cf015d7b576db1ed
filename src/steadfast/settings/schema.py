"""All sections under one roof."""

from pathlib import Path

import platformdirs
from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

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
from steadfast.settings.service import AdmissionSettings, DatabaseSettings, RuntimeSettings, ServerSettings
from steadfast.settings.telemetry import TelemetrySettings
from steadfast.settings.values import Folder, OptionalPath
from steadfast.settings.variables import Variables

PREFIX = "STEADFAST_"


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
    """Folder of everything the service keeps: its database, scratch files and jobs."""
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
