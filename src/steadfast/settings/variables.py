"""Variables as a source of settings."""

from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource


class Variables(EnvSettingsSource):
    """Takes JSON where a section or a list may be, and leaves all else to the field's own validator."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """The list or table that `value` is in JSON, else `value` as it came."""
        try:
            decoded = super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value
        return decoded if isinstance(decoded, list | dict) else value
