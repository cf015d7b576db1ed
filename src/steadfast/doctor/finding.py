"""What an examination finds: one line per thing, its colour, and what to do about it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Health(StrEnum):
    """The colour of a finding."""

    GREEN = "green"  # works
    YELLOW = "yellow"  # works, but less well than it could
    RED = "red"  # something that is needed does not work
    OFF = "off"  # not here, and nothing needs it


class Section(StrEnum):
    """What a finding is about."""

    MACHINE = "machine"
    INFERENCE = "inference"
    CODECS = "codecs"
    MODELS = "models"
    ENGINES = "engines"
    CONFINEMENT = "confinement"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that was looked at."""

    section: Section
    name: str  # "Memory"
    health: Health
    summary: str  # one line, no full stop
    remedy: str = ""  # one sentence; empty where nothing need be done
    facts: Mapping[str, Any] = field(default_factory=dict)  # the numbers behind the summary, with units


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnosis:
    """All findings."""

    findings: tuple[Finding, ...]
    auto_engine: str | None  # what `engine = "auto"` takes here; None: no engine works

    @property
    def can_swap(self) -> bool:
        """Whether the main job, a face swap in photos and videos, can run here."""
        return self.auto_engine is not None and not any(f.health is Health.RED for f in self.findings)

    @property
    def health(self) -> Health:
        """The worst colour of all; green if nothing was found."""
        return worst(finding.health for finding in self.findings)


_WORST_FIRST = (Health.RED, Health.YELLOW, Health.GREEN)


def worst(healths: Iterable[Health]) -> Health:
    """The worst of them; what is off does not count."""
    there = set(healths)
    return next((health for health in _WORST_FIRST if health in there), Health.GREEN)
