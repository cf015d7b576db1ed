"""The cause stands above what it brings about."""

from dataclasses import replace

from steadfast.errors import Severity
from steadfast.health.log_diagnosis.findings import Evidence, Finding, FindingKind, Place
from steadfast.health.log_diagnosis.ranking import ranked


def finding(
    kind: FindingKind, *, at_s: float | None = 0.0, leads_to: tuple[str, ...] = (), line: int = 1
) -> Finding:
    place = Place(file="a.log", line=line, at_s=at_s)
    return Finding(
        rule=f"rule_{kind.value}",
        kind=kind,
        severity=Severity.ERROR,
        confidence=0.9,
        cause="…",
        remedy="…",
        count=1,
        first=place,
        last=place,
        evidence=(Evidence(place=place, text=kind.value),),
        leads_to=leads_to,
    )


def test_a_consequence_stands_below_its_cause_however_loud_it_is() -> None:
    cause = finding(FindingKind.MODEL_DAMAGED, leads_to=("crash_loop",))
    loop = replace(finding(FindingKind.CRASH_LOOP), severity=Severity.FATAL, confidence=0.99, count=500)
    order = ranked([loop, cause])
    assert [one.kind for one in order] == [FindingKind.MODEL_DAMAGED, FindingKind.CRASH_LOOP]
    assert order[1].consequence_of == ("rule_model_damaged",)


def test_a_cause_that_began_long_after_explains_nothing() -> None:
    cause = finding(FindingKind.MODEL_DAMAGED, leads_to=("crash_loop",), at_s=5000.0)
    loop = replace(finding(FindingKind.CRASH_LOOP), severity=Severity.FATAL)
    assert [one.kind for one in ranked([cause, loop])] == [FindingKind.CRASH_LOOP, FindingKind.MODEL_DAMAGED]


def test_of_two_that_bring_each_other_about_the_first_is_the_cause() -> None:
    slow = finding(FindingKind.SLOW_REQUESTS, leads_to=("queue_jam",), at_s=100.0)
    jam = finding(FindingKind.QUEUE_JAM, leads_to=("slow_requests",), at_s=0.0)
    assert [one.kind for one in ranked([slow, jam])] == [FindingKind.QUEUE_JAM, FindingKind.SLOW_REQUESTS]


def test_the_worse_of_two_causes_stands_first() -> None:
    disk = replace(finding(FindingKind.DISK_FULL), severity=Severity.FATAL)
    precision = finding(FindingKind.PRECISION_MISMATCH)
    assert [one.kind for one in ranked([precision, disk])] == [
        FindingKind.DISK_FULL,
        FindingKind.PRECISION_MISMATCH,
    ]


def test_rules_of_one_kind_become_one_finding_with_the_evidence_of_all() -> None:
    kernel = replace(finding(FindingKind.HOST_OUT_OF_MEMORY, line=7), rule="kernel", confidence=0.97, count=2)
    status = replace(finding(FindingKind.HOST_OUT_OF_MEMORY, line=3), rule="exit_137", confidence=0.7)
    (one,) = ranked([status, kernel])
    assert (one.rule, one.count, len(one.evidence), one.first.line) == ("kernel", 3, 2, 3)


def test_two_missing_libraries_stay_two_findings() -> None:
    first = replace(finding(FindingKind.LIBRARY_MISSING), rule="library_missing")
    second = replace(finding(FindingKind.LIBRARY_MISSING), rule="codec_missing")
    assert len(ranked([first, second])) == 2
