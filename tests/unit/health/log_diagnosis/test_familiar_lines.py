"""A line that says the same again is tried only on the rules that it may match."""

import re
from dataclasses import replace
from pathlib import Path

from tests.unit.health.log_diagnosis.test_diagnosis import diagnosis_of

from steadfast.health.log_diagnosis.familiar_lines import FamiliarLines
from steadfast.health.log_diagnosis.rule import Rule
from steadfast.health.log_diagnosis.rule_files import builtin_rules, load_rules


def rules(*names: str) -> list[Rule]:
    return [rule for rule in builtin_rules() if rule.name in names]


def test_lines_that_differ_in_times_ids_and_amounts_say_the_same() -> None:
    familiar = FamiliarLines(builtin_rules())
    first = familiar.shape(
        b"2026-11-20T10:00:01.123Z 0x7ffe01 9f8e7d6c5b4a3f2e out of memory, 512.00 MiB on GPU 0"
    )
    again = familiar.shape(
        b"2026-11-20T11:59:59.001Z 0x55aa00 0123456789abcdef out of memory, 102.25 MiB on GPU 0"
    )
    assert first == again
    assert familiar.shape(b"exit code 137") != familiar.shape(b"exit code 139")


def test_only_rules_that_matched_a_shape_are_tried_on_it_again() -> None:
    tried = rules("disk_full", "segfault")
    familiar = FamiliarLines(tried)
    shape = familiar.shape(b"No space left on device")
    assert familiar.worth_trying(shape) is None
    familiar.remember(shape, tried, [rule for rule in tried if rule.name == "disk_full"])
    assert [rule.name for rule in familiar.worth_trying(shape) or ()] == ["disk_full"]


def test_a_rule_that_reads_long_numbers_is_tried_on_every_line() -> None:
    tried = rules("disk_full")
    reading = [replace(tried[0], name="of_mine", pattern=re.compile(r"job \d{5} died"))]
    familiar = FamiliarLines([*tried, *reading])
    shape = familiar.shape(b"job 1234 died")
    familiar.remember(shape, [*tried, *reading], [])
    assert [rule.name for rule in familiar.worth_trying(shape) or ()] == ["of_mine"]


def test_what_is_remembered_is_bounded_and_long_lines_are_not_kept() -> None:
    familiar = FamiliarLines([])
    for index in range(10_000):
        familiar.remember(familiar.shape(b"x" * (index % 900) + str(index % 997).encode()), [], [])
    assert len(familiar._worth) <= 4096
    assert familiar.shape(b"x" * 100_000) is None


def test_in_a_storm_the_one_other_error_is_still_found(tmp_path: Path) -> None:
    storm = [
        f"worker {index:016x}: CUDA out of memory. Tried to allocate {index}.00 MiB" for index in range(9000)
    ]
    storm.insert(7777, "worker died with exit code -11")
    found = {finding.rule: finding.count for finding in diagnosis_of("\n".join(storm), tmp_path).findings}
    assert found["segfault"] == 1
    assert 8000 < found["device_out_of_memory"] <= 9001


def test_every_example_of_every_rule_is_found_after_its_shape_was_met_in_vain(tmp_path: Path) -> None:
    """No rule is lost because a line of the same shape, with other numbers, was no sign of it."""
    for rule in load_rules(()):
        if rule.statistic is not None or rule.min_count > 1:
            continue
        lines = [line for example in (*rule.counterexamples, *rule.examples) for line in (example, example)]
        kinds = {finding.kind for finding in diagnosis_of("\n".join(lines), tmp_path).findings}
        assert rule.kind in kinds, rule.name
