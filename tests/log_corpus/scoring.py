"""How well a diagnosis names what was planted."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.log_corpus.scenarios import Scenario

from steadfast.health.log_diagnosis.diagnosis import diagnose


@dataclass(kw_only=True)
class Score:
    """Over many scenarios."""

    planted: int = 0
    named_first: int = 0
    """Planted causes among the first findings: the first one, or of two planted the first two."""
    clean: int = 0
    false: int = 0
    """Clean logs in which something was found."""
    lines: int = 0
    misses: list[str] = field(default_factory=list)

    @property
    def recall(self) -> float:
        return self.named_first / self.planted

    @property
    def false_share(self) -> float:
        return self.false / self.clean


def score(scenarios: Iterable[Scenario], folder: Path) -> Score:
    """Diagnoses each scenario from a file in the folder."""
    result = Score()
    file = folder / "scenario.log"
    for scenario in scenarios:
        file.write_text(scenario.text, encoding="utf-8")
        findings = diagnose([str(file)]).findings
        result.lines += len(scenario.lines)
        if not scenario.causes:
            result.clean += 1
            result.false += bool(findings)
            if findings:
                result.misses.append(
                    f"{scenario.name}: found {findings[0].rule}: {findings[0].evidence[0].text}"
                )
            continue
        first = {finding.kind for finding in findings[: len(scenario.causes)]}
        result.planted += len(scenario.causes)
        result.named_first += len(first & scenario.causes)
        if missed := scenario.causes - first:
            told = [
                f"{finding.rule}({finding.kind.value}) {finding.evidence[0].text[:90]!r}"
                for finding in findings
            ]
            result.misses.append(f"{scenario.name}: missed {sorted(missed)}, found {told}")
    return result
