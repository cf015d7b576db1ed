"""Sampled results judged: each becomes a reading with a verdict, a batch that falls short an incident."""

import math
from collections import defaultdict
from collections.abc import Callable
from typing import Final

from steadfast.errors import Severity
from steadfast.events import publish, subscribe_to
from steadfast.health.detection.sign import Sign
from steadfast.observability.quality import QualityMeasured, Verdict
from steadfast.readings import QualityReading, ResultSampled
from steadfast.settings import ObjectiveSettings
from steadfast.sla.targets import bound_of, quality_targets, verdict_of

_BATCH: Final = 20
"""Judged results that are looked at together; of distances, which are of a batch themselves, one."""
_KNOWN: Final = {reading.value: reading for reading in QualityReading}


class QualityWatch:
    """Listens from `listen` on."""

    def __init__(self, settings: ObjectiveSettings, report: Callable[[Sign], None]) -> None:
        """`report` takes what is wrong."""
        self._targets = quality_targets(settings)
        self._kept = settings.quality_kept
        self._report = report
        self._verdicts: dict[tuple[str, QualityReading], list[bool]] = defaultdict(list)

    def listen(self) -> Callable[[], None]:
        """Begins; the answer ends it."""
        return subscribe_to(ResultSampled, self._sampled)

    def _sampled(self, event: ResultSampled) -> None:
        for name, value in event.readings.items():
            reading = _KNOWN.get(name)
            if reading is not None and math.isfinite(value):  # a worker is not trusted
                self._judge(event, reading, value)

    def _judge(self, event: ResultSampled, reading: QualityReading, value: float) -> None:
        verdict = verdict_of(self._targets.get(event.engine), reading, value)
        publish(
            QualityMeasured(
                task=event.task, engine=event.engine, reading=reading, value=value, verdict=verdict
            )
        )
        if verdict is Verdict.NOT_JUDGED:
            return
        batch = self._verdicts[event.engine, reading]
        batch.append(verdict is Verdict.MET)
        if len(batch) >= (1 if reading is QualityReading.FACE_DISTANCE else _BATCH):
            self._look(event, reading, batch)
            batch.clear()

    def _look(self, event: ResultSampled, reading: QualityReading, batch: list[bool]) -> None:
        met = sum(batch)
        if met >= self._kept * len(batch):
            return
        bound = bound_of(self._targets.get(event.engine), reading)
        self._report(
            Sign(
                kind="quality_low",
                subject=f"{event.engine}/{reading.value}",
                severity=Severity.WARNING,
                evidence=f"{len(batch) - met} of {len(batch)} sampled results miss {reading.value} {bound:g}",
                is_moment=True,
                task=event.task,
            )
        )
