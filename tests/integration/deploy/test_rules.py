"""Every alert fires when it must, is silent when it must, and leads to a page that says what to do."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy.prometheus import objectives
from tests.integration.deploy.alert_cases import CASES, Case
from tests.prometheus_tools import ROOT, RULES, program, told_by

from steadfast.observability.metrics.job_metrics import DURATION as JOB_DURATION
from steadfast.observability.metrics.request_metrics import DURATION
from steadfast.observability.metrics.worker_metrics import TAKEOVER
from steadfast.settings import ObjectiveSettings

RULE_FILES = sorted(RULES.glob("*.yml"))
RUNBOOKS = ROOT / "docs" / "runbooks"


@cache
def every_rule() -> list[dict[str, Any]]:
    groups = [group for file in RULE_FILES for group in yaml.safe_load(file.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


ALERTS = [rule for rule in every_rule() if "alert" in rule]


def test_rules_and_configuration_are_what_prometheus_takes(tmp_path: Path) -> None:
    promtool = program("promtool")
    told_by(promtool, "check", "rules", *RULE_FILES)
    assert "SUCCESS" in told_by(promtool, "check", "config", ROOT / "deploy/prometheus/prometheus.yml")


def test_the_rules_of_objectives_are_in_step_with_their_table() -> None:
    assert objectives.FILE.read_text(encoding="utf-8") == objectives.rules()


def test_what_the_alerts_promise_is_what_the_settings_promise() -> None:
    promised, settings = {one.name: one for one in objectives.OBJECTIVES}, ObjectiveSettings()
    assert promised["availability"].target == settings.availability
    assert promised["success"].target == settings.success
    assert promised["turnaround"].target == settings.turnaround
    assert promised["takeover"].target == settings.takeover
    assert promised["quality"].target == promised["identity"].target == settings.quality_kept
    assert (promised["durability"].budget == 0) == (settings.lost_jobs == 0)
    bounds = {"latency_p90": settings.latency_p90_s, "latency_p99": settings.latency_p99_s}
    for name, by_size in bounds.items():
        assert {f"{bound}" for bound in by_size.values()} == set(
            re.findall('le="([^"]+)"', promised[name].bad)
        )
    assert {bound for bounds_ in bounds.values() for bound in bounds_.values()} <= set(DURATION.buckets)
    assert settings.turnaround_s in JOB_DURATION.buckets
    assert settings.takeover_s in TAKEOVER.buckets


def test_every_alert_is_tested_and_no_other() -> None:
    assert {case.alert for case in CASES} == {rule["alert"] for rule in ALERTS}
    windows = {(rule["alert"], rule["labels"].get("window", "")) for rule in ALERTS}
    assert windows == {(case.alert, case.labels[8:-1]) for case in CASES}


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"] + rule["labels"].get("window", ""))
def test_every_alert_says_what_it_is_how_grave_it_is_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert {"summary", "description", "runbook_url"} <= rule["annotations"].keys()
    assert rule["annotations"]["runbook_url"].endswith(f"/runbooks/{rule['alert']}.md")
    page = (RUNBOOKS / f"{rule['alert']}.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == ["See", "Decide", "Mend"]


def test_no_page_is_left_of_an_alert_that_is_gone() -> None:
    pages = {page.stem for page in RUNBOOKS.glob("Steadfast*.md")}
    assert pages == {rule["alert"] for rule in ALERTS}


def looks(case: Case) -> list[dict[str, Any]]:
    """Silent at the end of the first phase, firing at that of the second, silent at that of the third."""
    labels = "".join(f", {label}" for label in filter(None, [case.labels]))
    expr = f'count(ALERTS{{alertname="{case.alert}", alertstate="firing"{labels}}})'
    ends = [sum(case.steps[: phase + 1]) - 1 for phase in range(3)]
    return [
        {
            "expr": expr,
            "eval_time": f"{end * case.step_min}m",
            "exp_samples": [{"labels": "{}", "value": 1}] if phase == 1 else [],
        }
        for phase, end in enumerate(ends)
    ]


def rules_for(case: Case) -> str:
    """The alert and the recording rules it stands on, alone: all of them would take minutes."""
    wanted = [rule for rule in ALERTS if rule["alert"] == case.alert]
    for rule in (rule for rule in every_rule() if "record" in rule):
        if any(rule["record"] in one["expr"] for one in wanted):
            wanted.insert(0, rule)
    return json.dumps({"groups": [{"name": "steadfast", "rules": wanted}]})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_silent_then_fires_then_is_silent_again(case: Case, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text(rules_for(case), encoding="utf-8")  # JSON is YAML
    test = {
        "rule_files": [str(rules)],
        "evaluation_interval": f"{case.step_min}m",
        "tests": [
            {
                "interval": f"{case.step_min}m",
                "input_series": [
                    {"series": series.name, "values": series.values(case.steps)} for series in case.series
                ],
                "promql_expr_test": looks(case),
            }
        ],
    }
    file = tmp_path / "case.yml"
    file.write_text(json.dumps(test), encoding="utf-8")
    told_by(program("promtool"), "test", "rules", file)


@pytest.mark.parametrize("docs", ["", "https://wiki.mine.example/docs"])
def test_what_an_alert_says_is_a_sentence_with_its_figures_and_a_link(docs: str, tmp_path: Path) -> None:
    test = {
        "rule_files": [str(file) for file in RULE_FILES],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "external_labels": {"docs": docs} if docs else {},
                "input_series": [
                    {"series": 'steadfast_memory_used_ratio{instance="a:1"}', "values": "0.93x10"},
                    {"series": 'up{job="steadfast", instance="a:1"}', "values": "1x10"},
                ],
                "alert_rule_test": [
                    {
                        "eval_time": "5m",
                        "alertname": "SteadfastMemoryHigh",
                        "exp_alerts": [
                            {
                                "exp_labels": {"instance": "a:1", "severity": "warning"},
                                "exp_annotations": {
                                    "summary": "Memory of a:1 is 93% used",
                                    "description": "Of the machine or of its container, whichever is nearer "
                                    "its limit. What comes next is the kernel's OOM killer.",
                                    "runbook_url": f"{docs or 'docs'}/runbooks/SteadfastMemoryHigh.md",
                                },
                            }
                        ],
                    }
                ],
            }
        ],
    }
    file = tmp_path / "case.yml"
    file.write_text(json.dumps(test), encoding="utf-8")
    told_by(program("promtool"), "test", "rules", file)
