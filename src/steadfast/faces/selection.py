"""Which faces of a picture are meant, and whose face each of them gets.

The text forms are those of `--faces` (`one`, `largest`, `all`, `left-to-right`, `0,2`, `like:PHOTO`) and of
`--map` (`0=a.jpg`). Faces are numbered from left to right, from 0, as `steadfast faces` lists them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from steadfast.errors import FaceNotMatched, InvalidOption, NoFace, TooManyFaces
from steadfast.faces.face import Embedding, Face
from steadfast.faces.similarity import SAME_PERSON, similarity


class SelectionRule(StrEnum):
    """How the faces that are meant are told from the others."""

    ONE = "one"  # there must be exactly one
    LARGEST = "largest"  # the one with the largest box
    ALL = "all"  # every face; all get the first source
    LEFT_TO_RIGHT = "left-to-right"  # every face; the first source goes to the leftmost, and so on
    INDEX = "index"  # those with the given numbers
    LIKE = "like"  # those that are the person of a reference photo


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """Which faces are meant."""

    rule: SelectionRule = SelectionRule.LARGEST
    indices: tuple[int, ...] = ()  # of INDEX, from 0, in the order given
    reference: Path | None = None  # of LIKE: a photo of the person
    min_similarity: float | None = None  # of LIKE; None: the threshold of the embedding's space

    @property
    def needs_embedding(self) -> bool:
        """Whether faces must be analysed with their identity."""
        return self.rule is SelectionRule.LIKE

    @property
    def needs_recognition(self) -> bool:
        """Whether in a video people must be known again after a cut: where it matters who is who."""
        return self.rule in (SelectionRule.LIKE, SelectionRule.INDEX, SelectionRule.LEFT_TO_RIGHT)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChosenFace:
    """A face that is meant."""

    index: int  # its number in the picture, from left to right
    place: int  # its number among the chosen
    face: Face


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceMap:
    """Whose face each chosen face gets, as keys that mean something to the caller (paths, as a rule)."""

    in_order: tuple[str, ...] = ()  # the sources in the order given
    by_index: Mapping[int, str] = field(default_factory=dict)  # of `--map`, by the face's number

    def key_for(self, chosen: ChosenFace, rule: SelectionRule) -> str | None:
        """The source of this face; None where it has none and stays as it is."""
        if self.by_index:
            return self.by_index.get(chosen.index)
        if rule is SelectionRule.LEFT_TO_RIGHT and len(self.in_order) > 1:
            return self.in_order[chosen.place] if chosen.place < len(self.in_order) else None
        return self.in_order[0] if self.in_order else None


def parse_selection(text: str, *, min_similarity: float | None = None) -> Selection:
    """The selection that `--faces` describes; raises InvalidOption where it says nothing known."""
    wanted = text.strip()
    if wanted.startswith("like:"):
        path = wanted.removeprefix("like:").strip()
        if not path:
            raise InvalidOption("--faces like: needs a photo of the person.", remedy="--faces like:photo.jpg")
        return Selection(rule=SelectionRule.LIKE, reference=Path(path), min_similarity=min_similarity)
    if wanted and wanted[0].isdigit():
        return Selection(rule=SelectionRule.INDEX, indices=_parse_indices(wanted))
    simple = {rule.value: rule for rule in SelectionRule} | {"left-right": SelectionRule.LEFT_TO_RIGHT}
    rule = simple.get(wanted.lower())
    if rule is None or rule in (SelectionRule.INDEX, SelectionRule.LIKE):
        raise InvalidOption(
            f"--faces cannot be {text!r}.",
            remedy="Use one, largest, all, left-to-right, numbers such as 0,2, or like:photo.jpg.",
        )
    return Selection(rule=rule)


def parse_source_map(texts: Sequence[str]) -> dict[int, str]:
    """The pairs of `--map 0=a.jpg`; raises InvalidOption where one is malformed or a number comes twice."""
    pairs: dict[int, str] = {}
    for text in texts:
        number, equals, source = text.partition("=")
        if not equals or not _is_number(number) or not source.strip():
            raise InvalidOption(f"--map cannot be {text!r}.", remedy="Write it like --map 0=photo.jpg.")
        if int(number) in pairs:
            raise InvalidOption(f"--map names face {int(number)} twice.", remedy="Give each face one source.")
        pairs[int(number)] = source.strip()
    return pairs


def select_faces(
    faces: Sequence[Face], selection: Selection, *, reference: Embedding | None = None
) -> list[ChosenFace]:
    """The faces that are meant, out of all faces of a picture from left to right.

    `reference` is the embedding of the photo of LIKE. Raises NoFace where there is no face at all,
    TooManyFaces under ONE, FaceNotMatched where no face has a given number or is like the reference.
    """
    if not faces:
        raise NoFace("No face was found.")
    numbers = _numbers(faces, selection, reference)
    return [ChosenFace(index=n, place=place, face=faces[n]) for place, n in enumerate(numbers)]


def _numbers(faces: Sequence[Face], selection: Selection, reference: Embedding | None) -> list[int]:
    everyone = list(range(len(faces)))
    match selection.rule:
        case SelectionRule.ONE:
            if len(faces) > 1:
                raise TooManyFaces(f"One face was asked for and {len(faces)} were found.")
            return everyone
        case SelectionRule.LARGEST:
            return [max(everyone, key=lambda number: area(faces[number]))]
        case SelectionRule.ALL | SelectionRule.LEFT_TO_RIGHT:
            return everyone
        case SelectionRule.INDEX:
            return _existing(selection.indices, len(faces))
        case SelectionRule.LIKE:
            return _alike(faces, selection, reference)


def area(face: Face) -> float:
    """Of the box, in square pixels."""
    return face.box.width * face.box.height


def _existing(indices: Sequence[int], count: int) -> list[int]:
    missing = [number for number in indices if number >= count]
    if missing:
        there = "only face 0 was" if count == 1 else f"only faces 0 to {count - 1} were"
        raise FaceNotMatched(f"There is no face {missing[0]}; {there} found.")
    return list(dict.fromkeys(indices))


def _alike(faces: Sequence[Face], selection: Selection, reference: Embedding | None) -> list[int]:
    if reference is None:
        raise InvalidOption("Choosing a face by its likeness needs the embedding of a reference photo.")
    likeness = [similarity(face.embedding, reference) if face.embedding else -1.0 for face in faces]
    threshold = selection.min_similarity
    least = SAME_PERSON[reference.space] if threshold is None else threshold
    matching = [number for number, value in enumerate(likeness) if value >= least]
    if not matching:
        raise FaceNotMatched(
            f"No face is like the reference: the most similar reaches {max(likeness):.2f} of {least:.2f}."
        )
    return matching


def _parse_indices(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(_is_number(part) for part in parts):
        raise InvalidOption(f"--faces cannot be {text!r}.", remedy="Write numbers like 0 or 0,2.")
    return tuple(int(part) for part in parts)


def _is_number(text: str) -> bool:
    stripped = text.strip()
    return stripped.isascii() and stripped.isdigit() and len(stripped) <= 4
