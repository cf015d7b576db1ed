"""Doctor says which measures against a worker that was taken over this kernel gives."""

from pathlib import Path

import pytest

from steadfast.doctor.confinement import examine_confinement
from steadfast.doctor.finding import Health
from steadfast.runtime.sandbox import ON, Measure


def test_every_measure_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steadfast.doctor.confinement.kept_from_others", lambda _: None)
    found = list(examine_confinement([], lambda: {measure.value: ON for measure in Measure}))
    assert len(found) == len(Measure)
    assert {finding.health for finding in found} == {Health.GREEN}


def test_a_measure_that_fails_is_yellow_with_its_reason_and_off_where_it_needs_root() -> None:
    found = {f.name: f for f in examine_confinement([], lambda: {m.value: "refused" for m in Measure})}
    assert found["Files (Landlock)"].health is Health.YELLOW
    assert "refused" in found["Files (Landlock)"].summary
    assert found["Another user"].health is Health.OFF


def test_a_user_that_could_not_read_the_models_is_not_taken_and_doctor_says_which_path_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    models.mkdir(mode=0o700)
    monkeypatch.setattr("steadfast.runtime.sandbox.interpreter_paths", lambda: [])
    monkeypatch.setattr("sys.executable", "/bin/sh")
    found = {f.name: f for f in examine_confinement([models], lambda: {m.value: ON for m in Measure})}
    assert found["Another user"].health is Health.YELLOW
    assert str(models) in found["Another user"].summary
    assert found["Files (Landlock)"].summary == "can be had"


def test_what_this_kernel_gives_is_really_tried() -> None:
    assert all(finding.summary for finding in examine_confinement())
