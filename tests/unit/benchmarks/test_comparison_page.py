"""The page that holds other servers against ours tells where they are better."""

from typing import Any

from benchmarks.peers.page import better_elsewhere, cost_of_supervision, table
from benchmarks.peers.results import Measured


def measured(scenario: str, **figures: Any) -> dict[str, Measured]:
    kept = Measured(
        scenario=scenario,
        figures=figures,
        day="2026-01-01",
        commit="abc",
        cores=2,
        machine="m",
        load=1,
        nice=0,
    )
    return {scenario: kept}


def kill(*, failed: int, whole_again_s: float | None) -> dict[str, Measured]:
    return measured(
        "kill",
        requests=100,
        failed=failed,
        answers={"200": 100 - failed},
        longest_silence_s=0.4,
        whole_again_s=whole_again_s,
        red_after_s=None,
        watched_s=25.0,
    )


def test_what_another_does_better_is_bold_and_listed() -> None:
    found = {"steadfast": kill(failed=2, whole_again_s=1.0), "mosec": kill(failed=0, whole_again_s=None)}
    assert "| 2 of 100 | **0 of 100** |" in table(found)
    assert "**mosec** loses fewer requests (SIGKILL): 0 of 100; Steadfast: 2 of 100." in better_elsewhere(
        found
    )


def test_what_another_does_worse_or_never_is_plain() -> None:
    found = {"steadfast": kill(failed=0, whole_again_s=1.0), "mosec": kill(failed=9, whole_again_s=None)}
    assert "**" not in table(found)
    assert "not within 25 s" in table(found)
    assert better_elsewhere(found) == "Nowhere in these rows."


def test_what_was_not_measured_is_said_so() -> None:
    found = {"steadfast": kill(failed=0, whole_again_s=1.0), "ray": kill(failed=0, whole_again_s=1.0)}
    del found["ray"]["kill"]
    found["ray"]["bare"] = found["steadfast"]["kill"]
    assert "not measured" in table(found)


def test_the_cost_of_supervision_is_a_ratio_to_bare_calls_and_to_fastapi() -> None:
    def throughput(rate: float, cpu_ms: float) -> dict[str, Measured]:
        return measured("throughput", photos_per_s={"1": rate, "4": rate}, cpu_ms_per_photo={"4": cpu_ms})

    bare = measured("bare", photos_per_s={"1": 5.0, "2": 10.0}, cpu_ms_per_photo={"2": 160.0})
    found = {"function": bare, "fastapi-inline": throughput(4.0, 160.0), "steadfast": throughput(4.5, 168.0)}
    assert "| Steadfast | 4.5 | 0.90 | 4.5 | 0.45 | 168 ms | 1.05 |" in cost_of_supervision(found)
