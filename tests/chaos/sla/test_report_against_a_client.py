"""The report says what an outside client logged, though workers and servers are killed meanwhile."""

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.ports import free_port
from tests.serving_house import FAULTY, ROOT, ServingHouse, serving

_OURS = {500, 502, 503, 504}
_POLL_S = 0.02
_SAME_S = 1.0


@dataclass
class Client:
    """Asks without a pause and writes down what became of it."""

    house: ServingHouse
    answers: Counter[int] = field(default_factory=Counter)
    refused: int = 0
    """Connections that nobody took: these no server can have counted."""
    cut: int = 0
    """Requests whose server died under them."""
    outages: list[tuple[float, float]] = field(default_factory=list)
    """From the first failure to the next answer, on the wall clock."""
    _failing_since_s: float | None = None

    def ask(self, do: str = "echo", **more: Any) -> None:
        """One request on a connection of its own."""
        began_s = time.time()
        try:
            with self.house.new_client() as client:
                answer = self.house.swap(do, client, **more)
            self.answers[answer.status_code] += 1
        except httpx.ConnectError:
            self.refused += 1
        except httpx.HTTPError:
            self.cut += 1
        else:
            if self._failing_since_s is not None and answer.status_code == 200:
                self.outages.append((self._failing_since_s, time.time()))
                self._failing_since_s = None
            return
        self._failing_since_s = self._failing_since_s or began_s

    @property
    def availability(self) -> float:
        """As it saw it: a 4xx was its own fault."""
        good = self.answers[200]
        return good / (good + sum(n for status, n in self.answers.items() if status in _OURS))


def _report(data_dir: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "steadfast", "sla", "report", "--json"]
    environment = os.environ | {"STEADFAST_DATA_DIR": str(data_dir)}
    said = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, check=True).stdout
    found: dict[str, Any] = json.loads(said)
    return found


def _objective(report: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in report["objectives"] if one["name"] == name)
    return found


def test_without_a_dead_server_the_availability_is_the_client_s(tmp_path: Path) -> None:
    with serving(tmp_path, FAULTY | {"STEADFAST_OBJECTIVES__SAMPLED": "0"}) as house:
        clients = [Client(house) for _ in range(4)]

        def work(client: Client) -> None:
            for number in range(60):
                client.ask()
                if number % 20 == 3:
                    client.ask("segfault", number=number)  # retried, then poison: the caller's
                if number % 15 == 7:
                    client.ask("echo", seconds=1.0, headers={"X-Deadline-Ms": "150"})

        threads = [threading.Thread(target=work, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        report = _report(tmp_path)
    good = sum(client.answers[200] for client in clients)
    bad = sum(n for client in clients for status, n in client.answers.items() if status in _OURS)
    assert not any(client.refused or client.cut for client in clients)
    assert bad > 0, "nothing failed, so nothing was shown"
    availability = _objective(report, "availability")
    assert availability["achieved"] == pytest.approx(good / (good + bad), abs=1e-4)
    assert sum(report["outcomes"].values()) == sum(client.answers.total() for client in clients)
    assert report["outages"] == []


def test_a_dead_server_s_absence_is_the_client_s_outage_to_the_second(tmp_path: Path) -> None:
    with serving(tmp_path, FAULTY, "--port", str(free_port()), guardian=True) as house:
        client, done = Client(house), threading.Event()

        def poll() -> None:
            while not done.is_set():
                client.ask()
                time.sleep(_POLL_S)

        thread = threading.Thread(target=poll)
        thread.start()
        for number in range(3):
            time.sleep(1.5)
            house.server.kill()
            house.until(lambda: len(client.outages) > number, within_s=90)  # noqa: B023 — waited for here
        time.sleep(1.0)
        done.set()
        thread.join()
        report = _report(tmp_path)
    assert len(report["outages"]) == len(client.outages) == 3
    for ours, (begin_s, end_s) in zip(report["outages"], client.outages, strict=True):
        assert ours["why"] == "died"
        assert ours["seconds"] == pytest.approx(end_s - begin_s, abs=_SAME_S)
    # The difference to the client's own count is what no server was there to see.
    counted = sum(report["outcomes"].values())
    assert client.answers.total() <= counted <= client.answers.total() + client.cut
    assert report["outcomes"].get("lost", 0) <= client.cut
    absent_s = sum(one["seconds"] for one in report["outages"])
    presence = _objective(report, "presence")
    assert presence["bad"] == pytest.approx(absent_s, abs=0.01)
