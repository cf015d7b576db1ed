"""The embedded engine, put together from what the installed packages bring."""

from pathlib import Path

from steadfast.faces.embedded.detector import HogDetector
from steadfast.faces.embedded.identity import ResNetEncoder
from steadfast.faces.embedded.landmarker import ShapePredictorLandmarker
from steadfast.faces.roles import Engine, EngineName, ModelSource, Occluder, Swapper

LANDMARKER = "dlib_68_points"
IDENTITY = "dlib_resnet"
MODELS = ("dlib_hog", LANDMARKER, IDENTITY)  # HOG is part of dlib itself


def build(
    store: ModelSource, swapper: Swapper, *, occluder: Occluder | None = None, prepared: Path | None = None
) -> Engine:
    """The engine with its models loaded; raises EngineUnavailable or a ModelProblem where that cannot be.

    `prepared`: a folder with what `unpacked.keep_frontal_detector` leaves.
    """
    detector = HogDetector(
        prepared=prepared
    )  # first: without dlib there is no use in reading 120 MB of models
    landmarks_path, identity_path = store.require(LANDMARKER), store.require(IDENTITY)
    return Engine(
        name=EngineName.EMBEDDED,
        detector=detector,
        # A judge of its own: a long scan for new faces must not hold up the one that is followed.
        landmarker=ShapePredictorLandmarker(landmarks_path, HogDetector(prepared=prepared)),
        identity=ResNetEncoder(identity_path),
        swapper=swapper,
        occluder=occluder,
        models=MODELS,
    )
