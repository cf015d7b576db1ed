"""Open files and threads of processes."""

import os
import threading

from steadfast.runtime.handles import Handles, handles_of, leak_in


def test_files_and_threads_of_a_process_are_counted() -> None:
    before = handles_of(os.getpid())
    assert before is not None
    enough = threading.Event()
    thread = threading.Thread(target=enough.wait)
    thread.start()
    reading, writing = os.pipe()
    after = handles_of(os.getpid())
    enough.set()
    thread.join()
    os.close(reading)
    os.close(writing)
    assert after == Handles(files=before.files + 2, threads=before.threads + 1)


def test_a_process_that_is_gone_holds_nothing_that_could_be_told() -> None:
    assert handles_of(1 << 22) is None


def test_a_process_that_opened_many_files_from_the_start_does_not_leak() -> None:
    many = Handles(files=700, threads=12)
    assert leak_in(many, many, most_files=1024) == ""
