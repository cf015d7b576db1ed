"""What an endurance run comes to."""

import random

import pytest
from benchmarks.soak_figures import Asked, Injected, account, blamed, imagined, missed, slope


def fault(name: str, begin_s: float, end_s: float, **more: object) -> Injected:
    values: dict[str, object] = {
        "group": "worker",
        "incident_kinds": frozenset({"worker_died"}),
        "side_kinds": frozenset(),
        "refusals": frozenset(),
        "noticed_by": "worker_died",
    }
    return Injected(name=name, begin_s=begin_s, end_s=end_s, **values | more)  # type: ignore[arg-type]


def asked(at_s: float, words: str = "200") -> Asked:
    status, _, code = words.partition(" ")
    return Asked(begin_s=at_s, end_s=at_s + 0.2, is_good=status == "200", words=words, code=code)


def test_memory_that_only_trembles_has_no_slope() -> None:
    dice = random.Random(1)
    found = slope([(float(at_s), 500 + dice.gauss(0, 20)) for at_s in range(1500)])
    assert found is not None
    assert found.is_nought


def test_a_leak_is_told_from_the_trembling_and_its_interval_holds_the_truth() -> None:
    dice = random.Random(2)
    found = slope([(float(at_s), 500 + at_s / 3600 * 60 + dice.gauss(0, 5)) for at_s in range(1500)])
    assert found is not None
    assert not found.is_nought
    assert found.low < 60 < found.high


def test_a_sawtooth_of_replaced_workers_is_no_leak() -> None:
    found = slope([(float(at_s), 500 + at_s % 40) for at_s in range(1500)])
    assert found is not None
    assert found.is_nought


def test_too_few_samples_say_nothing() -> None:
    assert slope([(float(at_s), 1.0) for at_s in range(20)]) is None


def test_a_refusal_counts_as_one_only_while_its_fault_is_there() -> None:
    flood = fault("overload", 10, 20, refusals=frozenset({"overloaded"}))
    seen = [asked(1), asked(15, "503 overloaded"), asked(90, "503 overloaded"), asked(91)]
    found = account(seen, [flood], grace_s=30)
    assert found.requests == 4
    assert found.refused == {"503 overloaded": 1}
    assert found.failed == {"503 overloaded": 1}
    assert found.availability == pytest.approx(2 / 3)


def test_a_failure_is_told_with_the_faults_that_were_there() -> None:
    faults = [fault("worker-sigkill", 10, 10), fault("slow-model", 8, 28)]
    assert blamed(asked(11, "504"), faults, grace_s=5) == "worker-sigkill + slow-model"
    assert blamed(asked(60, "504"), faults, grace_s=5) == "no fault"


def test_an_incident_that_no_fault_explains_is_imagined() -> None:
    faults = [
        fault("worker-sigkill", 10, 10),
        fault("overload", 40, 50, side_kinds=frozenset({"stuck_queue"})),
    ]
    opened = [(10.5, "worker_died"), (12.0, "disk_space"), (60.0, "stuck_queue"), (100.0, "worker_died")]
    assert imagined(opened, faults, grace_s=30) == [(12.0, "disk_space"), (100.0, "worker_died")]


def test_what_takes_long_to_be_noticed_is_not_imagined_when_it_is() -> None:
    faults = [
        fault(
            "wrong-outputs",
            0,
            15,
            incident_kinds=frozenset({"wrong_answers"}),
            side_kinds=frozenset({"reloading"}),
            tell_until_s=90.0,
        )
    ]
    opened = [(80.0, "wrong_answers"), (80.0, "reloading"), (95.0, "wrong_answers")]
    assert imagined(opened, faults, grace_s=30) == opened[1:]


def test_a_fault_that_nothing_showed_is_missed_unless_there_is_nothing_to_see() -> None:
    seen, unseen = fault("a", 1, 1), fault("b", 2, 2, noticed_by="")
    quiet = fault("c", 3, 3, noticed_by="", must_be_noticed=False)
    assert missed([seen, unseen, quiet]) == [unseen]
