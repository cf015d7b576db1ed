"""What workers print is diagnosed as it comes, within a budget, and can only warn."""

from tests.unit.health.probes.surroundings import Hand

from steadfast.errors import Severity
from steadfast.health.log_diagnosis.rule_files import builtin_rules
from steadfast.health.worker_words import WorkerWords
from steadfast.runtime.events import WorkerDied, WorkerPrinted
from steadfast.runtime.exit_reason import Cause, ExitReport

CUDA = "RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB while reading /home/grandma/photo.jpg\n"
NATIVE = (
    "Fatal Python error: Segmentation fault\n\n"
    'Current thread 0x01 (most recent call first):\n  File "a.py", line 1 in f'
)


def printed(text: str, worker: str = "face_swap-1") -> WorkerPrinted:
    return WorkerPrinted(task="face_swap", worker=worker, text=text)


def died(native: str = NATIVE, *, wanted: bool = False) -> WorkerDied:
    report = ExitReport(pid=1, cause=Cause.SIGNALLED, signal_name="SIGSEGV", native_traceback=native)
    return WorkerDied(task="face_swap", worker="face_swap-1", report=report, wanted=wanted)


def test_a_line_that_comes_in_pieces_is_a_warning_that_names_no_file() -> None:
    words = WorkerWords(builtin_rules(), clock=Hand())
    assert words.hear(printed(CUDA[:30])) == []
    (sign,) = words.hear(printed(CUDA[30:]))
    assert (sign.kind, sign.subject) == ("log_device_out_of_memory", "face_swap-1")
    assert (sign.severity, sign.is_moment) == (Severity.WARNING, True)
    assert "grandma" not in sign.evidence
    assert words.hear(printed(CUDA)) == []  # it was told


def test_what_native_code_left_is_heard_at_the_death() -> None:
    words = WorkerWords(builtin_rules(), clock=Hand())
    assert [sign.kind for sign in words.hear(died(CUDA + NATIVE))] == ["log_device_out_of_memory"]
    assert words.hear(died(CUDA + NATIVE, wanted=True)) == []


def test_that_a_worker_fell_is_not_told_twice() -> None:
    assert WorkerWords(builtin_rules(), clock=Hand()).hear(died()) == []


def test_a_worker_that_floods_costs_its_budget_only_and_is_heard_again_later() -> None:
    clock = Hand()
    words = WorkerWords(builtin_rules(), clock=clock)
    words.hear(printed("x\n" * 1_000_000))
    assert words.hear(printed(CUDA)) == []
    clock.pass_(10)
    assert len(words.hear(printed("\n" + CUDA))) == 1
