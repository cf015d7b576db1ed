"""The one inference on faces whose answer is known.

The picture that lies beside this file, `canary_face.jpg`, is a crop of NASA's official portrait of Eileen
Collins (public domain). Both engines were seen to agree on its face to within two pixels.
"""

import math
from importlib import resources
from time import perf_counter

import cv2
import numpy as np

from steadfast.faces.analyse import analyse
from steadfast.faces.face import Box, Face
from steadfast.faces.roles import Engine, SourcePhoto
from steadfast.faces.suppression import box_overlap
from steadfast.media.canvas import ArrayCanvas
from steadfast.media.pictures import Picture, read_picture
from steadfast.task import CanaryVerdict
from steadfast.tasks.face_exchange import exchange_face

EXPECTED = Box(left=74.5, top=40.0, right=139.0, bottom=116.0)
"""Where its face is, in pixels."""
_LEAST_OVERLAP = 0.7
_NONSENSE = (ArithmeticError, ValueError, LookupError, TypeError, AssertionError, cv2.error)
"""What breaks on answers of a model whose numbers mean nothing."""
_WARM_UP_S = 1.0
_UNIT_LENGTH = (0.5, 2.0)


def canary_picture() -> Picture:
    """The built-in picture."""
    content = resources.files("steadfast.tasks").joinpath("canary_face.jpg").read_bytes()
    return read_picture(content, name="the canary")


def check_engine(engine: Engine, picture: Picture) -> CanaryVerdict:
    """Whether the engine finds that one face where it is, with landmarks and an embedding that make sense."""
    wrong = _what_is_wrong(analyse(ArrayCanvas(picture.pixels), engine))
    return CanaryVerdict(passed=not wrong, detail=wrong)


def warm_up_and_check(engine: Engine, picture: Picture) -> CanaryVerdict:
    """`check_engine`, and one swap with the face that was found: no request pays for first allocations.

    One analysis serves both, because a spare that loads takes its time from workers that serve. The time it
    took stands for that of a small request, unless it was so long that it was the warming up that took it.
    """
    began_s = perf_counter()
    try:
        canvas = picture.canvas()
        faces = analyse(canvas, engine)
        wrong = _what_is_wrong(faces)
        if not wrong:
            source = engine.swapper.prepare([SourcePhoto(image=picture.pixels, face=faces[0])])
            exchange_face(canvas, faces[0], source, engine)
    except _NONSENSE as error:
        if "memory" in str(error).lower():  # that is another story, and it has its own remedy
            raise
        wrong = f"The work on it broke off ({type(error).__name__})."
    took_s = perf_counter() - began_s
    return CanaryVerdict(
        passed=not wrong, detail=wrong, request_s=took_s if took_s < _WARM_UP_S and not wrong else None
    )


def _what_is_wrong(faces: list[Face]) -> str:
    if len(faces) != 1:
        return f"One face was expected and {len(faces)} were found."
    (face,) = faces
    overlap = box_overlap(face.box, EXPECTED)
    if not overlap >= _LEAST_OVERLAP:
        return f"The face was expected at {_written(EXPECTED)} and was found at {_written(face.box)}."
    if not np.isfinite(face.landmarks.points).all():
        return "Its landmarks are no numbers."
    if face.embedding is not None and not _is_sane(face.embedding.vector):
        return "Its embedding is not of about unit length."
    return ""


def _is_sane(vector: np.ndarray[tuple[int], np.dtype[np.float32]]) -> bool:
    length = float(np.linalg.norm(vector))
    return math.isfinite(length) and _UNIT_LENGTH[0] <= length <= _UNIT_LENGTH[1]


def _written(box: Box) -> str:
    return f"({box.left:.0f}, {box.top:.0f})–({box.right:.0f}, {box.bottom:.0f})"
