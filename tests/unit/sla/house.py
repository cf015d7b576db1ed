"""A ledger with a clock by hand: servers that live, die and write, without any process."""

import os
from datetime import UTC, datetime
from pathlib import Path

from tests.databases import open_migrated_sqlite

from steadfast.database.database import Database
from steadfast.settings import ObjectiveSettings
from steadfast.sla.evidence import Evidence, gather
from steadfast.sla.folding import fold
from steadfast.sla.frames import Frame, FrameKind
from steadfast.sla.journal import Journal
from steadfast.sla.maintenance import MaintenancePlan
from steadfast.sla.report import Report, make_report
from steadfast.sla.tally import OUTCOMES

BEGIN = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
_BEAT_US = 500_000


class LedgerHouse:
    """One data folder and whoever serves from it."""

    def __init__(self, folder: Path, database: Database | None = None) -> None:
        self.folder = folder / "ledger"
        self.database = database or open_migrated_sqlite(folder)
        self.now_us = round(BEGIN.timestamp() * 1e6)
        self.journal: Journal | None = None
        self._serial = 0

    @property
    def now(self) -> datetime:
        """By the hand that turns it."""
        return datetime.fromtimestamp(self.now_us / 1e6, UTC)

    def answer(self) -> None:
        """A server is there."""
        self.journal = Journal(self.folder, now_us=lambda: self.now_us)
        self.journal.say(FrameKind.LISTENING)

    def pass_to(self, at_us: int) -> None:
        """Time passes, and a server that is there gives signs of life."""
        while self.journal is not None and self.now_us + _BEAT_US <= at_us:
            self.now_us += _BEAT_US
            self.journal.say(FrameKind.BEAT)
        self.now_us = at_us

    def wait(self, seconds: float) -> None:
        """The same for so long."""
        self.pass_to(self.now_us + round(seconds * 1e6))

    def begin(self, count: int = 1) -> list[int]:
        """Requests that have come."""
        assert self.journal is not None
        serials = [self._serial + number for number in range(1, count + 1)]
        self._serial += count
        for serial in serials:
            self.journal.started(serial)
        return serials

    def end(self, serials: list[int], outcome: str = "ok", **fields: object) -> None:
        """They are over."""
        assert self.journal is not None
        for serial in serials:
            values = {"task": "face_swap", "took_us": 100_000, "size_class": 0, **fields}
            self.journal.write(
                Frame(
                    kind=FrameKind.END,
                    at_us=self.now_us,
                    serial=serial,
                    outcome=OUTCOMES.index(outcome),
                    **values,  # type: ignore[arg-type]
                )
            )

    def kill(self) -> None:
        """The process is gone, and with it what only it knew."""
        assert self.journal is not None
        os.close(self.journal._fd)
        self.journal = None

    def stop(self) -> None:
        """It ends in order."""
        assert self.journal is not None
        self.journal.close()
        self.journal = None

    def fold(self) -> int:
        """What the server does now and then."""
        return fold(self.database, self.folder, instance="here")

    def announce(self, begins_at: datetime, ends_at: datetime) -> None:
        """Maintenance."""
        MaintenancePlan(self.database, now=lambda: self.now).add(begins_at, ends_at, "new disks")

    def evidence(self) -> Evidence:
        """From the beginning until now."""
        return gather(self.database, self.folder, (round(BEGIN.timestamp() * 1e6), self.now_us))

    def report(self, settings: ObjectiveSettings | None = None) -> Report:
        """The same, judged."""
        return make_report(
            self.evidence(), settings or ObjectiveSettings(), service="house", made_at=self.now
        )

    def close(self) -> None:
        """Lets go of everything."""
        if self.journal is not None:
            self.stop()
        self.database.close()
