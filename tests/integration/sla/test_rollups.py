"""A hundred thousand requests: what the rollups say is what the requests themselves say."""

import math
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from steadfast.database.connection import database_options
from steadfast.database.database import Database, open_database
from steadfast.settings import DatabaseSettings, ObjectiveSettings
from steadfast.sla.evidence import gather
from steadfast.sla.folding import fold
from steadfast.sla.frames import Frame, FrameKind, FrameWriter, simple_frame
from steadfast.sla.maintenance import MaintenancePlan
from steadfast.sla.report import make_report
from steadfast.sla.tally import OUTCOMES

_REQUESTS = 100_000
_FILES = 50
_BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
_FILE_S = 900
_MAINTENANCE = (_BEGIN + timedelta(hours=3, minutes=7), _BEGIN + timedelta(hours=4, minutes=31))


def _us(moment: datetime) -> int:
    return round(moment.timestamp() * 1e6)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(database_options(DatabaseSettings(), tmp_path))
    yield opened
    opened.close()


def _traffic() -> Iterator[list[Frame]]:
    """File by file."""
    rng, each = random.Random(11), _REQUESTS // _FILES
    for file in range(_FILES):
        begin_us = _us(_BEGIN) + file * _FILE_S * 1_000_000
        yield [
            Frame(
                kind=FrameKind.END,
                at_us=begin_us + number * (_FILE_S * 1_000_000 // each),
                serial=number,
                outcome=rng.choices(range(len(OUTCOMES)), [990, 5, 5, 1, 1, 3, 1, 1, 0])[0],
                size_class=rng.randrange(4),
                took_us=int(rng.lognormvariate(-1.5, 0.9) * 1e6) + 2,
                worked_us=1000,
                task=rng.choice(("face_swap", "visual_entailment")),
                engine="standard",
            )
            for number in range(each)
        ]


def _write(folder: Path, number: int, frames: list[Frame]) -> None:
    writer, begin_us = FrameWriter(), frames[0].at_us
    head = [simple_frame(FrameKind.LISTENING, begin_us)] if not number else []
    beats = [
        simple_frame(FrameKind.BEAT, begin_us + beat * 1_000_000)
        for beat in range(_FILE_S)  # the order of frames in a file is that of time
    ]
    written = [(frame.at_us, writer.frame(frame)) for frame in frames]
    beaten = [(begin_us + beat * 1_000_000, content) for beat, content in enumerate(beats)]
    content = b"".join(head + [one for _, one in sorted(written + beaten, key=lambda pair: pair[0])])
    (folder / f"00000000000000001-1-{number:06d}.journal").write_bytes(content)


def test_rollups_say_what_the_requests_say_beside_maintenance_too(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    folder.mkdir()
    raw: list[Frame] = []
    for number, frames in enumerate(_traffic()):
        _write(folder, number, frames)
        raw += frames
    fold(database, folder, instance="here")
    assert list(folder.iterdir()) == []  # nothing is left but the database
    MaintenancePlan(database, now=lambda: _BEGIN).add(*_MAINTENANCE, "new disks")
    period = (_us(_BEGIN), _us(_BEGIN) + _FILES * _FILE_S * 1_000_000)
    report = make_report(gather(database, folder, period), ObjectiveSettings(), service="x", made_at=_BEGIN)
    begin_us, end_us = map(_us, _MAINTENANCE)
    counted = [frame for frame in raw if not begin_us <= frame.at_us < end_us]
    assert report.outcomes == Counter(OUTCOMES[frame.outcome] for frame in counted)
    assert sum(report.outcomes.values()) < _REQUESTS
    for size, name in enumerate(("small", "medium", "large", "huge")):
        took_s = sorted(
            frame.took_us / 1e6
            for frame in counted
            if frame.size_class == size and OUTCOMES[frame.outcome] in ("ok", "degraded")
        )
        found = next(one for one in report.objectives if one.name == f"latency p90 {name}")
        assert found.total == len(took_s)
        within = sum(one <= 0.8 for one in took_s)
        near = sum(abs(one - 0.8) < 0.8 * 0.02 for one in took_s)  # a bucket is 2 % wide
        assert abs(found.good - within) <= near
        p90_s = took_s[math.ceil(0.9 * len(took_s)) - 1]
        shown = found.shown.split(" ")
        assert float(shown[0]) / (1000 if shown[1] == "ms" else 1) == pytest.approx(p90_s, rel=0.011)
