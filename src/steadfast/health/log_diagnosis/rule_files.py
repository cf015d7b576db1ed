"""Rules from TOML, those of this program and those of a user, each proved by its own examples."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from steadfast.errors import ConfigError, Severity
from steadfast.health.log_diagnosis.findings import FindingKind
from steadfast.health.log_diagnosis.log_line import read_line
from steadfast.health.log_diagnosis.rule import Rule, Statistic

_REMEDY = "docs/how-to/diagnose.md shows what a rule looks like."
_KNOWN = frozenset(field.name for field in fields(Rule))
_NEEDED = frozenset(field.name for field in fields(Rule) if field.default is MISSING) - {"fields"}
_DEFAULTS = {"kind": FindingKind.OTHER.value, "severity": Severity.WARNING.value, "confidence": 0.8}
_LEAST_LITERAL = 3


@cache
def builtin_rules() -> tuple[Rule, ...]:
    """The rules that come with this program."""
    folder = resources.files("steadfast.health.log_diagnosis").joinpath("rules")
    files = sorted(
        (entry for entry in folder.iterdir() if entry.name.endswith(".toml")), key=lambda f: f.name
    )
    return tuple(rule for file in files for rule in read_rules(file.read_text(encoding="utf-8"), file.name))


def load_rules(paths: Iterable[Path] = (), *, disabled: Iterable[str] = ()) -> tuple[Rule, ...]:
    """The built-in rules and those of the files and folders, without the disabled ones.

    A rule with the name of an earlier one replaces it. Raises `ConfigError` where a file cannot be read, a
    table is no rule, a rule fails its own examples, or a disabled name is unknown.
    """
    rules = {rule.name: rule for rule in builtin_rules()}
    for file in _files_of(paths):
        rules |= {rule.name: rule for rule in read_rules(_text_of(file), str(file))}
    for name in disabled:
        if rules.pop(name, None) is None:
            raise ConfigError(f"There is no rule {name!r} to disable.", remedy=f"Rules: {', '.join(rules)}.")
    return tuple(rules.values())


def read_rules(toml: str, origin: str) -> tuple[Rule, ...]:
    """The `[[rule]]` tables of a TOML text; raises `ConfigError` where one is wrong."""
    try:
        tables = tomllib.loads(toml).get("rule", [])
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"The rules in {origin} are not valid TOML: {error}.", remedy=_REMEDY) from error
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ConfigError(f"The rules in {origin} are no list of [[rule]] tables.", remedy=_REMEDY)
    return tuple(_proved(_rule(table, origin), origin) for table in tables)


def _files_of(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(path.glob("*.toml")) if path.is_dir() else [path]


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise ConfigError(f"The rules {file} cannot be read: {reason}.", remedy=_REMEDY) from error


def _rule(table: Mapping[str, Any], origin: str) -> Rule:
    name = table.get("name", "without a name")
    table = _DEFAULTS | dict(table)
    if unknown := sorted(set(table) - _KNOWN):
        raise _wrong(name, origin, f"it has fields that no rule has: {', '.join(unknown)}")
    if missing := sorted(_NEEDED - set(table)):
        raise _wrong(name, origin, f"it lacks {', '.join(missing)}")
    try:
        return Rule(**dict(_values(table)))
    except (ValueError, TypeError, AttributeError, re.error) as error:
        raise _wrong(name, origin, str(error)) from error


def _values(table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        match name:
            case "kind":
                yield name, FindingKind(value)
            case "severity":
                yield name, Severity(value)
            case "statistic":
                yield name, Statistic(value)
            case "pattern" | "unless" | "undone_by":
                # A long pattern may be written over several lines: the breaks count for nothing.
                yield name, re.compile(value.replace("\n", ""), re.IGNORECASE)
            case "fields":
                yield name, {key: re.compile(str(wanted)) for key, wanted in value.items()}
            case "literals":
                yield name, tuple(_literal(text) for text in value)
            case "leads_to" | "examples" | "counterexamples":
                yield name, tuple(value)
            case _:
                yield name, value


def _literal(text: str) -> str:
    if len(text) < _LEAST_LITERAL or text != text.lower() or set(text) & set('"\\\n'):
        raise ValueError(f"the literal {text!r} must be lower case, 3 letters or more, without quotes")
    return text


def _proved(rule: Rule, origin: str) -> Rule:
    """The rule, if it is whole and does to its examples what it promises."""
    if rule.statistic is None and rule.pattern is None and not rule.fields:
        raise _wrong(rule.name, origin, "it has neither a pattern nor fields nor a statistic")
    if rule.statistic is None and not rule.examples:
        raise _wrong(rule.name, origin, "it has no example line to prove it")
    if not 0 < rule.confidence <= 1 or rule.min_count < 1:
        raise _wrong(rule.name, origin, "confidence must lie between 0 and 1, and min_count be 1 or more")
    if failing := next(_unlike(rule, rule.examples, wanted=True), None):
        raise _wrong(rule.name, origin, f"its own example is no match: {failing!r}")
    if failing := next(_unlike(rule, rule.counterexamples, wanted=False), None):
        raise _wrong(rule.name, origin, f"its counterexample is a match: {failing!r}")
    return rule


def _unlike(rule: Rule, lines: Sequence[str], *, wanted: bool) -> Iterator[str]:
    for line in lines:
        literals_hold = not rule.literals or any(literal in line.lower() for literal in rule.literals)
        if (literals_hold and rule.find(read_line(line)) is not None) is not wanted:
            yield line


def _wrong(name: object, origin: str, why: str) -> ConfigError:
    return ConfigError(f"The rule {name} in {origin} is wrong: {why}.", remedy=_REMEDY)
