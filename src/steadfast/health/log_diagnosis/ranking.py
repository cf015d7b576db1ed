"""Puts the cause before what it brings about."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from steadfast.errors import Severity
from steadfast.health.log_diagnosis.findings import Finding, FindingKind
from steadfast.health.log_diagnosis.tally import merged

_WEIGHTS = {Severity.FATAL: 1.0, Severity.ERROR: 0.9, Severity.WARNING: 0.7, Severity.INFO: 0.4}
_SLACK_S = 300.0
"""A cause may be written down this long after what it brings about: the kernel's log lags, and a service
tells of a slow request only when it ends."""

_APART = frozenset({FindingKind.OTHER, FindingKind.LIBRARY_MISSING})
"""Kinds of which two findings are two troubles: two libraries, two rules of a user's own."""


def ranked(findings: Iterable[Finding]) -> list[Finding]:
    """One finding per kind, causes first; of several causes the worst and surest first."""
    single = _one_per_kind(list(findings))
    explained = [replace(finding, consequence_of=tuple(_causes_of(finding, single))) for finding in single]
    return sorted(explained, key=_order_of)


def _one_per_kind(findings: Sequence[Finding]) -> list[Finding]:
    by_kind: dict[str, list[Finding]] = {}
    for finding in findings:
        key = finding.rule if finding.kind in _APART else finding.kind.value
        by_kind.setdefault(key, []).append(finding)
    return [merged(group) for group in by_kind.values()]


def _causes_of(finding: Finding, all_of_them: Sequence[Finding]) -> Iterator[str]:
    for other in all_of_them:
        if other is finding or not _brings_about(other, finding):
            continue
        # Of two that bring each other about, the one that came first is the cause.
        if _brings_about(finding, other) and not _began_before(other, finding):
            continue
        yield other.rule


def _brings_about(cause: Finding, effect: Finding) -> bool:
    is_known = effect.kind.value in cause.leads_to or effect.rule in cause.leads_to
    return is_known and _may_precede(cause, effect)


def _may_precede(cause: Finding, effect: Finding) -> bool:
    if cause.first.at_s is None or effect.last.at_s is None or cause.first.file != effect.first.file:
        return True
    return cause.first.at_s <= effect.last.at_s + _SLACK_S


def _began_before(one: Finding, other: Finding) -> bool:
    if one.first.at_s is not None and other.first.at_s is not None:
        return one.first.at_s < other.first.at_s
    return one.first.file == other.first.file and one.first.line < other.first.line


def _order_of(finding: Finding) -> tuple[bool, float, int, str]:
    weight = _WEIGHTS[finding.severity] * finding.confidence
    return bool(finding.consequence_of), -weight, -finding.count, finding.rule
