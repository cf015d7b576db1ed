"""What is measured covers what was asked, and the advice is what a user would want."""

import tomllib

from steadfast.bench.cases import BenchCase, BenchFigures, BenchResult, plan_cases, recommend


def result(
    engine: str, *, fps: float | None, provider: str = "cpu", threads: int = 1, width: int = 640
) -> BenchResult:
    case = BenchCase(engine=engine, provider=provider, width=width, height=480, threads=threads)
    if fps is None:
        return BenchResult(case=case, figures=None, error={"code": "x", "detail": "it broke"})
    figures = BenchFigures(
        frames=90,
        fps=fps,
        analyse_ms=5,
        swap_ms=5,
        transcode_ms=10,
        load_s=0.1,
        peak_memory_mb=300,
        device_memory_mb=None,
    )
    return BenchResult(case=case, figures=figures)


def test_every_combination_is_measured_but_the_embedded_engine_only_once_per_size() -> None:
    cases = plan_cases(
        engines=("embedded", "standard"),
        providers=("cuda", "cpu"),
        sizes=((64, 64), (128, 128)),
        threads=(1, 2),
    )
    assert sum(case.engine == "embedded" for case in cases) == 2
    assert len({case for case in cases if case.engine == "standard"}) == 8


def test_the_better_engine_is_recommended_even_if_a_worse_one_is_faster() -> None:
    advice = recommend([result("embedded", fps=90), result("standard", fps=60), result("neural", fps=None)])
    assert advice is not None
    assert advice.engine == "standard"


def test_the_fastest_provider_is_recommended() -> None:
    advice = recommend([result("standard", fps=60), result("standard", fps=200, provider="cuda")])
    assert advice is not None
    assert advice.provider == "cuda"


def test_a_difference_that_is_noise_goes_to_fewer_threads() -> None:
    close = [result("standard", fps=100, threads=4), result("standard", fps=98, threads=1)]
    far = [result("standard", fps=100, threads=4), result("standard", fps=80, threads=1)]
    assert [a.threads for a in (recommend(close), recommend(far)) if a] == [1, 4]


def test_the_advice_is_judged_at_the_largest_size() -> None:
    small = [result("standard", fps=300, threads=1), result("standard", fps=200, threads=2)]
    large = [
        result("standard", fps=30, threads=1, width=1280),
        result("standard", fps=50, threads=2, width=1280),
    ]
    advice = recommend([*small, *large])
    assert advice is not None
    assert (advice.threads, advice.fps) == (2, 50)


def test_the_advice_is_a_settings_file() -> None:
    advice = recommend([result("standard", fps=60, threads=2)])
    assert advice is not None
    assert tomllib.loads(advice.as_toml()) == {
        "faces": {"engine": "standard"},
        "inference": {"providers": ["cpu"], "threads": 2},
    }


def test_where_nothing_worked_there_is_no_advice() -> None:
    assert recommend([result("standard", fps=None)]) is None
