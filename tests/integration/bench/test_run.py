"""A case is measured in a process of its own, and one that cannot work costs only itself."""

from pathlib import Path

from steadfast.bench.cases import BenchCase
from steadfast.bench.run import run_cases
from steadfast.settings import ModelSettings, Settings


def test_a_working_case_has_figures_and_an_impossible_one_its_reason(tmp_path: Path) -> None:
    cases = [
        BenchCase(engine="standard", provider="cpu", width=320, height=240, threads=1),
        BenchCase(engine="embedded", provider="—", width=320, height=240, threads=1),
    ]
    no_models = Settings(models=ModelSettings(dir=tmp_path, mirror=(), auto_pull="never"))
    seen: list[str] = []
    without_models, embedded = run_cases(
        cases, no_models, seconds=0.5, on_result=lambda result: seen.append(result.case.engine)
    )
    assert without_models.figures is None
    assert without_models.error is not None
    assert without_models.error["code"] == "engine_unavailable"
    assert embedded.figures is not None
    assert embedded.figures.frames == 15
    assert embedded.figures.fps > 0
    assert embedded.figures.analyse_ms > 0
    assert embedded.figures.peak_memory_mb > 50
    assert seen == ["standard", "embedded"]
