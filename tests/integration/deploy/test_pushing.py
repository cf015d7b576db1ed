"""A batch's figures in a real Pushgateway, and what its second run leaves of the first."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.ports import free_port
from tests.prometheus_tools import program
from tests.unit.observability.metrics.test_push import REPORT

from steadfast.observability.metrics.batch_metrics import batch_registry
from steadfast.observability.metrics.push import push_metrics


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    command = [program("prometheus-pushgateway"), f"--web.listen-address=127.0.0.1:{port}"]
    with (tmp_path / "gateway.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            until_s = time.monotonic() + 20
            while not is_ready(url):
                assert time.monotonic() < until_s, (tmp_path / "gateway.log").read_text()
                time.sleep(0.05)
            yield url
        finally:
            process.kill()
            process.wait(10)


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def test_figures_of_a_run_stand_in_the_gateway_until_the_next_run_replaces_them(gateway: str) -> None:
    push_metrics(batch_registry(REPORT), gateway, job="steadfast_batch", instance="a/b")
    text = httpx.get(f"{gateway}/metrics", trust_env=False).text
    wanted = 'steadfast_batch_items{instance="a/b",job="steadfast_batch",state="done"} 2'
    assert wanted in text
    again = REPORT | {"counts": {"done": 0}, "items": []}
    push_metrics(batch_registry(again), gateway, job="steadfast_batch", instance="a/b")
    text = httpx.get(f"{gateway}/metrics", trust_env=False).text
    assert wanted not in text
    assert 'state="done"} 0' in text
    assert "steadfast_batch_item_seconds_count" not in text
