"""A loop that is kept from running by a crowded machine is not one that hangs."""

import os
import threading

import pytest

from steadfast.guardian.options import GuardianOptions
from steadfast.guardian.silence import Hang, Silence
from steadfast.guardian.threads import Threads, is_crowded_out, look_at_threads


def look(*, kept: bool = True, ran_s: float = 0.0, **awake_s: float) -> Threads:
    numbered = {int(name.removeprefix("t")): seconds for name, seconds in awake_s.items()}
    return Threads(loop_may_be_kept=kept, loop_ran_s=ran_s, awake_s=numbered)


@pytest.mark.parametrize(
    ("after", "crowded"),
    [
        (look(t1=0.1, t2=5.45), True),
        (look(t1=0.1, t2=5.2), False),
        (look(kept=False, t1=0.1, t2=5.5), False),
        (look(ran_s=0.4, t1=0.5, t2=5.5), False),
        (look(t1=0.1, t3=9.0), False),
    ],
    ids=[
        "a thread starves",
        "all sleep",
        "in another call",
        "the loop computes",
        "a new thread says nothing",
    ],
)
def test_a_loop_is_crowded_out_only_where_a_thread_wanted_a_processor_all_the_time(
    after: Threads, crowded: bool
) -> None:
    assert is_crowded_out(look(t1=0.1, t2=5.0), after, 0.5) is crowded


def silent_since_100() -> Silence:
    options = GuardianOptions(hung_after_s=1.0, starved_at_most_s=10.0)
    silence = Silence(options, 90.0, starved_s=0.0)
    silence.ready(100.0)
    silence.beat(100.0, starved_s=0.0)
    return silence


def test_a_crowded_loop_is_waited_for_and_not_for_ever() -> None:
    silence = silent_since_100()
    awake_s = iter(range(100))
    verdicts = [
        silence.judge(100.0 + passed_s, starved_s=0.0, look=lambda: look(t2=float(next(awake_s))))
        for passed_s in (1.1, 1.3, 1.7, 2.3, 3.0)
    ]
    assert verdicts == [None] * 5
    last = silence.judge(110.1, starved_s=0.0, look=lambda: look(t2=float(next(awake_s))))
    assert last is not None
    assert last.hang is Hang.LOOP_BLOCKED


def test_a_loop_whose_threads_all_sleep_is_blocked_at_the_second_look() -> None:
    silence = silent_since_100()
    assert silence.judge(101.1, starved_s=0.0, look=lambda: look(t2=1.0)) is None
    assert silence.judge(101.7, starved_s=0.0, look=lambda: look(t2=1.0)) is not None


def test_a_loop_that_waits_for_anything_else_is_blocked_at_once() -> None:
    assert silent_since_100().judge(101.1, starved_s=0.0, look=lambda: look(kept=False)) is not None


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="needs Linux")  # noqa: PTH110
def test_the_look_at_a_real_process_finds_its_threads() -> None:
    enough = threading.Event()
    other = threading.Thread(target=enough.wait)
    other.start()
    try:
        seen = look_at_threads(os.getpid())
    finally:
        enough.set()
        other.join()
    assert seen is not None
    assert other.native_id in seen.awake_s
    assert seen.loop_may_be_kept  # it runs
    assert seen.loop_ran_s > 0


def test_a_process_that_has_ended_cannot_be_looked_at() -> None:
    assert look_at_threads(2**22 + 1) is None
