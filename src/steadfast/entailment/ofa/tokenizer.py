"""Byte-level BPE as in GPT-2 (Radford et al. 2019; Sennrich, Haddow and Birch 2016), from a user's files.

Written out here because the run time needs nothing else of the library that has it.
"""

import json
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

from steadfast.errors import InputMissing, ModelUnsupported

BEGIN, PAD, END, UNKNOWN = 0, 1, 2, 3
_ENDINGS = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d")
_REMEMBERED_WORDS = 20_000


class BytePairTokenizer:
    """Text to numbers; the same as the slow tokenizer of BART for text without special tokens."""

    def __init__(self, numbers: dict[str, int], merges: list[tuple[str, str]]) -> None:
        self._numbers = numbers
        self._ranks = {pair: rank for rank, pair in enumerate(merges)}
        self._remembered: dict[str, tuple[int, ...]] = {}

    @classmethod
    def of_folder(cls, folder: Path) -> "BytePairTokenizer":
        """From `vocab.json` and `merges.txt`. Raises `InputMissing` and `ModelUnsupported`."""
        try:
            numbers = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
            lines = (folder / "merges.txt").read_text(encoding="utf-8").split("\n")
        except OSError as error:
            raise InputMissing(f"{error.filename} cannot be read ({error.strerror}).") from error
        except ValueError as error:
            raise ModelUnsupported(f"The vocabulary in {folder} cannot be read: {error}.") from error
        special = [numbers.get(name) for name in ("<s>", "<pad>", "</s>", "<unk>")]
        if special != [BEGIN, PAD, END, UNKNOWN]:
            raise ModelUnsupported(
                f"vocab.json numbers <s>, <pad>, </s> and <unk> {special}, not 0, 1, 2, 3."
            )
        merges = [tuple(line.split()) for line in lines if line and not line.startswith("#version")]
        return cls(numbers, [(pair[0], pair[1]) for pair in merges if len(pair) == 2])

    def encode(self, text: str) -> list[int]:
        """The numbers of a text, without begin and end."""
        return [number for piece in pieces_of(text) for number in self._piece(piece)]

    def _piece(self, piece: str) -> tuple[int, ...]:
        known = self._remembered.get(piece)
        if known is None:
            signs = _byte_signs()
            parts = self._merged([signs[byte] for byte in piece.encode("utf-8")])
            known = tuple(self._numbers.get(part, UNKNOWN) for part in parts)
            if len(self._remembered) < _REMEMBERED_WORDS:
                self._remembered[piece] = known
        return known

    def _merged(self, parts: list[str]) -> list[str]:
        while len(parts) > 1:
            best = min(pairwise(parts), key=lambda pair: self._ranks.get(pair, len(self._ranks)))
            if best not in self._ranks:
                break
            parts = _joined(parts, best)
        return parts


def _joined(parts: list[str], pair: tuple[str, str]) -> list[str]:
    """With every occurrence of the pair made one, from the left."""
    done: list[str] = []
    at = 0
    while at < len(parts):
        if tuple(parts[at : at + 2]) == pair:
            done.append(pair[0] + pair[1])
            at += 2
        else:
            done.append(parts[at])
            at += 1
    return done


@cache
def _byte_signs() -> dict[int, str]:
    """A visible character for each byte: itself where it has one, else one from 256 upwards."""
    visible = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    hidden = [byte for byte in range(256) if byte not in visible]
    return {byte: chr(byte) for byte in visible} | {
        byte: chr(256 + number) for number, byte in enumerate(hidden)
    }


def pieces_of(text: str) -> Iterator[str]:
    """Words with the space before them, numbers, runs of other signs, endings such as `'s`, and spaces."""
    at = 0
    while at < len(text):
        end = _end_of_piece(text, at)
        yield text[at:end]
        at = end


def _end_of_piece(text: str, at: int) -> int:
    for ending in _ENDINGS:
        if text.startswith(ending, at):
            return at + len(ending)
    start = at + 1 if text[at] == " " and at + 1 < len(text) and _kind(text[at + 1]) != "space" else at
    kind = _kind(text[start])
    end = start + 1
    while end < len(text) and _kind(text[end]) == kind:
        end += 1
    # The last of several spaces belongs to the word behind them.
    if kind == "space" and end < len(text) and end - start > 1:
        return end - 1
    return end


def _kind(character: str) -> str:
    if character.isspace():
        return "space"
    category = unicodedata.category(character)[0]
    return category if category in "LN" else "other"
