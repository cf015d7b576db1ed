"""A whole log tells its cause; a clean one tells nothing."""

import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.log_corpus import traffic
from tests.log_corpus.scenarios import scenarios
from tests.log_corpus.scoring import score

from steadfast.health.log_diagnosis.diagnosis import diagnose
from steadfast.health.log_diagnosis.findings import Diagnosis, FindingKind
from steadfast.health.log_diagnosis.rule_files import load_rules


def diagnosis_of(text: str, folder: Path) -> Diagnosis:
    file = folder / "server.log"
    file.write_text(text, encoding="utf-8")
    return diagnose([str(file)])


def service_log(behaviour: traffic.Behaviour, count: int = 400) -> str:
    random = Random(5)
    requests = (behaviour.request(index, count, 1.795e9 + index * 3, random) for index in range(count))
    return "\n".join(traffic.ours(request, random) for request in requests)


@pytest.fixture
def healthy() -> traffic.Behaviour:
    return traffic.Behaviour(median_ms=60, spread=0.25, cycle=1.2, base_mb=800)


def test_a_healthy_service_has_no_findings(healthy: traffic.Behaviour, tmp_path: Path) -> None:
    diagnosis = diagnosis_of(service_log(healthy), tmp_path)
    assert diagnosis.findings == []
    assert diagnosis.requests > 300


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"slow_from": 0.5, "slow_by": 4.0}, "requests_became_slow"),
        ({"slow_from": 0.5, "slow_to": 0.75, "slow_by": 4.0}, "requests_became_slow"),
        ({"creep_to": 4.0}, "requests_slow_down"),
        ({"leak_mb": 900.0}, "memory_creep"),
        ({"jam_from": 0.5, "jam_ms": 2000.0}, "waiting_takes_the_time"),
    ],
)
def test_what_no_single_line_shows_is_measured(
    change: dict[str, Any], rule: str, healthy: traffic.Behaviour, tmp_path: Path
) -> None:
    (finding,) = diagnosis_of(service_log(replace(healthy, **change)), tmp_path).findings
    assert finding.rule == rule
    assert "{" not in finding.cause


def test_a_leak_is_seen_although_workers_are_replaced_in_time(
    healthy: traffic.Behaviour, tmp_path: Path
) -> None:
    one_life = service_log(replace(healthy, leak_mb=1500.0), count=120)
    (finding,) = diagnosis_of("\n".join([one_life] * 4), tmp_path).findings
    assert finding.kind is FindingKind.MEMORY_CREEP


def test_one_orderly_restart_per_worker_is_no_crash_loop(tmp_path: Path) -> None:
    life = "INFO: Started server process [7]\nINFO: Shutting down\nINFO: Finished server process [7]\n"
    assert diagnosis_of(life * 12, tmp_path).findings == []


def test_starts_without_an_end_are_a_crash_loop(tmp_path: Path) -> None:
    (finding,) = diagnosis_of("INFO:     Started server process [7]\nINFO: ready\n" * 12, tmp_path).findings
    assert finding.kind is FindingKind.CRASH_LOOP


def test_a_finding_says_where_what_and_how_often(tmp_path: Path) -> None:
    lines = ["2026-11-20 10:00:00 INFO hello"] * 5
    lines[1] = lines[3] = "2026-11-20 10:00:07 ERROR ImportError: libGL.so.1: cannot open shared object file"
    (finding,) = diagnosis_of("\n".join(lines), tmp_path).findings
    assert (finding.count, finding.first.line, finding.last.line) == (2, 2, 4)
    assert finding.cause == "A library is missing: libGL.so.1."
    assert finding.details == {"library": ["libGL.so.1"]}
    assert finding.first.at_s is not None


def test_a_flood_of_one_error_is_counted_about_right(tmp_path: Path) -> None:
    (finding,) = diagnosis_of("OSError: [Errno 24] Too many open files\n" * 12_000, tmp_path).findings
    assert finding.count == pytest.approx(12_000, rel=0.02)


def test_rules_of_ones_own_are_tried_too(tmp_path: Path) -> None:
    rules = tmp_path / "mine.toml"
    table = {
        "name": "lamp",
        "cause": "Dark.",
        "remedy": "Light.",
        "pattern": "lamp gone",
        "examples": ["lamp gone"],
    }
    rules.write_text(
        "[[rule]]\n" + "\n".join(f"{name} = {json.dumps(value)}" for name, value in table.items())
    )
    log = tmp_path / "server.log"
    log.write_text("INFO ok\nERROR lamp gone\n")
    assert [finding.rule for finding in diagnose([str(log)], load_rules([rules])).findings] == ["lamp"]


def test_what_a_client_asks_for_is_no_sign(tmp_path: Path) -> None:
    hostile = "cuda-out-of-memory/segfault/no-space-left-on-device"
    lines = [
        f'INFO: 1.2.3.4:5 - "POST /{hostile} HTTP/1.1" 404',
        json.dumps({"event": "x", "path": "/CUDA out of memory"}),
        'nginx: "GET /?q=No%20space%20left%20on%20device HTTP/1.1" 200',
    ]
    assert diagnosis_of("\n".join(lines * 20), tmp_path).findings == []


def test_most_planted_causes_are_named_first_and_clean_logs_are_left_alone(tmp_path: Path) -> None:
    """A sample of what tests/acceptance holds over the whole corpus."""
    result = score(scenarios(40, seed=11), tmp_path)
    assert result.recall >= 0.95, result.misses
    assert result.false == 0, result.misses
