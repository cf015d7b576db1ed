"""Values that many settings share, and the base of all sections.

Workers import this, so `pydantic_settings`, which takes longer to import than a spare may spare, stays out.
"""

import json
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict


def listed(value: object) -> object:
    """A list out of one string: JSON, or items parted by commas."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except ValueError as error:
            raise ValueError(f"a JSON list or items parted by commas ({error})") from error
    return [item.strip() for item in value.split(",") if item.strip()]


def _urls(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_url(value) for value in values)


def _url(value: str) -> str:
    if value.startswith(("https://", "http://", "file://")):
        return value.rstrip("/")
    path = Path(value).expanduser()
    if "://" in value or not path.is_absolute():
        raise ValueError("a file://, https:// or http:// URL, or the absolute path of a folder")
    return path.as_uri()


def _expanded(path: Path | None) -> Path | None:
    return path.expanduser() if path is not None else None


def core_numbers(value: object) -> object:
    """Numbers out of `2-7,9`, as `taskset` writes them."""
    if not isinstance(value, str):
        return value
    numbers: list[int] = []
    for part in filter(None, (part.strip() for part in value.split(","))):
        first, dash, last = part.partition("-")
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal()) or int(last) < int(first):
            raise ValueError("numbers of cores such as 2-7,9")
        numbers += range(int(first), int(last) + 1)
    return tuple(numbers)


Cores = Annotated[tuple[int, ...], BeforeValidator(core_numbers)]
Names = Annotated[tuple[str, ...], BeforeValidator(listed)]
Urls = Annotated[tuple[str, ...], BeforeValidator(listed), AfterValidator(_urls)]
Folder = Annotated[Path, AfterValidator(Path.expanduser)]
Paths = Annotated[tuple[Folder, ...], BeforeValidator(listed)]
OptionalPath = Annotated[Path | None, AfterValidator(_expanded)]


class Section(BaseModel):
    """Base of the sections: unknown fields are refused, values do not change after the start."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
