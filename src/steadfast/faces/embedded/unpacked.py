"""dlib's frontal face detector, kept unpacked: unpacking it takes 0.3 s of processor time at every start.

Bytes are taken only if their sum is the one below, so whoever can write to the folder gains nothing by it.
"""

import hashlib
from contextlib import suppress
from os import getpid
from pathlib import Path
from typing import Any

from steadfast.faces.embedded.dlib_runtime import dlib_module

FILE_NAME = "dlib_hog.unpacked"
_SHA256 = "f3f7aa833fb4a14a46fc48689f45b98d85ef72d6dfaf8bdc012b7d3c522a5426"
"""Of what dlib 19.x and 20.0 unpack. Another one is never kept, which costs time and nothing else."""


def open_frontal_detector(folder: Path | None) -> Any:
    """dlib's detector, from `folder` where `keep_frontal_detector` has left it, else unpacked."""
    state = _read(folder / FILE_NAME) if folder is not None else None
    if state is None:
        return dlib_module().get_frontal_face_detector()
    kind = dlib_module().fhog_object_detector
    detector = kind.__new__(kind)
    detector.__setstate__((state,))
    return detector


def keep_frontal_detector(folder: Path) -> bool:
    """Leaves the unpacked detector in `folder`; whether it is there then. Raises `EngineUnavailable`."""
    if _read(folder / FILE_NAME) is not None:
        return True
    (state,) = dlib_module().get_frontal_face_detector().__getstate__()
    if not _is_known(state):
        return False
    with suppress(OSError):  # a folder that may not be written to
        folder.mkdir(parents=True, exist_ok=True)
        aside = folder / f"{FILE_NAME}.{getpid()}"
        aside.write_bytes(state)
        aside.replace(folder / FILE_NAME)
        return True
    return False


def _read(file: Path) -> bytes | None:
    try:
        state = file.read_bytes()
    except OSError:
        return None
    return state if _is_known(state) else None


def _is_known(state: bytes) -> bool:
    return hashlib.sha256(state).hexdigest() == _SHA256
