"""What cannot be run here is at least well formed, and names what is there."""

import re
from pathlib import Path

import pytest
import yaml

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
YAML_FILES = sorted([*DEPLOY.rglob("*.yml"), *DEPLOY.rglob("*.yaml")])


@pytest.mark.parametrize("file", YAML_FILES, ids=lambda file: str(file.relative_to(DEPLOY)))
def test_it_is_yaml_with_something_in_it(file: Path) -> None:
    if "templates" not in file.parts:  # those of a chart are not YAML before they are filled
        assert [document for document in yaml.safe_load_all(file.read_text(encoding="utf-8")) if document]


def test_blocks_of_alloy_are_closed_and_every_receiver_that_is_named_is_there() -> None:
    text = (DEPLOY / "alloy" / "config.alloy").read_text(encoding="utf-8")
    code = re.sub(r'"[^"]*"', '""', re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
    assert code.count("{") == code.count("}")
    assert code.count("[") == code.count("]")
    blocks = {f"{kind}.{name}" for kind, name in re.findall(r'^([a-z_.]+) "([a-z]+)" \{', text, re.MULTILINE)}
    named = set(re.findall(r"\b([a-z_]+\.[a-z_]+\.[a-z]+)\.(?:receiver|targets)", code))
    assert named
    assert named <= blocks


def test_few_labels_are_made_of_a_line() -> None:
    text = (DEPLOY / "alloy" / "config.alloy").read_text(encoding="utf-8")
    labels = re.search(r"stage\.labels \{\s+values = \{([^}]*)\}", text)
    assert labels is not None
    assert re.findall(r"(\w+) = ", labels[1]) == ["level", "task"]


def test_data_sources_that_dashboards_lead_to_are_provided() -> None:
    sources = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources.yml").read_text())["datasources"]
    assert {source["uid"] for source in sources} == {"prometheus", "loki", "tempo"}
    assert {source["type"] for source in sources} == {"prometheus", "loki", "tempo"}
