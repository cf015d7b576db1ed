"""Quality of results, sampled on real traffic."""

from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client.registry import CollectorRegistry

from steadfast.events import subscribe_to
from steadfast.observability.metrics.family import Family, Kind, Label, words_of
from steadfast.observability.metrics.instrument import Counting
from steadfast.observability.metrics.labels import ENGINE
from steadfast.observability.quality import QualityMeasured, Verdict
from steadfast.readings import QualityReading

_READING: Final = Label(
    name="reading",
    meaning="Of faces `identity`, `flicker`, `psnr_outside`, `ssim_outside`, `mask_overlap`, "
    "`face_distance`; of entailment `accuracy`, `steadiness`.",
    values=words_of(QualityReading),
)
_VERDICT: Final = Label(
    name="verdict",
    meaning="`met`, `missed`, or `not_judged`: nothing is promised of it for this engine.",
    values=words_of(Verdict),
)

READINGS: Final = Family(
    name="steadfast_quality_readings_total",
    kind=Kind.COUNTER,
    meaning="Results whose quality was measured, by whether it was as promised.",
    labels=(ENGINE, _READING, _VERDICT),
)
LATEST: Final = Family(
    name="steadfast_quality_latest",
    kind=Kind.GAUGE,
    meaning="The latest value of a reading, in its own unit.",
    labels=(ENGINE, _READING),
)
FLICKER: Final = Family(
    name="steadfast_quality_flicker_ratio",
    kind=Kind.HISTOGRAM,
    meaning="Change from frame to frame inside the mask, relative to the original's; 1 is as calm.",
    labels=(ENGINE,),
    buckets=(0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0),
)
FAMILIES: Final = (READINGS, LATEST, FLICKER)


class QualityMetrics(Counting):
    """Counts what was measured."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(FAMILIES, registry)

    def listen(self) -> Iterable[Callable[[], None]]:
        """Begins; the answer ends it."""
        return [subscribe_to(QualityMeasured, self._measured)]

    def _measured(self, event: QualityMeasured) -> None:
        reading = event.reading.value
        self.at(READINGS, event.engine, reading, event.verdict.value).inc()
        self.at(LATEST, event.engine, reading).set(event.value)
        if event.reading is QualityReading.FLICKER:
            self.at(FLICKER, event.engine).observe(event.value)
