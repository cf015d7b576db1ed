"""`steadfast doctor` shows the findings, and its exit status says whether a swap can run."""

import json

import pytest

from steadfast.cli.application import run
from steadfast.doctor import examination
from steadfast.doctor.finding import Diagnosis, Finding, Health, Section
from steadfast.errors import ExitCode
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
