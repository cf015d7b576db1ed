"""Restarts follow at once, then with growing pauses, and end at a budget."""

import pytest

from steadfast.guardian.options import GuardianOptions
from steadfast.guardian.restart_policy import RestartPolicy


def policy(*, random: float = 0.5, **options: float) -> RestartPolicy:
    """A policy whose jitter is fixed; 0.5 is none."""
    return RestartPolicy(GuardianOptions(**options), random=lambda: random)  # type: ignore[arg-type]


def test_the_first_death_costs_no_pause_and_each_further_one_twice_the_last() -> None:
    crashing = policy(backoff_first_s=0.1, backoff_max_s=0.5, restarts=6)
    pauses = [crashing.pause_s(float(n), served_s=0.0) for n in range(6)]
    assert pauses == pytest.approx([0.0, 0.1, 0.2, 0.4, 0.5, 0.5])


def test_a_server_that_served_long_enough_starts_a_new_row() -> None:
    crashing = policy(settled_after_s=5)
    assert [crashing.pause_s(0.0, served_s=0.0) for _ in range(2)] == [0.0, 0.1]
    assert crashing.pause_s(10.0, served_s=5.0) == 0.0


def test_the_budget_counts_inside_a_sliding_window() -> None:
    crashing = policy(restarts=2, restarts_within_s=60)
    assert crashing.pause_s(0.0, served_s=9.0) is not None
    assert crashing.pause_s(50.0, served_s=9.0) is not None
    assert crashing.pause_s(59.9, served_s=9.0) is None
    assert crashing.pause_s(60.0, served_s=9.0) is not None
    assert crashing.pause_s(60.1, served_s=9.0) is None


def test_pauses_are_spread_by_a_quarter_to_either_side() -> None:
    pauses = []
    for random in (0.0, 0.999999):
        crashing = policy(random=random, backoff_first_s=1.0)
        crashing.pause_s(0.0, served_s=0.0)
        pauses.append(crashing.pause_s(0.0, served_s=0.0))
    assert pauses == pytest.approx([0.75, 1.25], abs=1e-5)


def test_a_long_row_of_deaths_stays_a_finite_pause() -> None:
    crashing = policy(restarts=10_000)
    pauses = [crashing.pause_s(0.0, served_s=0.0) for _ in range(5_000)]
    assert pauses[-1] == pytest.approx(5.0)
