"""The three answers."""

from enum import StrEnum


class Answer(StrEnum):
    """Whether the sentence follows from the picture; the order is that of every vector of probabilities."""

    YES = "yes"  # entailment: the picture shows it
    NO = "no"  # contradiction: the picture shows otherwise
    MAYBE = "maybe"  # neutral: the picture does not tell


ANSWERS = tuple(Answer)
