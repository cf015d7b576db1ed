"""Rules are data, and their own examples prove them."""

from pathlib import Path

import pytest

from steadfast.errors import ConfigError, Severity
from steadfast.health.log_diagnosis.findings import FindingKind
from steadfast.health.log_diagnosis.log_line import read_line
from steadfast.health.log_diagnosis.rule import Rule
from steadfast.health.log_diagnosis.rule_files import builtin_rules, load_rules, read_rules

RULE = """
[[rule]]
name = "lamp_gone"
cause = "The lamp {lamp} is gone."
remedy = "Put in a new one."
pattern = '''lamp (?P<lamp>\\w+)
 (?:burnt|blew) out'''
examples = ["lamp seven burnt out"]
counterexamples = ["lamp seven is fine"]
"""


def a_rule(name: str) -> Rule:
    return next(rule for rule in builtin_rules() if rule.name == name)


@pytest.mark.parametrize(
    "rule", [rule for rule in builtin_rules() if not rule.statistic], ids=lambda r: r.name
)
def test_every_rule_matches_its_examples_and_nothing_like_them(rule: Rule) -> None:
    assert rule.examples
    for example in rule.examples:
        assert rule.find(read_line(example)) is not None
        assert not rule.literals or any(literal in example.lower() for literal in rule.literals)
    for counterexample in rule.counterexamples:
        assert rule.find(read_line(counterexample)) is None


def test_every_kind_that_the_product_promises_has_a_rule() -> None:
    assert {rule.kind for rule in builtin_rules()} == set(FindingKind) - {FindingKind.OTHER}


def test_every_consequence_a_rule_names_exists() -> None:
    known = {rule.name for rule in builtin_rules()} | {kind.value for kind in FindingKind}
    for rule in builtin_rules():
        assert set(rule.leads_to) <= known, rule.name
        assert rule.cause.endswith((".", "}"))
        assert rule.remedy.endswith(".")


def test_a_rule_of_a_users_own_needs_only_the_necessary() -> None:
    (rule,) = read_rules(RULE, "mine.toml")
    assert (rule.kind, rule.severity) == (FindingKind.OTHER, Severity.WARNING)
    sign = rule.find(read_line("2026-11-20 lamp nine blew out"))
    assert sign is not None
    assert sign.caught == {"lamp": "nine"}


def test_rules_come_from_files_and_folders_and_replace_those_of_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(RULE)
    (tmp_path / "notes.txt").write_text("no rules")
    other = tmp_path / "other.toml"
    other.write_text(RULE.replace("lamp_gone", "disk_full"))
    rules = {rule.name: rule for rule in load_rules([tmp_path], disabled=["segfault"])}
    assert "lamp_gone" in rules
    assert "segfault" not in rules
    assert rules["disk_full"].cause == "The lamp {lamp} is gone."
    assert len(load_rules([other])) == len(builtin_rules())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("[[rule]]", "[[rule"), "not valid TOML"),
        (("[[rule]]", "[rule]"), "no list"),
        (("name =", "nmae ="), "nmae"),
        (('remedy = "Put in a new one."', ""), "lacks remedy"),
        (("burnt|blew", "burnt|(blew"), "wrong"),
        (("burnt out", "is new"), "its own example is no match"),
        (("is fine", "burnt out"), "counterexample is a match"),
        (('examples = ["lamp seven burnt out"]\n', ""), "no example"),
        (("cause =", 'kind = "lamps"\ncause ='), "lamps"),
        (("cause =", 'severity = "awful"\ncause ='), "awful"),
        (("cause =", "confidence = 7.0\ncause ="), "confidence"),
        (("cause =", 'literals = ["LAMP"]\ncause ='), "LAMP"),
        (("cause =", 'literals = ["torch"]\ncause ='), "its own example is no match"),
    ],
)
def test_a_rule_that_is_wrong_is_refused_with_the_reason(change: tuple[str, str], told: str) -> None:
    assert change[0] in RULE
    with pytest.raises(ConfigError, match=told):
        read_rules(RULE.replace(*change), "mine.toml")


def test_a_file_that_is_not_there_and_an_unknown_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_rules([tmp_path / "none.toml"])
    (tmp_path / "latin.toml").write_bytes(b"# K\xf6ln")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_rules([tmp_path / "latin.toml"])
    with pytest.raises(ConfigError, match="segfalut"):
        load_rules(disabled=["segfalut"])


def test_fields_of_a_json_line_must_all_hold() -> None:
    rule = a_rule("worker_died")
    assert rule.find(read_line('{"event": "worker_died", "wanted": false}')) is not None
    assert rule.find(read_line('{"event": "worker_died", "wanted": true}')) is None
    assert rule.find(read_line('{"event": "worker_died"}')) is None
    assert rule.find(read_line("worker_died wanted false")) is None
