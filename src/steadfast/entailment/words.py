"""The words that the embedded model reads: a sentence as numbers."""

import re

MAX_WORDS = 24
"""Words of a sentence that it reads; a longer one is refused."""
PADDING, START, UNKNOWN = 0, 1, 2
_WORD = re.compile(r"[a-z0-9]+")

THINGS = frozenset({"circle", "square", "triangle", "star", "cross", "ring", "object", "shape", "thing"})
"""What a sentence must name to be about shapes."""
_WORDS = (
    "circle square triangle star cross ring object shape thing "
    "red orange yellow green blue purple black small large big little "
    "the a an there is are no not something in of on at to and "
    "left right above below over under beneath bigger smaller larger than side half top bottom upper lower "
    "picture image "
    "heavy light warm cold soft hard old new expensive cheap hollow solid wet dry fragile loud sweet smooth "
    "made metal wood plastic glass paper painted drawn yesterday today by hand someone child "
    "belongs weighs costs more hides number back behind it was has will move soon magnetic"
)
VOCABULARY: tuple[str, ...] = tuple(_WORDS.split())
"""What it was trained on. The order is part of the model: a word is told by its place here, plus three."""
_NUMBERS = {word: number for number, word in enumerate(VOCABULARY, start=UNKNOWN + 1)}
WORD_COUNT = UNKNOWN + 1 + len(VOCABULARY)


def words_of(sentence: str) -> list[str]:
    """Its words in lower case, without punctuation."""
    return _WORD.findall(sentence.lower())


def numbers_of(words: list[str]) -> list[int]:
    """One number per word, after the start sign."""
    return [START, *(_NUMBERS.get(word, UNKNOWN) for word in words)]


def unknown_words(words: list[str]) -> tuple[str, ...]:
    """Those that the model has never read, in order, each once."""
    return tuple(dict.fromkeys(word for word in words if word not in _NUMBERS))
