"""What `steadfast bench` shows can be read whole in a terminal of 80 columns."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from steadfast.bench.cases import BenchCase, BenchFigures, BenchResult, failed
from steadfast.cli.application import run
from steadfast.errors import EngineUnavailable, ExitCode

Show = Callable[[float | None], str]
BENCH = ["bench", "--engine", "standard", "--provider", "cpu", "--size", "1280x720", "--threads", "2"]


def figures(device_memory_mb: float | None) -> BenchFigures:
    return BenchFigures(
        frames=90,
        fps=123.4,
        analyse_ms=111.1,
        swap_ms=222.2,
        transcode_ms=333.3,
        load_s=0.1,
        peak_memory_mb=4444,
        device_memory_mb=device_memory_mb,
    )


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Show:
    def show(device_memory_mb: float | None) -> str:
        def measure(cases: Sequence[BenchCase], *_: Any, **__: Any) -> list[BenchResult]:
            worked = BenchResult(case=cases[0], figures=figures(device_memory_mb))
            return [worked, failed(cases[0], EngineUnavailable("It lacks a model."))]

        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setattr("steadfast.bench.run.run_cases", measure)
        assert run(BENCH) is ExitCode.OK
        return capsys.readouterr().out

    return show


@pytest.mark.parametrize("device_memory_mb", [None, 5555.0])
def test_every_figure_is_whole(shown: Show, device_memory_mb: float | None) -> None:
    text = shown(device_memory_mb)
    row = next(line for line in text.splitlines() if line.startswith("standard"))
    figures_shown = ["standard", "cpu", "1280x720", "2", "123.4", "111.1", "222.2", "333.3", "4444"]
    assert row.split() == figures_shown + (["5555"] if device_memory_mb else [])
    assert "…" not in text


def test_what_failed_is_told_with_its_reason(shown: Show) -> None:
    assert "standard, cpu, 1280x720, threads 2 failed: It lacks a model." in shown(None).replace("\n", " ")


def test_the_advice_names_the_file_it_is_meant_for(shown: Show) -> None:
    assert "config.toml" in shown(None).replace("\n", "")
