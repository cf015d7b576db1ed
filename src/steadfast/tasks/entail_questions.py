"""Questions out of a file, as text: the server and the command line read the same CSV and JSON Lines."""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from steadfast.errors import InputMissing, InvalidOption, SteadfastError

COLUMNS = "image, text and, if there is one, caption"
LINE_ENDINGS = (".jsonl", ".ndjson")
"""Of names of files that hold JSON Lines; all others hold CSV."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedQuestion:
    """One line that can be used."""

    image: str
    """Name of the picture, as it stands there."""
    text: str
    caption: str | None = None


class Sentence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the file that goes to a worker with one picture."""

    text: str
    caption: str | None = None


def text_of(file: Path) -> str:
    """What a file of questions holds. Raises `InputMissing`, and `InvalidOption` where it is no UTF-8."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputMissing(f"{file} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise InvalidOption(f"{file} is not UTF-8.", remedy="Save it as UTF-8.") from error


def questions_in(text: str, name: str) -> list[NamedQuestion | SteadfastError]:
    """One question or error per line; `name` of the file tells its kind and stands in messages.

    Raises `InvalidOption` where the whole is of neither kind.
    """
    found = _from_lines(text) if name.lower().endswith(LINE_ENDINGS) else _from_csv(text, name)
    return [_question(values) for values in found]


def _from_csv(text: str, name: str) -> Iterator[Mapping[str, Any] | SteadfastError]:
    reader = csv.DictReader(text.splitlines(keepends=True))
    try:
        if not {"image", "text"} <= set(reader.fieldnames or ()):
            raise InvalidOption(
                f"{name} has no columns image and text.", remedy=f"Its heading names {COLUMNS}."
            )
        return iter(list(reader))
    except csv.Error as error:
        raise InvalidOption(f"{name} is no CSV: {error}.", remedy=f"Its heading names {COLUMNS}.") from error


def _from_lines(text: str) -> Iterator[Mapping[str, Any] | SteadfastError]:
    for line in filter(str.strip, text.split("\n")):
        try:
            values = json.loads(line)
        except ValueError as error:
            yield InvalidOption(f"The line is no JSON: {error}.", remedy=f"Each line has {COLUMNS}.")
            continue
        yield values if isinstance(values, dict) else InvalidOption("The line is no JSON object.")


def _question(values: Mapping[str, Any] | SteadfastError) -> NamedQuestion | SteadfastError:
    if isinstance(values, SteadfastError):
        return values
    image, text, caption = values.get("image"), values.get("text"), values.get("caption") or None
    if not isinstance(image, str) or not image or not isinstance(text, str):
        return InvalidOption("The line names no image or no text.", remedy=f"Each line has {COLUMNS}.")
    return NamedQuestion(image=image, text=text, caption=caption if isinstance(caption, str) else None)


def packed_sentences(sentences: list[Sentence]) -> bytes:
    """As a worker reads them: JSON, a line each."""
    return b"".join(json.dumps(msgspec.to_builtins(sentence)).encode() + b"\n" for sentence in sentences)


def unpacked_sentences(content: bytes) -> list[Sentence]:
    """What `packed_sentences` packed. Raises `InvalidOption` for anything else."""
    try:
        return [msgspec.convert(json.loads(line), Sentence) for line in content.splitlines()]
    except (ValueError, msgspec.ValidationError) as error:
        raise InvalidOption("The file of sentences cannot be read.") from error
