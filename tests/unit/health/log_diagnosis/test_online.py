"""The rules speak while a worker prints, once per trouble."""

import tracemalloc

import pytest

from steadfast.health.log_diagnosis.online import OnlineDiagnosis

OOM = "onnxruntime: Failed to allocate memory for requested buffer of size 1073741824"
DEATH = "INFO:     Child process [4711] died"


class Clock:
    """Time by hand."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def rules_of(diagnosis: OnlineDiagnosis, line: bytes | str) -> list[str]:
    return [finding.rule for finding in diagnosis.feed(line)]


def test_a_sign_is_told_at_its_first_line_and_not_again(clock: Clock) -> None:
    diagnosis = OnlineDiagnosis("cuda:0-1", clock=clock)
    assert rules_of(diagnosis, "INFO loading") == []
    (finding,) = diagnosis.feed(OOM.encode())
    assert (finding.rule, finding.first.file, finding.first.line) == ("device_out_of_memory", "cuda:0-1", 2)
    assert finding.first.at_s == clock.now_s
    assert rules_of(diagnosis, OOM) == []


def test_it_is_told_again_after_a_quiet_time(clock: Clock) -> None:
    diagnosis = OnlineDiagnosis("w", clock=clock, quiet_s=300)
    assert rules_of(diagnosis, OOM)
    clock.now_s += 500
    assert rules_of(diagnosis, OOM) == []  # its window is 600 s
    clock.now_s += 700
    assert rules_of(diagnosis, OOM) == ["device_out_of_memory"]


def test_a_rule_of_many_signs_waits_for_them_within_its_window(clock: Clock) -> None:
    diagnosis = OnlineDiagnosis("w", clock=clock)
    for _ in range(4):
        assert rules_of(diagnosis, DEATH) == []
    clock.now_s += 5
    assert rules_of(diagnosis, DEATH) == ["repeated_deaths"]


def test_signs_that_lie_far_apart_are_no_loop(clock: Clock) -> None:
    diagnosis = OnlineDiagnosis("w", clock=clock)
    for _ in range(20):
        assert rules_of(diagnosis, DEATH) == []
        clock.now_s += 599


@pytest.mark.parametrize("line", [b"", b"\0\xff\xfe", b"x" * 1_000_000, '{"a":', "\ud800"])
def test_whatever_a_worker_prints_does_no_harm(line: bytes | str) -> None:
    assert OnlineDiagnosis("w").feed(line) == []


def test_memory_does_not_grow_with_lines(clock: Clock) -> None:
    diagnosis = OnlineDiagnosis("w", clock=clock)
    for number in range(300):
        diagnosis.feed(f"ImportError: libfoo{number}.so.1: cannot open shared object file")
    tracemalloc.start()
    for number in range(300):
        diagnosis.feed(f"ImportError: libfoo{number}.so.2: cannot open shared object file {'x' * 3000}")
    grown = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert grown < 200_000
