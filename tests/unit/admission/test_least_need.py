"""The least need of a kind is that of its latest requests, and nothing is said of what is hardly known."""

from steadfast.admission.least_need import LeastNeed


def test_nothing_is_said_before_enough_are_known() -> None:
    needs = LeastNeed()
    for _ in range(15):
        needs.note("swap", 2.0)
    assert needs.of("swap") == 0.0
    needs.note("swap", 3.0)
    assert needs.of("swap") == 2.0


def test_kinds_do_not_mix_and_the_old_is_forgotten() -> None:
    needs = LeastNeed()
    needs.note("swap", 0.1)
    for _ in range(64):
        needs.note("swap", 2.0)
        needs.note("list", 0.5)
    assert needs.of("swap") == 2.0
    assert needs.of("list") == 0.5
