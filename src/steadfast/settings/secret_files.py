"""Secrets that stand in files of their own, as Docker and Kubernetes hand them over."""

from pathlib import Path

from pydantic import SecretStr

from steadfast.errors import ConfigError


def secret_text(name: str, value: SecretStr | None, file: Path | None) -> str | None:
    """The secret that the setting `name` holds, else what stands in its file, without space around it.

    None: there is neither, or the file is empty. Raises `ConfigError` for a file that cannot be read.
    """
    if value is not None:
        return value.get_secret_value()
    if file is None:
        return None
    try:
        return file.read_text(encoding="utf-8").strip() or None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise ConfigError(f"The file of {name} cannot be read: {reason}.") from error
