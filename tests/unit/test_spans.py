"""Stages are kept for a request that is traced, and cost nothing for any other."""

import threading
import time

from steadfast.spans import Recorder
from steadfast.tasks.stop_watch import StopWatch

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_stages_are_kept_while_a_traced_request_is_worked_on_and_not_else() -> None:
    recorder = Recorder()
    recorder.note("before", 0.0, 1.0)
    with recorder.recording(TRACE) as spans:
        recorder.note("decode", 1.0, 2.0)
        assert recorder.trace_id == TRACE[3:35]
    recorder.note("after", 2.0, 3.0)
    with recorder.recording("") as none, recorder.stage("swap"):
        recorder.note("swap", 3.0, 4.0)
    assert [(span.name, span.began_at_s, span.ended_at_s) for span in spans] == [("decode", 1.0, 2.0)]
    assert none == []
    assert recorder.trace_id == ""


def test_a_request_that_raises_leaves_nothing_to_the_next() -> None:
    recorder = Recorder()
    try:
        with recorder.recording(TRACE), recorder.stage("swap"):
            raise ValueError
    except ValueError:
        pass
    with recorder.recording(TRACE) as spans:
        pass
    assert spans == []


def test_threads_of_one_video_note_into_the_same_record_with_their_own_processor_time() -> None:
    recorder = Recorder()

    def work() -> None:
        with recorder.stage("encode"):
            until_s = time.thread_time() + 0.02
            while time.thread_time() < until_s:
                pass

    with recorder.recording(TRACE) as spans:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert [span.name for span in spans] == ["encode"]
    assert 0.02 <= spans[0].cpu_s <= spans[0].ended_at_s - spans[0].began_at_s + 0.01


def test_a_record_is_bounded() -> None:
    recorder = Recorder()
    with recorder.recording(TRACE) as spans:
        for number in range(10_000):
            recorder.note(str(number), 0.0, 1.0)
    assert len(spans) == 64


def test_a_stop_watch_tells_its_laps_under_the_names_that_all_tasks_share() -> None:
    from steadfast.spans import RECORDER

    times = iter([0.0, 1.0, 3.0, 6.0])
    with RECORDER.recording(TRACE) as spans:
        watch = StopWatch(lambda: next(times))
        for lap in ("read", "swap", "write"):
            watch.lap(lap)
    assert [(span.name, span.ended_at_s - span.began_at_s) for span in spans] == [
        ("decode", 1.0),
        ("swap", 2.0),
        ("encode", 3.0),
    ]
