"""Who was seen in a video, so that nobody becomes somebody else after a cut."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from steadfast.faces.face import Box, Embedding, Face
from steadfast.faces.similarity import SAME_PERSON, SURELY_SAME_PERSON, similarity
from steadfast.faces.suppression import box_overlap

_BETTER_BY_DEG = 15.0  # how much nearer to frontal a face must be to be described anew
_SAME_PLACE = 0.2  # overlap of boxes


@dataclass(kw_only=True, eq=False)
class Person:
    """Somebody who was seen."""

    number: int  # from 0, in the order of appearance
    embedding: Embedding | None
    turned_deg: float  # how far the head was turned away when the embedding was made
    box: Box  # where last seen
    seen_s: float  # when last seen

    def is_better_seen(self, face: Face) -> bool:
        """Whether the face is worth describing anew: it looks into the camera more than it did."""
        return turned_deg(face) <= self.turned_deg - _BETTER_BY_DEG


class People:
    """Everybody who was seen so far."""

    def __init__(self, *, return_s: float) -> None:
        """`return_s`: within it, whoever appears where a person was lost is that person."""
        self._everyone: list[Person] = []
        self._return_s = return_s

    def recognise(self, face: Face, time_s: float, *, present: Collection[int]) -> Person:
        """Who this is: somebody who was seen and is not `present` now, or a new person."""
        away = [person for person in self._everyone if person.number not in present]
        known = _most_alike(away, face) or self._just_lost_here(away, face, time_s)
        return self._welcome(face, time_s) if known is None else known

    def _welcome(self, face: Face, time_s: float) -> Person:
        person = Person(
            number=len(self._everyone),
            embedding=face.embedding,
            turned_deg=turned_deg(face),
            box=face.box,
            seen_s=time_s,
        )
        self._everyone.append(person)
        return person

    def _just_lost_here(self, away: Sequence[Person], face: Face, time_s: float) -> Person | None:
        for person in away:
            is_recent = time_s - person.seen_s < self._return_s
            is_here = box_overlap(person.box, face.box) > _SAME_PLACE
            if is_recent and is_here and not _is_somebody_else(person, face):
                return person
        return None


def turned_deg(face: Face) -> float:
    """How far the head is turned away from the camera."""
    return max(abs(face.pose.yaw_deg), abs(face.pose.pitch_deg))


def _most_alike(people: Sequence[Person], face: Face) -> Person | None:
    if face.embedding is None:
        return None
    likeness = [(similarity(p.embedding, face.embedding), p) for p in people if p.embedding is not None]
    best = max(likeness, key=lambda pair: pair[0], default=None)
    return best[1] if best and best[0] >= SURELY_SAME_PERSON[face.embedding.space] else None


def _is_somebody_else(person: Person, face: Face) -> bool:
    """Whether the embeddings speak against it, by more than a bad view of one person does."""
    if face.embedding is None or person.embedding is None:
        return False
    return similarity(person.embedding, face.embedding) < SAME_PERSON[face.embedding.space] / 2
