"""An encoder counts only if it opens."""

import os

import pytest

from steadfast.doctor import codecs
from steadfast.doctor.codecs import examine_codecs, why_it_fails
from steadfast.doctor.finding import Finding, Health
from steadfast.media.encoders import ENCODERS, Encoder


def examined() -> dict[str, Finding]:
    return {finding.name: finding for finding in examine_codecs()}


def test_the_encoders_of_this_build_open() -> None:
    findings = examined()
    assert "libx264" in findings["Video encoders"].facts["working"]
    assert findings["Video encoders"].health is Health.GREEN
    assert findings["Sound encoders"].facts["working"] == ["aac", "libopus"]


def test_an_encoder_nobody_built_says_so() -> None:
    unknown = Encoder(
        name="h264_dreams",
        codec="h264",
        quality_option="",
        default_quality=0,
        quality_range=(0, 0),
        preset_option="",
    )
    assert why_it_fails(unknown) == "not in this build of FFmpeg"


def test_every_encoder_that_does_not_open_has_a_reason() -> None:
    for encoder in ENCODERS.values():
        reason = why_it_fails(encoder)
        assert reason is None or reason.strip()


def test_hardware_that_is_not_there_is_no_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecs, "why_it_fails", lambda e: "no device" if e.is_hardware else None)
    assert examined()["Hardware encoders"].health is Health.OFF


def test_a_build_without_the_default_encoder_cannot_do_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecs, "why_it_fails", lambda e: "absent" if e.name == "libx264" else None)
    finding = examined()["Video encoders"]
    assert finding.health is Health.RED
    assert "libx264" in finding.remedy


def test_what_the_libraries_print_when_they_open_stays_off_the_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    examined()
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(
    not hasattr(os, "sched_getscheduler"), reason="schedulers are asked for as Linux has them"
)
def test_looking_at_encoders_leaves_the_process_as_it_was_scheduled() -> None:
    list(examine_codecs())
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
