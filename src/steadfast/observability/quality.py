"""The fact that the quality of a result was measured and judged by what is promised of it."""

from enum import StrEnum

from steadfast.events import FrequentEvent
from steadfast.readings import QualityReading


class Verdict(StrEnum):
    """What a reading means."""

    MET = "met"  # as promised
    MISSED = "missed"  # below what is promised
    NOT_JUDGED = "not_judged"  # nothing is promised of it for this engine


class QualityMeasured(FrequentEvent, kw_only=True, frozen=True, gc=False):
    """One result, or one batch of results, was measured."""

    task: str
    engine: str
    reading: QualityReading
    value: float
    verdict: Verdict = Verdict.NOT_JUDGED
