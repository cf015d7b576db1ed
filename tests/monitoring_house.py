"""A real Prometheus and a real Alertmanager around a real server, with the project's own rules and routes."""

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import yaml
from tests.http_receiver import Hook
from tests.ports import free_port
from tests.prometheus_tools import ALERTMANAGER, ROOT, RULES, program


@dataclass(kw_only=True)
class MonitoringHouse:
    """What runs."""

    prometheus: str
    alertmanager: str
    pager: Hook

    def ask(self, expr: str) -> list[dict[str, Any]]:
        """What Prometheus answers now."""
        answer = httpx.get(f"{self.prometheus}/api/v1/query", params={"query": expr}, trust_env=False)
        assert answer.status_code == 200, (expr, answer.text)
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found

    def figure(self, expr: str) -> float | None:
        """The one value that Prometheus answers; None: it has none."""
        found = self.ask(expr)
        return float(found[0]["value"][1]) if found else None

    def exemplars(self, selector: str) -> list[dict[str, Any]]:
        """Those of the last minutes."""
        now_s = time.time()
        span: dict[str, str | float] = {"query": selector, "start": now_s - 300, "end": now_s + 5}
        answer = httpx.get(f"{self.prometheus}/api/v1/query_exemplars", params=span, trust_env=False)
        found: list[dict[str, Any]] = answer.json()["data"]
        return found

    def until(self, condition: Callable[[], object], within_s: float = 40.0) -> None:
        """Waits for a condition; fails the test when it does not come."""
        until_s = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < until_s, "it did not come"
            time.sleep(0.1)


@contextmanager
def monitoring(folder: Path, target: str) -> Iterator[MonitoringHouse]:
    """Watches the server at that URL, looking once a second; pages go to a receiver here."""
    folder.mkdir(parents=True, exist_ok=True)
    ports = free_port(), free_port()
    with ExitStack() as stack:
        pager = Hook()
        stack.callback(pager.close)
        _write_alertmanager(folder / "alertmanager.yml", pager.url)
        _write_prometheus(folder / "prometheus.yml", target, f"127.0.0.1:{ports[1]}")
        stack.enter_context(_running(folder, "alertmanager", _alertmanager(folder, ports[1])))
        stack.enter_context(_running(folder, "prometheus", _prometheus(folder, ports[0])))
        house = MonitoringHouse(
            prometheus=f"http://127.0.0.1:{ports[0]}",
            alertmanager=f"http://127.0.0.1:{ports[1]}",
            pager=pager,
        )
        for url in (house.prometheus, house.alertmanager):
            house.until(lambda url=url: _is_ready(url))  # type: ignore[misc]
        yield house


def _write_prometheus(file: Path, target: str, alertmanager: str) -> None:
    """The project's configuration, looking more often, at this server alone."""
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s", "scrape_timeout": "1s"}
    config["rule_files"] = [str(RULES / "*.yml")]
    config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [alertmanager]}]}]
    ours = next(job for job in config["scrape_configs"] if job["job_name"] == "steadfast")
    ours["static_configs"][0]["targets"] = [urlsplit(target).netloc]
    config["scrape_configs"] = [ours]
    file.write_text(yaml.safe_dump(config), encoding="utf-8")


def _write_alertmanager(file: Path, pager: str) -> None:
    """The project's routes, with the receiver of the test and without waiting for company."""
    config = yaml.safe_load(ALERTMANAGER.read_text())
    for route in (config["route"], *config["route"]["routes"]):
        route["group_wait"] = "0s"
    for receiver in config["receivers"]:
        for hook in receiver.get("webhook_configs", ()):
            hook["url"] = f"{pager}/{receiver['name']}"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")


def _prometheus(folder: Path, port: int) -> Sequence[str]:
    return (
        program("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--enable-feature=exemplar-storage",
    )


def _alertmanager(folder: Path, port: int) -> Sequence[str]:
    return (
        program("prometheus-alertmanager"),
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    )


@contextmanager
def _running(folder: Path, name: str, command: Sequence[str]) -> Iterator[None]:
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.kill()
            process.wait(10)


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
