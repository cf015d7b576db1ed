"""Reads the settings once, and says of each where it comes from."""

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import platformdirs
from pydantic import ValidationError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsError

from steadfast.errors import ConfigError
from steadfast.settings.schema import MODELS_FOLDER, PREFIX, Settings
from steadfast.settings.variables import Variables

CONFIG_VARIABLE = "STEADFAST_CONFIG"
"""Names the settings file."""
NO_SETTINGS = frozenset({CONFIG_VARIABLE, "STEADFAST_URL", "STEADFAST_KEY"})
"""Variables of this prefix that are no settings; the others tell clients where the service is."""


def load_settings(file: Path | None = None) -> Settings:
    """The settings of this process.

    Raises `ConfigError`, which names the setting, its value and what was expected, if the file or a variable
    is wrong or unknown.
    """
    chosen = _settings_file(file)
    _refuse_unknown_sections()
    try:
        return _settings_over(_table_of(chosen) if chosen else {})()
    except ValidationError as error:
        raise ConfigError(_explained(error, chosen)) from error
    except SettingsError as error:
        raise ConfigError(f"A {PREFIX}* variable cannot be read: {error}.") from error


def with_options(settings: Settings, options: Mapping[str, Any]) -> Settings:
    """The settings with what the command line says: `{"server.port": 8081}`; None leaves a setting as it is.

    Raises `ConfigError` for a value that cannot be.
    """
    given = {name: value for name, value in options.items() if value is not None}
    table = settings.model_dump()
    if settings.models.dir == settings.data_dir / MODELS_FOLDER:
        del table["models"]["dir"]  # it was not chosen, so it goes where the data goes
    for name, value in given.items():
        *sections, field = name.split(".")
        place = table
        for section in sections:
            place = place[section]
        place[field] = value
    try:
        return Settings(**table) if given else settings
    except ValidationError as error:
        raise ConfigError(_explained(error, None)) from error


class EffectiveSetting(NamedTuple):
    """One setting as it is in force."""

    name: str
    value: Any
    """Plain data; a secret is masked."""
    origin: str
    """The variable or the file that says so, or `default`."""


def effective_settings(settings: Settings, file: Path | None = None) -> list[EffectiveSetting]:
    """Every setting, its value and where it comes from; `file` is the one that `load_settings` was given."""
    chosen = _settings_file(file)
    table = _table_of(chosen) if chosen else {}
    return list(_effective(settings.model_dump(mode="json"), [], table, chosen))


def _effective(
    values: Mapping[str, Any], path: list[str], table: Mapping[str, Any], file: Path | None
) -> Iterator[EffectiveSetting]:
    for name, value in values.items():
        here = [*path, name]
        if isinstance(value, Mapping):
            inner = table.get(name, {})
            yield from _effective(value, here, inner if isinstance(inner, Mapping) else {}, file)
            continue
        origin = _source_of(here, file if name in table else None).removeprefix("from ")
        yield EffectiveSetting(".".join(here), value, origin.replace("the defaults", "default"))


def default_settings_file() -> Path:
    """Where the settings file of this user is looked for."""
    return Path(platformdirs.user_config_dir("steadfast")) / "config.toml"


def _settings_file(file: Path | None) -> Path | None:
    if file is not None:
        return file
    if named := os.environ.get(CONFIG_VARIABLE):
        return Path(named)
    usual = default_settings_file()
    return usual if usual.is_file() else None


def _table_of(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"The settings file {file} cannot be read: {reason}.") from error
    except ValueError as error:  # not UTF-8, or not TOML
        raise ConfigError(f"The settings file {file} is not valid TOML: {error}.") from error


def _settings_over(table: Mapping[str, Any]) -> type[Settings]:
    """A class whose values come from variables first, then from the table of the file."""

    class SettingsOverFile(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,  # noqa: ARG003 — nothing is passed by keyword
            env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 — see Settings
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 — a stray .env is no configuration
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return Variables(settings_cls), InitSettingsSource(settings_cls, dict(table))

    return SettingsOverFile


def _refuse_unknown_sections() -> None:
    """Refuses variables of sections that do not exist, which pydantic passes over in silence."""
    for variable in os.environ:
        if not variable.upper().startswith(PREFIX) or variable.upper() in NO_SETTINGS:
            continue
        section = variable[len(PREFIX) :].split("__")[0].lower()
        if section not in Settings.model_fields:
            known = ", ".join(Settings.model_fields)
            raise ConfigError(f"The variable {variable} is not a setting; settings begin with: {known}.")


def _explained(error: ValidationError, file: Path | None) -> str:
    return " ".join(_explanations(error, file))


def _explanations(error: ValidationError, file: Path | None) -> Iterator[str]:
    for fault in error.errors(include_url=False):
        path = [str(part) for part in fault["loc"]]
        source = _source_of(path, file)
        name = ".".join(path)
        if fault["type"] == "extra_forbidden":
            yield f"There is no setting {name} ({source})."
        else:
            message = fault["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
            value = "a secret value" if _is_secret(path) else f"the value {fault['input']!r}"
            yield f"The setting {name} has {value} ({source}); expected {message}."


def _is_secret(path: list[str]) -> bool:
    """Whether the setting's value must not be shown: it, or something inside it, is declared a secret."""
    annotation: object = Settings
    for part in path:
        fields = getattr(annotation, "model_fields", {})
        annotation = fields[part].annotation if part in fields else annotation
    return "SecretStr" in str(annotation) or any(
        "SecretStr" in str(field.annotation) for field in getattr(annotation, "model_fields", {}).values()
    )


def _source_of(path: list[str], file: Path | None) -> str:
    variables = {name.upper(): name for name in os.environ}
    # The innermost part of a path may be the index of a list's item, which no variable names.
    for length in range(len(path), 0, -1):
        if name := variables.get(PREFIX + "__".join(path[:length]).upper()):
            return f"from {name}"
    return f"from {file}" if file else "from the defaults"
