"""Warnings belong to the thread that decodes."""

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from steadfast.media.complaints import complaints


def test_a_block_hears_what_it_is_warned_of_as_often_as_it_is() -> None:
    with complaints() as heard:
        for _ in range(2):
            warnings.warn("cut off", stacklevel=1)
    assert heard == ["cut off", "cut off"]


def test_threads_that_decode_at_once_hear_each_its_own() -> None:
    both_are_inside, first_has_left = threading.Barrier(2, timeout=60), threading.Event()

    def decode(name: str, leaves_last: bool) -> list[str]:
        with complaints() as heard:
            both_are_inside.wait()
            if leaves_last:
                first_has_left.wait(60)
            warnings.warn(name, stacklevel=1)
        if not leaves_last:
            first_has_left.set()
        return heard

    with ThreadPoolExecutor(2) as threads:
        said = threads.map(decode, ["one", "two"], [False, True])
    assert list(said) == [["one"], ["two"]]


def test_a_thread_that_decodes_nothing_is_heard_by_whom_it_was_before(
    recwarn: pytest.WarningsRecorder,
) -> None:
    def warn() -> None:
        warnings.warn("of something else", UserWarning, stacklevel=1)

    with ThreadPoolExecutor(1) as thread, complaints() as heard:
        thread.submit(warn).result()
    assert heard == []
    assert [str(warning.message) for warning in recwarn] == ["of something else"]


def test_afterwards_everything_is_as_it_was() -> None:
    filters, shown = list(warnings.filters), warnings.showwarning
    with complaints():
        pass
    with pytest.raises(ZeroDivisionError), complaints():
        _ = 1 / 0
    assert (list(warnings.filters), warnings.showwarning) == (filters, shown)


def test_a_block_inside_a_block_keeps_its_own() -> None:
    with complaints() as outer:
        with complaints() as inner:
            warnings.warn("inner", stacklevel=1)
        warnings.warn("outer", stacklevel=1)
    assert (outer, inner) == (["outer"], ["inner"])
