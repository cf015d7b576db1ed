"""OpenCV's threads come back when the last video ends, and not before."""

import cv2
import pytest

from steadfast.tasks.opencv_threads import opencv_on_one_thread


@pytest.fixture(autouse=True)
def several_threads() -> object:
    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    yield
    cv2.setNumThreads(before)


def test_one_thread_inside_and_as_before_outside() -> None:
    with opencv_on_one_thread():
        assert cv2.getNumThreads() == 1
    assert cv2.getNumThreads() == 3


def test_videos_side_by_side_do_not_free_each_other() -> None:
    first, second = opencv_on_one_thread(), opencv_on_one_thread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert cv2.getNumThreads() == 1
    second.__exit__(None, None, None)
    assert cv2.getNumThreads() == 3


def test_threads_come_back_after_a_failure() -> None:
    with pytest.raises(ZeroDivisionError), opencv_on_one_thread():
        raise ZeroDivisionError
    assert cv2.getNumThreads() == 3
