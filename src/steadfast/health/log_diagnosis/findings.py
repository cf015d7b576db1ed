"""What a diagnosis says: a cause, a remedy, and the lines that show it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from steadfast.errors import Severity


class FindingKind(StrEnum):
    """What kind of trouble it is."""

    DEVICE_OUT_OF_MEMORY = "device_out_of_memory"
    HOST_OUT_OF_MEMORY = "host_out_of_memory"
    SEGFAULT = "segfault"  # native code fell: SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE
    DEVICE_FAULT = "device_fault"  # the accelerator itself failed
    MODEL_DAMAGED = "model_damaged"
    MODEL_MISSING = "model_missing"
    DOWNLOAD_CUT = "download_cut"
    LIBRARY_MISSING = "library_missing"  # a shared library, a codec, a program
    DRIVER_MISMATCH = "driver_mismatch"
    PROVIDER_FALLBACK = "provider_fallback"  # it runs on the CPU and nobody was told
    PRECISION_MISMATCH = "precision_mismatch"
    DISK_FULL = "disk_full"
    TOO_MANY_OPEN_FILES = "too_many_open_files"
    SLOW_REQUESTS = "slow_requests"
    MEMORY_CREEP = "memory_creep"
    QUEUE_JAM = "queue_jam"
    CRASH_LOOP = "crash_loop"
    OTHER = "other"  # what a user's own rules look for


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where something stands in a log."""

    file: str
    """Name as it was given; `-` is standard input."""
    line: int
    """From 1."""
    at_s: float | None = None
    """When, in seconds since 1970, where the line says so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """One line that shows it."""

    place: Place
    text: str
    """The line without what wraps it (Docker's JSON, colours), cut around the sign."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that is wrong."""

    rule: str
    """Name of the rule that found it."""
    kind: FindingKind
    severity: Severity
    confidence: float
    """From 0 to 1: how sure the signs are, not how bad it is."""
    cause: str
    remedy: str
    count: int
    """Lines that show it; beyond 1,000 an estimate."""
    first: Place
    last: Place
    evidence: tuple[Evidence, ...]
    details: dict[str, Any] = field(default_factory=dict)
    """What the lines name (a library, a model), or figures of a statistic."""
    leads_to: tuple[str, ...] = ()
    """Kinds and rules that this brings about."""
    consequence_of: tuple[str, ...] = ()
    """Rules of the findings that explain this one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SkippedLog:
    """A log, or a part of it, that could not be read."""

    file: str
    reason: str
    remedy: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnosis:
    """What the logs say."""

    findings: Sequence[Finding]
    """The likeliest cause first; what it explains stands below it."""
    lines: int
    size_bytes: int
    """Read, after unpacking."""
    requests: int
    """Finished requests whose duration the logs tell."""
    skipped: Sequence[SkippedLog] = ()
