"""Who hears what: critical wakes somebody, a slow burn is a ticket, everything else is told in the chat."""

import pytest
import yaml
from tests.prometheus_tools import ALERTMANAGER, RULES, program, told_by


def test_the_configuration_is_what_alertmanager_takes() -> None:
    assert "SUCCESS" in told_by(program("amtool"), "check-config", ALERTMANAGER)


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (["alertname=SteadfastBreakerOpen", "severity=critical"], "page"),
        (["alertname=Steadfast_out_of_memory", "severity=fatal"], "page"),
        (["alertname=SteadfastQueueAge", "severity=warning"], "chat"),
        (["alertname=Steadfast_worker_died", "severity=error"], "chat"),
        (["alertname=SteadfastSuccessBudgetBurn", "severity=critical", "window=1h"], "page"),
        (["alertname=SteadfastSuccessBudgetBurn", "severity=warning", "window=3d"], "tickets"),
        (["alertname=Anything", "severity=info"], "nobody"),
    ],
)
def test_an_alert_goes_to_whom_it_concerns(labels: list[str], receiver: str) -> None:
    amtool = program("amtool")
    said = told_by(amtool, "config", "routes", "test", f"--config.file={ALERTMANAGER}", *labels)
    assert said.split() == [receiver]


def test_every_alert_that_is_named_in_a_route_or_an_inhibition_is_there() -> None:
    known = {
        rule["alert"]
        for file in RULES.glob("*.yml")
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    text = ALERTMANAGER.read_text(encoding="utf-8")
    words = set(text.replace('"', " ").replace("|", " ").replace("=", " ").replace("~", " ").split())
    named = {word.strip("!'") for word in words if word.strip("!'").startswith("Steadfast")} - {"Steadfast.*"}
    assert {name for name in named if name[9:10].isupper()} <= known
