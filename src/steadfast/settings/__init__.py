"""All configuration: one TOML file and STEADFAST_* variables, read once, passed on as small objects.

`STEADFAST_MODELS__DIR=/models` sets `models.dir`; two underscores part the section from the field. A variable
wins over the file, the file over the default. The file is the one of `--config`, else of `STEADFAST_CONFIG`,
else `config.toml` in the user's configuration folder, if it is there. A list may be written as JSON or with
commas.
"""

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
    FaceSettings,
    InferenceSettings,
    MediaSettings,
    ModelSettings,
    NeuralSettings,
)
from steadfast.settings.loading import (
    CONFIG_VARIABLE,
    NO_SETTINGS,
    EffectiveSetting,
    default_settings_file,
    effective_settings,
    load_settings,
    with_options,
)
from steadfast.settings.schema import PREFIX, Settings
from steadfast.settings.service import AdmissionSettings, DatabaseSettings, RuntimeSettings, ServerSettings
from steadfast.settings.values import Section

__all__ = [
    "CONFIG_VARIABLE",
    "NO_SETTINGS",
    "PREFIX",
    "AdmissionSettings",
    "AlertSettings",
    "DatabaseSettings",
    "DiagnosisSettings",
    "EffectiveSetting",
    "FaceSettings",
    "HealthSettings",
    "InferenceSettings",
    "Least",
    "LogSettings",
    "MediaSettings",
    "ModelSettings",
    "NeuralSettings",
    "ProbeTuning",
    "Remedies",
    "Remedy",
    "RuntimeSettings",
    "Section",
    "ServerSettings",
    "Settings",
    "default_settings_file",
    "effective_settings",
    "load_settings",
    "with_options",
]
