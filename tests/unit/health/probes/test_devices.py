"""Accelerators, by what the driver says; where it says nothing, nothing is wrong."""

import asyncio
import sys
from typing import Any

import pytest
from tests.unit.health.probes.fake_nvml import fake_nvml
from tests.unit.health.probes.surroundings import Hand

from steadfast.health.probes import devices
from steadfast.health.probes.devices import DeviceReading
from steadfast.health.probes.scheduler import ProbeScheduler
from steadfast.health.readings import Status


def test_without_nvml_every_device_probe_is_disabled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pynvml", None)
    for probe in devices.device_probes(devices.Nvml()):
        (sample,) = probe.take()
        assert sample.value is None
        assert sample.status is None  # the scheduler makes `disabled` of it


def test_every_figure_of_a_device_is_told() -> None:
    found = DeviceReading(
        name="gpu:0",
        memory_used_bytes=95,
        memory_total_bytes=100,
        utilisation=0.5,
        temperature_c=93.0,
        slowdown_c=92.0,
        power_w=300.0,
        power_limit_w=600.0,
        ecc_errors=0,
        xid_errors=(79,),
    )
    told = {probe.name: (probe, next(iter(probe.take()))) for probe in devices.device_probes(lambda: [found])}
    values = {name: sample.value for name, (_, sample) in told.items()}
    assert values == {
        "device_memory": 0.95,
        "device_use": 0.5,
        "device_temperature": -1.0,
        "device_power": 0.5,
        "device_errors": 1.0,
    }
    judged = {
        name: probe.thresholds.judge(sample.value)
        for name, (probe, sample) in told.items()
        if sample.value is not None
    }
    assert judged["device_memory"] is Status.WARNING
    assert judged["device_temperature"] is Status.ERROR
    assert judged["device_errors"] is Status.ERROR


def test_a_device_that_tells_nothing_is_not_judged() -> None:
    for probe in devices.device_probes(lambda: [DeviceReading(name="gpu:0")]):
        (sample,) = probe.take()
        assert sample.value is None or sample.status is Status.OK


def test_nvml_is_asked_for_everything_and_may_refuse_some_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml([79, 13]))
    clock = Hand()
    read = devices.Nvml(clock)
    read()
    clock.pass_(30)
    (found,) = read()  # whoever looked first has not taken them away
    assert (found.memory_used_bytes, found.utilisation, found.power_w) == (90, 0.5, 100.0)
    assert (found.power_limit_w, found.ecc_errors) == (None, None)
    assert found.xid_errors == (79, 13)
    clock.pass_(31)
    (again,) = read()
    assert again.xid_errors == ()


@pytest.mark.parametrize(
    ("ill", "probe", "status"),
    [
        ({"ecc_errors": 3}, "device_errors", Status.ERROR),
        ({"xids": [79]}, "device_errors", Status.ERROR),
        ({"xids": [999]}, "device_errors", Status.OK),  # told, and no fault of the device
        ({"temperature_c": 87}, "device_temperature", Status.WARNING),
        ({"temperature_c": 92}, "device_temperature", Status.ERROR),
        ({"used": 91}, "device_memory", Status.WARNING),
        ({"used": 98}, "device_memory", Status.ERROR),
        ({}, "device_errors", Status.OK),
        ({}, "device_temperature", Status.OK),
    ],
)
def test_an_ill_device_is_told_as_the_driver_tells_it(
    ill: dict[str, Any], probe: str, status: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = fake_nvml(ill.pop("xids", []), **({"used": 50} | ill))
    monkeypatch.setitem(sys.modules, "pynvml", module)
    (wanted,) = [one for one in devices.device_probes(devices.Nvml(Hand())) if one.name == probe]
    (reading,) = asyncio.run(ProbeScheduler([wanted], clock=Hand(), told=lambda *_: None).look(wanted))
    assert (reading.subject, reading.status) == ("gpu:0", status)


def test_a_driver_that_is_there_but_does_not_answer_disables_the_probes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = fake_nvml([])

    def refuse() -> None:
        raise module.NVMLError("driver not loaded")

    monkeypatch.setattr(module, "nvmlInit", refuse)
    monkeypatch.setitem(sys.modules, "pynvml", module)
    for wanted in devices.device_probes(devices.Nvml(Hand())):
        (reading,) = asyncio.run(ProbeScheduler([wanted], clock=Hand(), told=lambda *_: None).look(wanted))
        assert reading.status is Status.DISABLED


def test_what_was_last_told_can_be_had_without_asking_and_errors_add_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hand = Hand()
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml([79, 13]))
    nvml = devices.Nvml(hand)
    assert list(nvml.latest) == []  # nobody has asked the driver yet, and this does not
    nvml()
    assert [device.xid_count for device in nvml.latest] == [2]
    hand.pass_(120.0)
    nvml()
    assert [(device.xid_count, device.xid_errors) for device in nvml.latest] == [(2, ())]
