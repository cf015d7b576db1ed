"""Names of outputs made from a pattern, none of which leaves the folder it was given."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from string import Formatter

from steadfast.errors import InvalidOption, UnsafePath

FIELDS: Mapping[str, str] = {
    "stem": "the target's name without its ending",
    "suffix": "the ending, with its dot",
    "source": "the source photo's name without its ending",
    "index": "the number of the output, from 1; {index:03} pads it",
    "folder": "where the target lies inside the folder that was given, empty at its top",
}
"""What may stand in braces, and what it becomes."""

_FORBIDDEN = "\0\n\r"
_PADDING = re.compile(r"0?[1-9]d?")  # a width that memory can hold


@dataclass(frozen=True, kw_only=True, slots=True)
class NameValues:
    """What the fields of a pattern become for one output."""

    stem: str
    suffix: str
    source: str
    index: int
    folder: str


class NamePattern:
    """A checked pattern such as `{folder}/{stem}_{source}{suffix}`.

    Raises `UnsafePath` for `..`, an absolute path or a drive, and `InvalidOption` for a field that does not
    exist or a brace too many.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        _check_literals(text)
        self.fields = frozenset(_fields_of(text))

    def path_in(self, folder: Path, values: NameValues) -> Path:
        """The output's path; raises `UnsafePath` where it would lie outside `folder`, through links too."""
        name = self._filled(values)
        path = folder / name
        if not PurePosixPath(name).name or any(sign in name for sign in _FORBIDDEN):
            raise UnsafePath(f"The name pattern {self.text!r} makes {name!r}, which is no file name.")
        if not path.resolve().is_relative_to(folder.resolve()):
            raise UnsafePath(f"The name pattern {self.text!r} makes {name!r}, which leaves {folder}.")
        return path

    def _filled(self, values: NameValues) -> str:
        name = self.text.format_map({name: getattr(values, name) for name in FIELDS})
        return name.removeprefix("/") if not values.folder else name  # "{folder}/…" at the top


def _fields_of(text: str) -> list[str]:
    try:
        fields = [part[1:] for part in Formatter().parse(text)]
    except ValueError as error:
        raise InvalidOption(f"The name pattern {text!r} is malformed: {error}.") from error
    for field, spec, conversion in fields:
        if field is None:  # the text behind the last one
            continue
        is_padded = field == "index" and _PADDING.fullmatch(spec or "")
        if field not in FIELDS or conversion or (spec and not is_padded):
            allowed = ", ".join(f"{{{name}}}" for name in FIELDS)
            raise InvalidOption(
                f"The name pattern {text!r} has a field that is unknown or badly formed.",
                remedy=f"Use {allowed}; {{index:03}} pads the number.",
            )
    return [str(field) for field, _, _ in fields if field is not None]


def _check_literals(text: str) -> None:
    looks = PureWindowsPath(text)  # knows both slashes, drives and shares
    if PurePosixPath(text).is_absolute() or looks.drive or looks.root:
        raise UnsafePath(f"The name pattern {text!r} is an absolute path.")
    if ".." in looks.parts:
        raise UnsafePath(f"The name pattern {text!r} has '..' in it.")
