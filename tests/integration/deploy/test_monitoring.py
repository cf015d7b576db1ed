"""From a killed worker to the pager, through the real Prometheus and Alertmanager and our own rules."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.dashboard_expressions import Expression, expressions, metric_names
from tests.monitoring_house import MonitoringHouse, monitoring
from tests.prometheus_tools import program
from tests.serving_house import FAULTY, ServingHouse, serving

TRACE = "0af7651916cd43dd8448eb211c80319c"
EXCEPTED = ("steadfast_gpu_", "DCGM_", "container_")
"""What a machine without GPU and containers has nothing of; every other panel must show something."""


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServingHouse, MonitoringHouse]]:
    for name in ("prometheus", "prometheus-alertmanager"):
        program(name)
    folder = tmp_path_factory.mktemp("monitoring")
    settings = FAULTY | {
        "STEADFAST_HEALTH__INTERVAL_S": "0.5",
        "STEADFAST_RUNTIME__RESTARTS": "100",
        "STEADFAST_OBJECTIVES__SAMPLED": "1",
        "STEADFAST_OBJECTIVES__PROFILE": "neural-gpu",
    }
    with serving(folder / "data", settings) as house, monitoring(folder, house.url) as watch:
        watch.until(lambda: watch.ask('up{job="steadfast"} == 1'))
        for number in range(6):
            trace = {"traceparent": f"00-{TRACE}-b7ad6b716920333{number}-01"}
            assert house.swap(headers=trace, engine="neural").status_code == 200
        assert house.swap("no_face").status_code == 422
        yield house, watch


def kill_a_worker(house: ServingHouse) -> None:
    """The one that serves, so that its place stands empty for a moment."""
    worker = house.workers()[0]
    worker.kill()
    house.until(lambda: house.workers() != [] and house.workers()[0].pid != worker.pid)
    house.await_ready()


def pages(watch: MonitoringHouse, name: str) -> list[dict[str, Any]]:
    """Alerts of that name that the pager was sent."""
    return [
        alert
        for path, _, body in watch.pager.got
        if path == "/page"
        for alert in json.loads(body)["alerts"]
        if alert["labels"]["alertname"] == name
    ]


def test_workers_that_keep_dying_wake_somebody_with_the_page_to_read(
    houses: tuple[ServingHouse, MonitoringHouse],
) -> None:
    house, watch = houses
    for _ in range(5):
        kill_a_worker(house)
        assert house.swap().status_code == 200  # and nobody else notices
    watch.until(lambda: pages(watch, "SteadfastWorkerCrashLoop"))
    page = pages(watch, "SteadfastWorkerCrashLoop")[0]
    assert page["status"] == "firing"
    assert (page["labels"]["task"], page["labels"]["environment"]) == ("face_swap", "production")
    assert page["annotations"]["runbook_url"].endswith("/runbooks/SteadfastWorkerCrashLoop.md")
    assert "unwanted deaths" in page["annotations"]["description"]
    wanted = {
        'sum(steadfast_worker_deaths_total{cause="signalled", wanted="false"})': 5,
        'sum(steadfast_requests_total{outcome="ok"})': 6 + 5,  # no death has lost a count
        "sum(steadfast_takeover_seconds_count)": 5,
    }
    for figure, value in wanted.items():
        watch.until(lambda figure=figure, value=value: watch.figure(figure) == value)  # type: ignore[misc]


def test_the_trace_of_a_request_can_be_reached_from_its_bucket(
    houses: tuple[ServingHouse, MonitoringHouse],
) -> None:
    watch = houses[1]

    def traces() -> set[str]:
        found = watch.exemplars("steadfast_request_duration_seconds_bucket")
        return {one["labels"]["trace_id"] for series in found for one in series["exemplars"]}

    watch.until(lambda: traces() == {TRACE})


def asked(one: Expression) -> str:
    """An annotation is drawn wherever it held in the span of time that is shown."""
    return f"max_over_time(({one.plain})[10m:1s])" if one.panel.startswith("annotation") else one.plain


def test_every_panel_that_this_machine_can_fill_shows_something(
    houses: tuple[ServingHouse, MonitoringHouse],
) -> None:
    watch = houses[1]
    wanted = [
        one
        for one in expressions()
        if not any(name.startswith(EXCEPTED) or "_gpu_" in name for name in metric_names(one.text))
    ]
    assert len(wanted) > 80
    watch.until(lambda: watch.ask("instance_task:steadfast_requests:rate5m"))
    empty = wanted
    until_s = time.monotonic() + 20  # the slowest probe and rule come once in a while
    while empty and time.monotonic() < until_s:
        empty = [one for one in empty if not watch.ask(asked(one))]
        time.sleep(0.5 if empty else 0)
    assert [(one.board, one.panel, one.plain) for one in empty] == []
