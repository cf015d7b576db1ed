"""Dashboards are in step with their code, ask for what there is, and lead on to logs, traces and pages."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy.grafana.boards import BOARDS
from deploy.grafana.build import json_of
from tests.dashboard_expressions import FOLDER, boards, expressions, metric_names, panels
from tests.prometheus_tools import RULES, program, told_by

from steadfast.observability.metrics.family import Kind
from steadfast.observability.metrics.service_metrics import FAMILIES

EXPRESSIONS = expressions()
FOREIGN = ("DCGM_", "container_")
"""What other programs export: the GPUs' and the containers' panels ask for it."""


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_the_json_is_what_the_code_makes(board: Any) -> None:
    assert (FOLDER / f"{board.uid}.json").read_text(encoding="utf-8") == json_of(board)


def test_no_dashboard_is_left_whose_code_is_gone() -> None:
    assert boards().keys() == {board.uid for board in BOARDS}


def test_every_expression_is_promql(tmp_path: Path) -> None:
    rules = [{"record": f"x:{number}", "expr": one.plain} for number, one in enumerate(EXPRESSIONS)]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "g", "rules": rules}]}), encoding="utf-8")
    assert len(rules) > 90
    assert f"{len(rules)} rules found" in told_by(program("promtool"), "check", "rules", file)


def known_names() -> set[str]:
    names = {"up", "ALERTS"}
    for family in FAMILIES:
        parts = ("_bucket", "_sum", "_count") if family.kind is Kind.HISTOGRAM else ("",)
        names |= {family.name + part for part in parts}
    for file in RULES.glob("*.yml"):
        groups = yaml.safe_load(file.read_text())["groups"]
        names |= {rule["record"] for group in groups for rule in group["rules"] if "record" in rule}
    return names


@pytest.mark.parametrize("one", EXPRESSIONS, ids=lambda one: f"{one.board} {one.panel}")
def test_every_figure_that_is_asked_for_is_measured(one: Any) -> None:
    asked = metric_names(one.text)
    assert asked
    assert {name for name in asked if not name.startswith(FOREIGN)} <= known_names()


def test_rules_ask_for_figures_that_are_measured() -> None:
    for file in RULES.glob("*.yml"):
        for group in yaml.safe_load(file.read_text())["groups"]:
            for rule in group["rules"]:
                assert metric_names(rule["expr"]) <= known_names(), rule


ALL_PANELS = [(uid, panel) for uid, board in boards().items() for panel in panels(board)]


@pytest.mark.parametrize(("uid", "panel"), ALL_PANELS, ids=[f"{u} {p['title']}" for u, p in ALL_PANELS])
def test_every_panel_says_what_it_shows_and_leads_on(uid: str, panel: dict[str, Any]) -> None:
    assert panel["description"].endswith(".")
    if panel["datasource"]["type"] == "prometheus":
        assert [link["title"] for link in panel["links"]] == [
            "Logs of these minutes",
            "Traces of these minutes",
        ]
        assert panel["fieldConfig"]["defaults"]["unit"]
        known = {variable["name"] for variable in boards()[uid]["templating"]["list"]}
        assert set(re.findall(r"\$\{(\w+):queryparam\}", panel["links"][0]["url"])) <= known


def test_panels_of_a_dashboard_never_lie_upon_each_other() -> None:
    for uid, board in boards().items():
        taken: dict[tuple[int, int], str] = {}
        for panel in board["panels"]:
            at = panel["gridPos"]
            assert at["x"] + at["w"] <= 24
            for x in range(at["x"], at["x"] + at["w"]):
                for y in range(at["y"], at["y"] + at["h"]):
                    assert (x, y) not in taken, (uid, panel["title"], taken[x, y])
                    taken[x, y] = panel["title"]


def test_every_dashboard_is_chosen_by_where_and_marked_by_what_happened() -> None:
    for board in boards().values():
        names = [variable["name"] for variable in board["templating"]["list"]]
        assert names[0] == "datasource"
        assert "environment" in names
        assert [note["name"] for note in board["annotations"]["list"]] == ["Incidents", "Starts and releases"]
    overview = boards()["steadfast-overview"]
    assert {"environment", "instance", "task", "engine"} <= {
        variable["name"] for variable in overview["templating"]["list"]
    }
    assert "First frame" in {panel["title"] for panel in panels(overview)}
