"""Settings switch probes off and tune them; third parties add theirs."""

from collections.abc import Iterable
from importlib.metadata import EntryPoint

import pytest
from tests.unit.health.probes.surroundings import Hand, surroundings

from steadfast.errors import ConfigError
from steadfast.health.probes.contract import Probe, Surroundings
from steadfast.health.probes.selection import choose_probes, foreign_probes
from steadfast.health.readings import Sample
from steadfast.health.work_record import WorkRecord
from steadfast.settings import HealthSettings, load_settings


def chosen(settings: HealthSettings) -> dict[str, Probe]:
    clock = Hand()
    found = choose_probes(
        settings, surroundings(clock=clock), WorkRecord(clock), read_devices=list, others=lambda _: ()
    )
    return {probe.name: probe for probe in found}


def test_a_probe_is_switched_off_and_tuned_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEADFAST_HEALTH__DISABLED", "cpu,device_power")
    monkeypatch.setenv("STEADFAST_HEALTH__INTERVAL_S", "7")
    monkeypatch.setenv("STEADFAST_HEALTH__PROBES__MEMORY__WARNING", "0.5")
    monkeypatch.setenv("STEADFAST_HEALTH__PROBES__MEMORY__INTERVAL_S", "1")
    probes = chosen(load_settings().health)
    assert "cpu" not in probes
    assert "device_power" not in probes
    assert probes["memory"].thresholds.warning == 0.5
    assert probes["memory"].thresholds.error == 0.96
    assert (probes["memory"].interval_s, probes["threads"].interval_s) == (1, 7)
    assert probes["python_objects"].interval_s == 30


def test_a_name_that_no_probe_has_is_refused() -> None:
    with pytest.raises(ConfigError, match="no probe 'disc_space'"):
        chosen(HealthSettings(disabled=("disc_space",)))
    chosen(HealthSettings(disabled=("disk_space",)))  # there is no folder to watch here; the name is right


class OfSomebody(Probe):
    name = "of_somebody"

    def take(self) -> Iterable[Sample]:
        return [Sample(value=1.0)]


def make(_: Surroundings) -> Probe:
    return OfSomebody()


def broken(_: Surroundings) -> Probe:
    raise RuntimeError


def test_probes_of_third_parties_join_and_a_broken_one_costs_nobody_else() -> None:
    points = [
        EntryPoint(name=name, value=f"{__name__}:{name}", group="steadfast.probes")
        for name in ("broken", "make")
    ]
    import sys

    sys.modules.setdefault(__name__, sys.modules[__name__])
    assert [probe.name for probe in foreign_probes(surroundings(), points)] == ["of_somebody"]
