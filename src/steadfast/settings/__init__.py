"""All configuration: one TOML file and STEADFAST_* variables, read once, passed on as small objects.

`STEADFAST_MODELS__DIR=/models` sets `models.dir`; two underscores part the section from the field. A variable
wins over the file, the file over the default. The file is the one of `--config`, else of `STEADFAST_CONFIG`,
else `config.toml` in the user's configuration folder, if it is there. A list may be written as JSON or with
commas.

A name is looked up in its module when it is first asked for: a worker, whose start somebody may be waiting
for, asks for the sections of `inference` only, and does not pay for the others.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steadfast.settings.cluster import ClusterSettings
    from steadfast.settings.drill import DrillSettings
    from steadfast.settings.entailment import EntailmentSettings, EntailmentWorkSettings
    from steadfast.settings.files import (
        BlobSettings,
        ReferenceSettings,
        RetentionSettings,
        UploadSettings,
        WebhookSettings,
    )
    from steadfast.settings.health import (
        AlertSettings,
        DiagnosisSettings,
        HealthSettings,
        Least,
        LogSettings,
        ProbeTuning,
        Remedies,
        Remedy,
    )
    from steadfast.settings.inference import (
        EngineSettings,
        FaceSettings,
        FaceWorkSettings,
        InferenceSettings,
        MediaSettings,
        ModelSettings,
        NeuralSettings,
    )
    from steadfast.settings.jobs import JobSettings
    from steadfast.settings.loading import (
        CONFIG_VARIABLE,
        NO_SETTINGS,
        EffectiveSetting,
        default_settings_file,
        effective_settings,
        load_settings,
        with_options,
    )
    from steadfast.settings.objectives import ObjectiveSettings, QualityTargets
    from steadfast.settings.schema import PREFIX, Settings
    from steadfast.settings.service import (
        AdmissionSettings,
        DatabaseSettings,
        RuntimeSettings,
        ServerSettings,
    )
    from steadfast.settings.telemetry import TelemetrySettings
    from steadfast.settings.values import Section

__all__ = [
    "CONFIG_VARIABLE",
    "NO_SETTINGS",
    "PREFIX",
    "AdmissionSettings",
    "AlertSettings",
    "BlobSettings",
    "ClusterSettings",
    "DatabaseSettings",
    "DiagnosisSettings",
    "DrillSettings",
    "EffectiveSetting",
    "EngineSettings",
    "EntailmentSettings",
    "EntailmentWorkSettings",
    "FaceSettings",
    "FaceWorkSettings",
    "HealthSettings",
    "InferenceSettings",
    "JobSettings",
    "Least",
    "LogSettings",
    "MediaSettings",
    "ModelSettings",
    "NeuralSettings",
    "ObjectiveSettings",
    "ProbeTuning",
    "QualityTargets",
    "ReferenceSettings",
    "Remedies",
    "Remedy",
    "RetentionSettings",
    "RuntimeSettings",
    "Section",
    "ServerSettings",
    "Settings",
    "TelemetrySettings",
    "UploadSettings",
    "WebhookSettings",
    "default_settings_file",
    "effective_settings",
    "load_settings",
    "with_options",
]

_MODULES = (
    "values",
    "inference",
    "entailment",
    "service",
    "telemetry",
    "objectives",
    "files",
    "jobs",
    "cluster",
    "health",
    "drill",
    "schema",
    "loading",
)
"""Where names are looked for, in this order: what costs least to import comes first."""

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name in __all__:
            for module in _MODULES:
                found = getattr(import_module(f"{__name__}.{module}"), name, None)
                if found is not None:
                    globals()[name] = found
                    return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
