"""OpenCV without threads of its own, while the stages of a video share the cores."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import cv2

_lock = Lock()
_users = 0
_threads_before = 0


@contextmanager
def opencv_on_one_thread() -> Iterator[None]:
    """OpenCV runs each call on the calling thread until the last user leaves.

    A face's region is too small to be shared out: waking helpers for it cost a third of a frame's CPU time
    (14.7 instead of 10.6 ms at 480p), and the cores are busy encoding. The setting is the process's, so it
    is counted: videos may run side by side.
    """
    global _users, _threads_before  # noqa: PLW0603 — what they mirror is global too
    with _lock:
        if not _users:
            _threads_before = cv2.getNumThreads()
            cv2.setNumThreads(1)
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                cv2.setNumThreads(_threads_before)
