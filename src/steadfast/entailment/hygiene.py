"""Sentences made fit to be read: cleaned of what nobody sees, or refused with one clear error.

The command line, HTTP and workers all call `clean_sentence`, so that a sentence fares the same everywhere.
"""

import re
import unicodedata
from dataclasses import dataclass
from html.parser import HTMLParser

from steadfast.errors import EmptyText, TextTooLong, TextUnreadable

MAX_CHARS = 20_000
"""Characters that are looked at at all; ten megabytes are refused before anything else is done with them."""
MAX_WORDS = 200
"""Words of a sentence; a model may take fewer."""
_PLAIN = re.compile(r"[ -;=?-~]*")
"""Printable ASCII without `<` and `>`: nothing to clean but spaces and entities."""
_MARKUP = re.compile(r"</?[a-zA-Z!][^<>]*>|&(?:[a-zA-Z]{2,31}|#[0-9]{1,7}|#x[0-9a-fA-F]{1,6});")
_SILENT_TAGS = frozenset({"script", "style", "template"})
_FOREIGN_SHARE = 0.3


@dataclass(frozen=True, kw_only=True, slots=True)
class CleanText:
    """A sentence that models may read."""

    text: str
    """One line, in Unicode's composed form."""
    warnings: tuple[str, ...] = ()
    """What was taken out, and what makes an answer doubtful."""


def too_many_characters(name: str, count: int) -> TextTooLong:
    """The refusal, for who counts without keeping what is counted."""
    return TextTooLong(f"The {name} has {count} characters; {MAX_CHARS} are read at most.")


def clean_sentence(given: str, *, name: str = "text") -> CleanText:
    """The sentence as models read it; `name` says in errors which one is meant.

    Invisible and control characters, bidirectional overrides and HTML are taken out, spaces made one. Raises
    `EmptyText` where no word is left, `TextTooLong`, and `TextUnreadable` for lone surrogates, which are what
    bytes become that were no text.
    """
    if len(given) > MAX_CHARS:
        raise too_many_characters(name, len(given))
    warnings: list[str] = []
    text = given
    if not _PLAIN.fullmatch(given) or "&" in given:
        text = _made_plain(given, name, warnings)
    words = text.split()
    if not any(character.isalnum() for character in text):
        raise EmptyText(f"The {name} holds no word.")
    if len(words) > MAX_WORDS:
        raise TextTooLong(f"The {name} has {len(words)} words; {MAX_WORDS} are read at most.")
    if not text.isascii() and _foreign_share(text) > _FOREIGN_SHARE:
        warnings.append(f"The {name} is not in the Latin script; the model has learned English only.")
    return CleanText(text=" ".join(words), warnings=tuple(warnings))


def _made_plain(given: str, name: str, warnings: list[str]) -> str:
    if any("\ud800" <= character <= "\udfff" for character in given):
        raise TextUnreadable(
            f"The {name} holds half a character (a lone surrogate): its bytes were no UTF-8."
        )
    text = given
    if _MARKUP.search(text):
        text = _without_markup(text)
        warnings.append(f"HTML was taken out of the {name}.")
    text = unicodedata.normalize("NFKC", text)
    seen = "".join(map(_as_seen, text))
    if len(seen) != len(text):
        warnings.append(f"Invisible characters were taken out of the {name}.")
    return seen


def _as_seen(character: str) -> str:
    """What a reader sees of it: a space for every kind of space, nothing for what does not show."""
    if character.isspace():
        return " "
    kind = unicodedata.category(character)
    # Cc control, Cf format (zero width, bidirectional), Co private use, Cn unassigned.
    return "" if kind in {"Cc", "Cf", "Co", "Cn"} or 0xFE00 <= ord(character) <= 0xFE0F else character


class _TextOfMarkup(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self._silent += tag in _SILENT_TAGS
        self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self._silent = max(0, self._silent - (tag in _SILENT_TAGS))
        self.parts.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data)


def _without_markup(text: str) -> str:
    reader = _TextOfMarkup()
    reader.feed(text)
    reader.close()
    return "".join(reader.parts)


def _foreign_share(text: str) -> float:
    letters = [character for character in text if character.isalpha()]
    foreign = sum(not unicodedata.name(letter, "").startswith("LATIN") for letter in letters)
    return foreign / max(1, len(letters))
