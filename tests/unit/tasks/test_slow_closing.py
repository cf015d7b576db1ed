"""Closing a large file is no hang, as long as bytes are written."""

import os
import threading
from pathlib import Path

import pytest

from steadfast.errors import EncodingFailed, RequestCancelled
from steadfast.tasks import slow_closing
from steadfast.tasks.slow_closing import closing_with_progress


def test_what_writes_is_heard_of_and_its_answer_comes_back(tmp_path: Path) -> None:
    heard = threading.Event()

    def close() -> str:
        with (tmp_path / "large").open("wb", buffering=0) as file:
            while not heard.wait(0.01):
                file.write(os.urandom(4096))
        return "whole"

    assert closing_with_progress(close, heard.set) == "whole"


def test_silence_is_not_taken_for_work(monkeypatch: pytest.MonkeyPatch) -> None:
    ended, looks, told = threading.Event(), [], []

    def nothing_was_written() -> str:
        looks.append(1)
        if len(looks) > 5:
            ended.set()
        return "wchar: 7"

    monkeypatch.setattr(slow_closing, "_bytes_moved", nothing_was_written)
    monkeypatch.setattr(slow_closing, "_LOOK_EVERY_S", 0.001)
    closing_with_progress(ended.wait, lambda: told.append(1))
    assert told == []


def test_a_failure_is_raised_where_it_is_waited_for() -> None:
    def fail() -> None:
        raise EncodingFailed("The disk is gone.")

    with pytest.raises(EncodingFailed):
        closing_with_progress(fail, lambda: None)


def test_a_cancellation_waits_for_the_file_to_be_let_go(tmp_path: Path) -> None:
    cancelled, closed = threading.Event(), []

    def close() -> None:
        with (tmp_path / "large").open("wb", buffering=0) as file:
            while not cancelled.wait(0.01):
                file.write(bytes(4096))
        closed.append(True)

    def cancel() -> None:
        cancelled.set()
        raise RequestCancelled("taken back")

    with pytest.raises(RequestCancelled):
        closing_with_progress(close, cancel)
    assert closed
