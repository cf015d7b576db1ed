"""What measuring costs: microseconds that metrics add to a request, and milliseconds of a scrape.

`python -m benchmarks.telemetry_cost`. The bars: 50 us per request, together with the ledger; 20 ms per scrape
with 8 workers. Processor time of this process, medians of rounds: a busy machine makes it look dearer.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

from tests.unit.observability.metrics.surroundings import (
    TASK,
    TRACE,
    ended,
    metrics,
    reading,
    snapshot,
    worker,
)

from steadfast.api.endings import request_ended
from steadfast.database.connection import database_options
from steadfast.database.database import open_database
from steadfast.events import publish
from steadfast.observability.metrics.service_metrics import ServiceMetrics
from steadfast.observability.requests import RequestStarted
from steadfast.runtime.events import WorkerStateChanged
from steadfast.runtime.states import WorkerState
from steadfast.settings import DatabaseSettings
from steadfast.sla.folding import fold
from steadfast.sla.recorder import Recorder

_REQUEST_BAR_US = 50.0
_SCRAPE_BAR_MS = 20.0
_ENGINES = ("standard", "embedded", "neural")
_PIXELS = (5e5, 2e6, 1e7, 3e7)


def per_call_us(call: Callable[[], object], calls: int) -> float:
    """Processor time of one call."""
    began_s = time.process_time()
    for _ in range(calls):
        call()
    return (time.process_time() - began_s) / calls * 1e6


EXCHANGE: Any = SimpleNamespace(
    request_id=b"810942c3ec02cd7a",
    path="/v1/swap",
    status=200,
    code=None,
    traceparent=TRACE,
    noted={
        "task": TASK,
        "engine": "standard",
        "priority": "interactive",
        "attempts": 1,
        "receive_ms": 1.0,
        "queue_ms": 2.0,
        "worked_ms": 40.0,
        "decode_ms": 10.0,
        "infer_ms": 20.0,
        "encode_ms": 10.0,
        "predicted_ms": 35.0,
        "bytes": 100_000,
        "pixels": 2e6,
        "frames": 1,
        "faces": 2,
        "swapped": 1,
        "identity": 0.7,
    },
)
"""A request that has ended, as far as stating that asks for it."""


def make_only() -> None:
    """A request's event that nobody hears."""
    request_ended(EXCHANGE, 0.05)


def make_and_tell() -> None:
    """The same, told to whoever listens."""
    publish(request_ended(EXCHANGE, 0.05))


def of_requests(house: ServiceMetrics, rounds: int, calls: int) -> tuple[float, float]:
    """Microseconds of making and of telling an event, with its exemplar; without metrics, and with them."""
    alone, told = [], []
    for _ in range(rounds):
        alone.append(per_call_us(make_only, calls))
        house.start()
        told.append(per_call_us(make_and_tell, calls))
        house.stop()
    return median(alone), median(told)


def of_ledger(folder: Path, rounds: int, calls: int) -> tuple[float, float]:
    """Microseconds that the ledger adds to a request: journaled as it comes and as it ends; then folded."""
    database = open_database(database_options(DatabaseSettings(), folder))
    journaled, folded, serials = [], [], count(1)
    recorder = Recorder(folder / "ledger", instance="here")

    def come_and_go() -> None:
        serial = next(serials)
        publish(RequestStarted(serial=serial, route="/v1/swap"))
        publish(request_ended(EXCHANGE, 0.05, serial))

    for _ in range(rounds):
        alone_us = per_call_us(come_and_go, calls)
        recorder.listen()
        journaled.append(per_call_us(come_and_go, calls) - alone_us)
        recorder.deafen()
        recorder.turn()
        folded.append(per_call_us(lambda: fold(database, folder / "ledger", instance="here"), 1) / calls)
    recorder.close(database)
    database.close()
    return median(journaled), median(folded)


def fill(house: ServiceMetrics) -> None:
    """As many series as a busy server has: two tasks, three engines, every outcome and size."""
    house.start()
    for task in (TASK, "visual_entailment"):
        publish(WorkerStateChanged(task=task, worker="w", pid=1, before=None, after=WorkerState.STARTING))
        for engine in _ENGINES:
            for pixels in _PIXELS:
                publish(ended(task=task, engine=engine, pixels=pixels, traceparent=TRACE))
        for status, code in ((422, "no_face"), (503, "overloaded"), (504, "deadline_exceeded"), (500, "x")):
            publish(ended(task=task, engine="", status=status, code=code, pixels=0.0))


def of_scrapes(house: ServiceMetrics, rounds: int) -> tuple[float, float, int]:
    """Milliseconds of a scrape as OpenMetrics: median and worst; and how many lines it has."""
    took_ms = [
        per_call_us(lambda: house.expose("application/openmetrics-text"), 1) / 1000 for _ in range(rounds)
    ]
    return median(took_ms), max(took_ms), house.expose()[1].count(b"\n")


def main() -> int:
    """Measures and tells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        eight = snapshot(*(worker(n, slot=f"cpu:{n}") for n in range(8)))
        readings = [reading(f"probe_{n}", TASK) for n in range(25)]
        house = metrics(Path(folder), snapshot=lambda: eight, readings=lambda: readings)
        alone_us, told_us = of_requests(house, options.rounds, options.calls)
        fill(house)
        scrape_ms, worst_ms, lines = of_scrapes(house, 50)
        house.stop()
        journal_us, fold_us = of_ledger(Path(folder), options.rounds, options.calls)
    whole_us = told_us + journal_us + fold_us
    print("| what | figure | bar |\n|---|---|---|")
    print(f"| the event of a request, made | {alone_us:.1f} us | |")
    print(f"| made and counted, with an exemplar | {told_us:.1f} us | |")
    print(f"| journaled as it comes and as it ends | {journal_us:.1f} us | |")
    print(f"| folded into the database, in a thread | {fold_us:.1f} us | |")
    print(f"| all of these | {whole_us:.1f} us | {_REQUEST_BAR_US:.0f} us |")
    print(
        f"| scrape, 8 workers, {lines} lines | {scrape_ms:.1f} ms, worst {worst_ms:.1f} "
        f"| {_SCRAPE_BAR_MS:.0f} ms |"
    )
    return int(whole_us > _REQUEST_BAR_US or scrape_ms > _SCRAPE_BAR_MS)


if __name__ == "__main__":
    sys.exit(main())
