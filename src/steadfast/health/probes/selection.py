"""Which probes run, and how: the built-in ones, those of third parties, and what settings change of them."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points

from steadfast.errors import ConfigError
from steadfast.health.probes.capability import capability_probes
from steadfast.health.probes.contract import Probe, Surroundings
from steadfast.health.probes.devices import Nvml, ReadDevices, device_probes
from steadfast.health.probes.process import process_probes
from steadfast.health.probes.resources import resource_probes
from steadfast.health.work_record import WorkRecord
from steadfast.settings import HealthSettings, ProbeTuning

_log = logging.getLogger(__name__)

GROUP = "steadfast.probes"
"""Entry points: callables that take `Surroundings` and answer a probe or several."""


def choose_probes(
    settings: HealthSettings,
    surroundings: Surroundings,
    record: WorkRecord,
    *,
    read_devices: ReadDevices | None = None,
    others: Callable[[Surroundings], Iterable[Probe]] | None = None,
) -> list[Probe]:
    """Every probe that is on, tuned. Raises `ConfigError` for a name that no probe has."""
    found = [
        *process_probes(surroundings),
        *resource_probes(surroundings),
        *device_probes(read_devices or Nvml()),
        *capability_probes(surroundings, record),
        *(others or foreign_probes)(surroundings),
    ]
    _refuse_unknown((*settings.disabled, *settings.probes), found)
    return [
        _tuned(probe, settings.probes.get(probe.name), settings.interval_s)
        for probe in found
        if probe.name not in settings.disabled
    ]


def foreign_probes(surroundings: Surroundings, points: Sequence[EntryPoint] | None = None) -> Iterable[Probe]:
    """Those of third parties; one that cannot be loaded is passed over, and the log says so."""
    for point in points if points is not None else entry_points(group=GROUP):
        try:
            made = point.load()(surroundings)
        except Exception:  # noqa: BLE001 — anybody's code: its fault becomes a line in the log
            _log.exception("probe not loaded", extra={"where": point.value})
            continue
        yield from made if isinstance(made, Iterable) else (made,)


def _refuse_unknown(names: Iterable[str], found: Sequence[Probe]) -> None:
    known = {probe.name for probe in found} | {probe.name for probe in _sometimes_missing()}
    for name in names:
        if name not in known:
            raise ConfigError(
                f"There is no probe {name!r} (from health.disabled or health.probes); "
                f"the probes are: {', '.join(sorted(known))}."
            )


def _sometimes_missing() -> Iterable[Probe]:
    """Probes that another machine or another way of starting may have; naming them is no mistake."""
    from pathlib import Path  # noqa: PLC0415

    from steadfast.health.probes.resources import DatabaseAnswers, DiskInodes, DiskSpace  # noqa: PLC0415

    folders: Mapping[str, Path] = {}
    return DiskSpace(folders), DiskInodes(folders), DatabaseAnswers(lambda: None, lambda: 0.0)


def _tuned(probe: Probe, tuning: ProbeTuning | None, interval_s: float) -> Probe:
    """The probe with its settings; `interval_s` is for those that have none of their own."""
    if probe.interval_s == Probe.interval_s:
        probe.interval_s = interval_s
    if tuning is not None:
        probe.interval_s = tuning.interval_s or probe.interval_s
        probe.timeout_s = tuning.timeout_s or probe.timeout_s
        given = tuning.model_dump(include={"warning", "error", "fatal"}, exclude_none=True)
        probe.thresholds = replace(probe.thresholds, **given)
    return probe
