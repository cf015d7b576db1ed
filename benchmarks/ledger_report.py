"""How long a report takes over millions of requests: `python -m benchmarks.ledger_report --requests 3000000`.

Fills a ledger through its own rollups with 30 days of traffic (two tasks, four sizes, an outage, a bad hour),
then has the report made of it. The bar: 30 M requests in 30 s. With `--html FILE` the page is kept.

A report reads sums, and more requests of the same kinds make no more sums. `--times 10` makes every sum ten
times as large: 3 M written requests are then the sums of 30 M, without the hour that writing those takes.
Single requests are only as many as were written; they are read beside maintenance alone.
"""

import argparse
import random
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import update

from steadfast.database.connection import database_options
from steadfast.database.database import Database, open_database
from steadfast.settings import DatabaseSettings, ObjectiveSettings
from steadfast.sla.evidence import gather
from steadfast.sla.folding import fold
from steadfast.sla.frames import Frame, FrameKind, FrameWriter, simple_frame
from steadfast.sla.page import as_html
from steadfast.sla.report import make_report
from steadfast.sla.tables import DURATIONS, ERRORS, MINUTES
from steadfast.sla.tally import OUTCOMES
from steadfast.sla.words import as_markdown

_BAR_S = 30.0
_DAYS = 30
_FILE_S = 900
_TASKS = (("face_swap", "standard", 0.22), ("visual_entailment", "embedded", 0.03))


def fill(database: Database, folder: Path, requests: int, now_us: int) -> None:
    """30 days of traffic, file by file, as the server would have written and folded it."""
    rng = random.Random(7)
    files = _DAYS * 86400 // _FILE_S
    each = requests // files
    for number in range(files):
        begin_us = now_us - (files - number) * _FILE_S * 1_000_000
        hour = number * _FILE_S // 3600
        if hour == 200:  # an outage of an hour
            continue
        life = "00000000000000001-1" if hour < 200 else "00000000000000002-2"
        file = folder / f"{life}-{number:06d}.journal"
        file.write_bytes(_content(rng, each, begin_us, is_first=number in {0, 201 * 4}, is_bad=hour == 500))
        if number % 40 == 39:
            _fold_all(database, folder)
    _fold_all(database, folder)


def _content(rng: random.Random, each: int, begin_us: int, *, is_first: bool, is_bad: bool) -> bytes:
    writer, pieces = FrameWriter(), []
    if is_first:
        pieces.append(simple_frame(FrameKind.LISTENING, begin_us))
    step_us = _FILE_S * 1_000_000 // (each + 1)
    for serial in range(each):
        for beat_us in range(begin_us + serial * step_us, begin_us + (serial + 1) * step_us, 2_000_000):
            if step_us > 2_000_000:
                pieces.append(simple_frame(FrameKind.BEAT, beat_us))
        task, engine, typical_s = rng.choice(_TASKS)
        size = rng.randrange(4)
        dice = rng.random()
        outcome = "ok" if dice > (0.2 if is_bad else 0.0004) else "shed" if dice > 0.0001 else "error"
        pieces.append(
            writer.frame(
                Frame(
                    kind=FrameKind.END,
                    at_us=begin_us + serial * step_us,
                    serial=serial,
                    outcome=OUTCOMES.index(outcome),
                    size_class=size,
                    took_us=int(rng.lognormvariate(0, 0.4) * typical_s * (1 + size) * 1e6),
                    status=200 if outcome == "ok" else 503,
                    task=task,
                    engine=engine if outcome == "ok" else "",
                    code="" if outcome == "ok" else "overloaded",
                    key="k1",
                    priority="interactive",
                )
            )
        )
    for before_us in range(step_us + 2_000_000, 0, -2_000_000):
        pieces.append(simple_frame(FrameKind.BEAT, begin_us + _FILE_S * 1_000_000 - before_us))
    return b"".join(pieces)


def multiply(database: Database, times: int) -> None:
    """Every sum of requests so much larger."""
    with database.writing() as connection:
        for table, column in ((MINUTES, "requests"), (DURATIONS, "times"), (ERRORS, "requests")):
            connection.execute(update(table).values({column: table.c[column] * times}))


def _fold_all(database: Database, folder: Path) -> None:
    fold(database, folder, instance="here")


def main() -> int:
    """Measures and tells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=3_000_000)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--html", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "ledger"
        folder.mkdir()
        database = open_database(database_options(DatabaseSettings(synchronous="normal"), Path(name)))
        now = datetime.now(UTC)
        now_us = round(now.timestamp() * 1e6)
        began_s = time.process_time()
        fill(database, folder, options.requests, now_us)
        multiply(database, options.times)
        filled_s = time.process_time() - began_s
        size = (Path(name) / "steadfast.db").stat().st_size
        began_s, cpu_s = time.monotonic(), time.process_time()
        evidence = gather(database, folder, (now_us - _DAYS * 86_400_000_000, now_us))
        report = make_report(evidence, ObjectiveSettings(), service="bench", made_at=now)
        text = as_markdown(report)
        took_s, cpu_s = time.monotonic() - began_s, time.process_time() - cpu_s
        page_s = time.process_time()
        page = as_html(report)
        page_s = time.process_time() - page_s
        if options.html is not None:
            options.html.write_text(page, encoding="utf-8")
        database.close()
    print("\n".join(text.splitlines()[:24]))
    print("| what | figure | bar |\n|---|---|---|")
    print(f"| requests | {sum(report.outcomes.values())} | |")
    print(f"| writing and folding one | {filled_s / options.requests * 1e6:.1f} us | |")
    print(f"| database | {size / options.requests:.1f} bytes per request | |")
    print(f"| report | {took_s:.1f} s, {cpu_s:.1f} s of processor | {_BAR_S:.0f} s |")
    print(f"| page | {page_s:.1f} s of processor, {len(page) / 1e3:.0f} kB | |")
    return int(took_s > _BAR_S)


if __name__ == "__main__":
    sys.exit(main())
