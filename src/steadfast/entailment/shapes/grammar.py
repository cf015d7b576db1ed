"""Sentences about scenes, with the answer that is known by construction.

A description (`red circle`) may fit no shape of a scene, one, or several. Sentences that say something of a
thing are only asked where at most one fits: nobody could tell which of two is meant. Where none fits the
answer is no. What a picture cannot show (weight, owner) is maybe for things that are there, and no for things
that are not. Positions closer than `_MARGIN` are never asked about.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from steadfast.entailment.answer import ANSWERS, Answer
from steadfast.entailment.shapes.world import TRAINED, Colour, Item, Pair, Scene, Shape, Size
from steadfast.entailment.words import words_of

_MARGIN = 0.1
_TRIES = 300
_ANY = ("object", "shape", "thing")
_SIZE_WORDS = {Size.LARGE: ("large", "big"), Size.SMALL: ("small", "little")}


@dataclass(frozen=True, kw_only=True, slots=True)
class Description:
    """What a noun phrase asks of a shape; None: anything."""

    colour: Colour | None = None
    shape: Shape | None = None
    size: Size | None = None

    def fits(self, item: Item) -> bool:
        """Whether the shape is meant by it."""
        return (
            (self.colour is None or item.colour is self.colour)
            and (self.shape is None or item.shape is self.shape)
            and (self.size is None or item.size is self.size)
        )

    def found_in(self, scene: Scene) -> list[Item]:
        """Every shape that it fits."""
        return [item for item in scene.items if self.fits(item)]

    def worded(self, random: Random) -> str:
        """Its words, the noun last."""
        words = [] if self.size is None else [random.choice(_SIZE_WORDS[self.size])]
        if self.colour is not None:
            words.append(self.colour.value)
        words.append(random.choice(_ANY) if self.shape is None else self.shape.value)
        return " ".join(words)


@dataclass(frozen=True, kw_only=True, slots=True)
class Mention:
    """Where a sentence names something; what the network is told of it while it learns."""

    word: int
    """Place of its noun among the words."""
    found: int
    """How many shapes fit, 2 for more."""
    x: float
    """Of the shape if it is the only one."""
    y: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Sentence:
    """A sentence about a scene."""

    text: str
    answer: Answer
    mentions: tuple[Mention, ...]


Parts = Sequence[str | Description]
Draft = tuple[Parts, Answer | None]
"""What a template makes of a scene; None for the answer: too close to call."""


class Writer:
    """Writes sentences about one scene after another."""

    def __init__(
        self,
        random: Random,
        pairs: frozenset[Pair] = TRAINED,
        *,
        featured: frozenset[Pair] = frozenset(),
        unknown_share: float = 0.0,
    ) -> None:
        """`pairs` may be named, one of `featured` must; some unseen properties become unknown words."""
        self._random = random
        self._pairs = pairs
        self._featured = featured
        self._unknown_share = unknown_share

    def write(self, scene: Scene, wanted: Answer | None = None) -> Sentence | None:
        """A sentence whose answer is `wanted` (or one of three, evenly); None where the scene gives none."""
        wanted = wanted or self._random.choice(ANSWERS)
        templates, weights = _TEMPLATES_FOR[wanted]
        for _ in range(_TRIES):
            template = self._random.choices(templates, weights)[0]
            parts, answer = template(self, scene)
            if answer is wanted and self._allowed(parts):
                return self._finish(parts, answer, scene)
        return None

    def _allowed(self, parts: Parts) -> bool:
        named = {
            (part.colour, part.shape)
            for part in parts
            if isinstance(part, Description) and part.colour is not None and part.shape is not None
        }
        return named <= self._pairs and (not self._featured or bool(named & self._featured))

    def _finish(self, parts: Parts, answer: Answer, scene: Scene) -> Sentence:
        texts: list[str] = []
        mentions = []
        for part in parts:
            if isinstance(part, str):
                texts.append(part)
                continue
            texts.append(part.worded(self._random))
            found = part.found_in(scene)
            mentions.append(
                Mention(
                    word=len(words_of(" ".join(texts))) - 1,
                    found=min(2, len(found)),
                    x=found[0].x if len(found) == 1 else 0.0,
                    y=found[0].y if len(found) == 1 else 0.0,
                )
            )
        text = " ".join(texts).replace("a orange", "an orange")
        return Sentence(text=f"{text[0].upper()}{text[1:]}.", answer=answer, mentions=tuple(mentions))

    # --- what templates are made of -----------------------------------------------------------------

    def description(self, scene: Scene, *, least: int = 1) -> Description:
        """One that fits a shape of the scene in `least` respects or more, or nearly does."""
        random = self._random
        item = random.choice(scene.items)
        colour: Colour | None = item.colour
        shape: Shape | None = item.shape
        size = item.size if random.random() < 0.15 else None
        if random.random() < 0.25:
            colour = random.choice(tuple(Colour))
        elif random.random() < 0.2:
            shape = random.choice(tuple(Shape))
        if least < 2 and random.random() < 0.2:
            colour, shape = (None, shape) if random.random() < 0.6 else (colour, None)
        return Description(colour=colour, shape=shape, size=size)

    def property(self) -> str:
        """Something that no picture of shapes shows."""
        if self._random.random() < self._unknown_share:
            return self._random.choice(
                ("is zyx", "zyx", "is zyx and zyx", "zyx the zyx", "is zyx in the zyx")
            )
        return self._random.choice(_UNSEEN)

    def choice(self, options: Sequence[str]) -> str:
        """One of them."""
        return self._random.choice(options)

    def article(self) -> str:
        """Mostly `the`."""
        return "the" if self._random.random() < 0.75 else "a"


# --- judgement ------------------------------------------------------------------------------------------


def _judge(verdicts: Sequence[bool | None]) -> Answer | None:
    """Of the things that are meant: none, the only one, or too many to ask about."""
    if len(verdicts) > 1 or None in verdicts:
        return None
    return Answer.YES if any(verdicts) else Answer.NO


def _exists(writer: Writer, scene: Scene) -> Draft:
    what = writer.description(scene)
    start, end = writer.choice(_THERE_IS).split("…")
    answer = Answer.YES if what.found_in(scene) else Answer.NO
    return (start.strip(), what, end.strip()) if end else (start.strip(), what), answer


def _is_missing(writer: Writer, scene: Scene) -> Draft:
    what = writer.description(scene, least=2)
    answer = Answer.NO if what.found_in(scene) else Answer.YES
    return ("there is no", what), answer


def _has_colour(writer: Writer, scene: Scene) -> Draft:
    what, shade = writer.description(scene), writer.choice(tuple(Colour))
    what = Description(shape=what.shape, size=what.size)
    answer = _judge([item.colour == shade for item in what.found_in(scene)])
    return ("the", what, f"is {shade}"), answer


def _has_shape(writer: Writer, scene: Scene) -> Draft:
    what, outline = writer.description(scene), writer.choice(tuple(Shape))
    what = Description(colour=what.colour, size=what.size)
    answer = _judge([item.shape == outline for item in what.found_in(scene)])
    return ("the", what, f"is a {outline}"), answer


def _has_size(writer: Writer, scene: Scene) -> Draft:
    what, size = writer.description(scene), Size(writer.choice(tuple(Size)))
    what = Description(colour=what.colour, shape=what.shape)
    article = writer.article()
    answer = _judge([item.size is size for item in what.found_in(scene)])
    return (article, what, f"is {writer.choice(_SIZE_WORDS[size])}"), answer


Direction = Callable[[Item, Item], float]
_DIRECTIONS: tuple[tuple[tuple[str, ...], Direction], ...] = (
    (("left of", "to the left of"), lambda one, other: other.x - one.x),
    (("right of", "to the right of"), lambda one, other: one.x - other.x),
    (("above", "over"), lambda one, other: other.y - one.y),
    (("below", "under", "beneath"), lambda one, other: one.y - other.y),
)


def _is_beside(writer: Writer, scene: Scene) -> Draft:
    one, other = writer.description(scene), writer.description(scene)
    words, ahead = _DIRECTIONS[int(writer.choice("0123"))]
    article = writer.article()
    if one == other or max(len(one.found_in(scene)), len(other.found_in(scene))) > 1:
        return (), None
    verdicts = [
        None if abs(ahead(a, b)) < _MARGIN else ahead(a, b) > 0
        for a in one.found_in(scene)
        for b in other.found_in(scene)
        if a is not b
    ]
    return (article, one, f"is {writer.choice(words)} {article}", other), _judge(verdicts)


def _is_bigger(writer: Writer, scene: Scene) -> Draft:
    one, other = writer.description(scene, least=2), writer.description(scene, least=2)
    if one == other or max(len(one.found_in(scene)), len(other.found_in(scene))) > 1:
        return (), None
    bigger = writer.choice("+-") == "+"
    words = ("bigger", "larger") if bigger else ("smaller",)
    verdicts = [
        None if a.size is b.size else (a.size is Size.LARGE) == bigger
        for a in one.found_in(scene)
        for b in other.found_in(scene)
        if a is not b
    ]
    return ("the", one, f"is {writer.choice(words)} than the", other), _judge(verdicts)


_PLACES: tuple[tuple[tuple[str, ...], Callable[[Item], float]], ...] = (
    (("on the left side", "in the left half"), lambda item: 0.5 - item.x),
    (("on the right side", "in the right half"), lambda item: item.x - 0.5),
    (("in the upper half", "in the top half"), lambda item: 0.5 - item.y),
    (("in the lower half", "in the bottom half"), lambda item: item.y - 0.5),
)


def _is_at(writer: Writer, scene: Scene) -> Draft:
    what = writer.description(scene)
    words, inside = _PLACES[int(writer.choice("0123"))]
    article = writer.article()
    verdicts = [
        None if abs(inside(item)) < _MARGIN / 2 else inside(item) > 0 for item in what.found_in(scene)
    ]
    parts = (article, what, f"is {writer.choice(words)} of the {writer.choice(_PICTURE)}")
    return parts, _judge(verdicts)


def _is_unseen(writer: Writer, scene: Scene) -> Draft:
    what = writer.description(scene)
    answer = Answer.MAYBE if what.found_in(scene) else Answer.NO
    return ("the", what, writer.property()), answer


_PICTURE = ("picture", "image")
_THERE_IS = (
    "there is a …",
    "there is a … in the picture",
    "a … is in the image",
    "the picture has a …",
    "a …",
)
_INVISIBLE = (
    "heavy light warm cold soft hard old new expensive cheap hollow solid wet dry fragile loud sweet "
    "smooth magnetic"
)
_UNSEEN = (
    *(f"is {word}" for word in _INVISIBLE.split()),
    *(f"is made of {stuff}" for stuff in ("metal", "wood", "plastic", "glass", "paper")),
    "was painted yesterday",
    "was painted today",
    "was drawn by hand",
    "was drawn by a child",
    "belongs to someone",
    "belongs to a child",
    "weighs more than it costs",
    "hides something behind it",
    "has a number on the back",
    "will move soon",
)

Template = Callable[[Writer, Scene], Draft]
_SEEN: tuple[tuple[Template, float], ...] = (
    (_exists, 1.0),
    (_is_missing, 0.35),
    (_has_colour, 0.8),
    (_has_shape, 0.8),
    (_has_size, 0.8),
    (_is_beside, 3.0),
    (_is_bigger, 0.6),
    (_is_at, 1.2),
)


def _weighed(*pairs: tuple[Template, float]) -> tuple[list[Template], list[float]]:
    return [template for template, _ in pairs], [weight for _, weight in pairs]


_TEMPLATES_FOR = {
    Answer.YES: _weighed(*_SEEN),
    Answer.NO: _weighed(*_SEEN, (_is_unseen, 6.0)),
    Answer.MAYBE: _weighed((_is_unseen, 1.0)),
}
