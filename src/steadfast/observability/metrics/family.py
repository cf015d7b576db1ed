"""What a family of figures promises: its name, its meaning, and labels that can only have so many values."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

OTHER: Final = "other"
"""Stands for every value of a label beyond those it may have."""
_LONGEST_VALUE = 80


class Kind(StrEnum):
    """How a family behaves."""

    COUNTER = "counter"  # only grows, until the server is started anew
    GAUGE = "gauge"  # how things stand
    HISTOGRAM = "histogram"  # a count per bucket


@dataclass(frozen=True, kw_only=True, eq=False)  # told apart by identity: hashed at every count
class Label:
    """One label, bounded: by the values it can have, or by how many of them are told apart."""

    name: str
    meaning: str
    values: frozenset[str] = frozenset()
    """All that it can have; empty: they are learned, up to `most`."""
    most: int = 0
    """Learned values that are told apart; the next ones are `other`."""

    def __post_init__(self) -> None:
        if not self.values and self.most < 1:
            raise ValueError(f"The label {self.name} has no bound.")

    @property
    def bound(self) -> int:
        """How many values it can have at most, `other` among them."""
        return (len(self.values) or self.most) + 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Family:
    """One family of figures."""

    name: str
    """As Prometheus shows it: base units, `_total` on a counter."""
    kind: Kind
    meaning: str
    """One sentence."""
    labels: tuple[Label, ...] = ()
    buckets: tuple[float, ...] = ()
    """Upper bounds, of a histogram."""

    @property
    def label_names(self) -> list[str]:
        """In their order."""
        return [label.name for label in self.labels]

    @property
    def bound(self) -> int:
        """How many series it can have at most, counting a histogram once."""
        product = 1
        for label in self.labels:
            product *= label.bound
        return product


class Bounds:
    """The values that the labels of one family have had: the guard of its size."""

    def __init__(self, family: Family) -> None:
        self._labels = family.labels
        self._learned: list[set[str]] = [set() for _ in family.labels]

    def admit(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """The values as they may be told; one too many becomes `other`."""
        return tuple(
            self._admit_one(label, learned, value)
            for label, learned, value in zip(self._labels, self._learned, values, strict=True)
        )

    @staticmethod
    def _admit_one(label: Label, learned: set[str], value: str) -> str:
        if label.values:
            return value if value in label.values else OTHER
        value = value[:_LONGEST_VALUE] if value.isprintable() else OTHER
        if value not in learned and len(learned) < label.most:
            learned.add(value)
        return value if value in learned else OTHER


def words_of(kind: type[StrEnum]) -> frozenset[str]:
    """All values of an enumeration, as those of a label."""
    return frozenset(member.value for member in kind)
