"""`steadfast doctor` shows the findings, and its exit status says whether a swap can run."""

import json
from pathlib import Path

import pytest

from steadfast.cli.application import run
from steadfast.cli.doctor import check_before_start
from steadfast.cli.invocation import Invocation
from steadfast.doctor import examination
from steadfast.doctor.finding import Diagnosis, Finding, Health, Section
from steadfast.errors import ExitCode, PreflightFailed
from steadfast.settings import Settings


def diagnosis(*healths: Health, engine: str | None = "standard") -> Diagnosis:
    findings = tuple(
        Finding(section=Section.MACHINE, name=f"Thing {i}", health=h, summary="was seen", remedy=f"Mend {i}.")
        for i, h in enumerate(healths)
    )
    return Diagnosis(findings=findings, auto_engine=engine)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Diagnosis]:
    """What the next examination finds: the last one put here."""
    answers: list[Diagnosis] = []

    def examine(_: Settings) -> Diagnosis:
        return answers[-1]

    monkeypatch.setattr(examination, "examine", examine)
    return answers


@pytest.mark.parametrize(
    ("healths", "engine", "status", "words"),
    [
        ([Health.GREEN, Health.OFF], "standard", ExitCode.OK, "can run here, with the standard engine."),
        ([Health.GREEN, Health.YELLOW], "embedded", ExitCode.OK, "What is yellow could be better."),
        ([Health.GREEN, Health.RED], "standard", ExitCode.UNAVAILABLE, "cannot run here"),
        ([Health.GREEN], None, ExitCode.UNAVAILABLE, "cannot run here"),
    ],
)
def test_the_exit_status_and_the_last_line_say_whether_a_swap_can_run(
    healths: list[Health],
    engine: str | None,
    status: ExitCode,
    words: str,
    found: list[Diagnosis],
    capsys: pytest.CaptureFixture[str],
) -> None:
    found.append(diagnosis(*healths, engine=engine))
    assert run(["doctor"]) is status
    assert words in capsys.readouterr().out.splitlines()[-1]


def test_colours_are_told_apart_without_colour_too(
    found: list[Diagnosis], capsys: pytest.CaptureFixture[str]
) -> None:
    found.append(diagnosis(*Health))
    run(["doctor"])
    signs = {line[0] for line in capsys.readouterr().out.splitlines() if "Thing" in line}
    assert len(signs) == len(Health)


def test_json_carries_the_verdict_and_every_finding(
    found: list[Diagnosis], capsys: pytest.CaptureFixture[str]
) -> None:
    found.append(diagnosis(Health.RED))
    assert run(["doctor", "--json"]) is ExitCode.UNAVAILABLE
    answer = json.loads(capsys.readouterr().out)
    assert answer["can_swap"] is False
    assert answer["findings"][0]["health"] == "red"
    assert answer["findings"][0]["remedy"] == "Mend 0."


def test_an_examination_of_this_very_machine_finds_an_engine_that_works(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["doctor", "--json"]) is ExitCode.OK
    answer = json.loads(capsys.readouterr().out)
    assert answer["engine"] in ("embedded", "standard", "neural")
    assert {finding["section"] for finding in answer["findings"]} == {section.value for section in Section}


def test_the_preflight_says_what_a_start_would_find_and_its_status_says_whether_it_would_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STEADFAST_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("STEADFAST_RUNTIME__DEVICES", "cpu")
    assert run(["doctor", "--preflight"]) is ExitCode.OK
    assert "The service can start here." in capsys.readouterr().out
    monkeypatch.setenv("STEADFAST_FACES__ENGINE", "neural")
    assert run(["doctor", "--preflight"]) is ExitCode.CONFIG
    assert "faces.engine is neural" in capsys.readouterr().err
    assert run(["doctor", "--preflight", "--json"]) is ExitCode.CONFIG
    assert json.loads(capsys.readouterr().out)["can_start"] is False


def test_a_start_is_refused_or_warned_or_forced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"data_dir": tmp_path, "runtime": {"devices": ["cpu"]}}
    check_before_start(Invocation(), Settings.model_validate(given))
    assert "Warning: Models: without yunet_n_dynamic" in capsys.readouterr().err
    impossible = Settings.model_validate(given | {"faces": {"engine": "neural"}})
    with pytest.raises(PreflightFailed):
        check_before_start(Invocation(), impossible)
    monkeypatch.setenv("SKIP_PREFLIGHT", "1")
    check_before_start(Invocation(), impossible)
    assert "SKIP_PREFLIGHT is set" in capsys.readouterr().err
