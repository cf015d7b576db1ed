"""The plan of a drill: decided by its seed, before anything starts."""

from itertools import pairwise

from tests.unit.drill.made_up import Elsewhere, Longer, Nothing

from steadfast.drill.fault import Fault
from steadfast.drill.registry import BUILT_IN
from steadfast.drill.schedule import plan

THREE: tuple[type[Fault], ...] = (Nothing, Longer, Elsewhere)


def test_the_same_seed_is_the_same_faults_at_the_same_moments_with_the_same_victims() -> None:
    assert plan(BUILT_IN, seed=7) == plan(BUILT_IN, seed=7)


def test_another_seed_is_another_order_and_other_moments() -> None:
    one, other = plan(BUILT_IN, seed=7), plan(BUILT_IN, seed=8)
    assert [p.name for p in one] != [p.name for p in other]
    assert {p.at_s for p in one} != {p.at_s for p in other}


def test_every_fault_comes_once() -> None:
    assert sorted(p.name for p in plan(BUILT_IN, seed=1)) == sorted(fault.name for fault in BUILT_IN)


def test_faults_that_need_one_house_stay_together() -> None:
    houses = [p.house for p in plan(BUILT_IN, seed=3)]
    changes = sum(one != other for one, other in pairwise(houses))
    assert changes == len(set(houses)) - 1


def test_no_fault_begins_before_the_window_of_the_last_one_is_over() -> None:
    planned = [p for p in plan(THREE, seed=1) if not p.house]
    first, second = planned
    lasts_s = {fault.name: fault.lasts_s for fault in THREE}[first.name]
    assert second.at_s - first.at_s >= lasts_s + 10.0 + 3.0


def test_a_short_duration_leaves_faults_out_and_a_long_one_repeats_them() -> None:
    assert len(plan(BUILT_IN, seed=1, duration_s=60.0)) < len(BUILT_IN)
    assert len(plan(THREE, seed=1, duration_s=600.0)) > len(THREE)


def test_a_long_drill_is_about_as_long_as_it_was_asked_to_be() -> None:
    planned = plan((Nothing,), seed=1, duration_s=300.0)
    assert 15 <= len(planned) <= 25  # a window of 10 s and 3 to 6 s of calm each
