"""The embedded engine, put together from what the installed packages bring."""

from steadfast.faces.embedded.detector import HogDetector
from steadfast.faces.embedded.identity import ResNetEncoder
from steadfast.faces.embedded.landmarker import ShapePredictorLandmarker
from steadfast.faces.roles import Engine, EngineName, Occluder, Swapper

MODELS = ("dlib_hog", "dlib_68_points", "dlib_resnet")  # HOG is part of dlib itself


def build(swapper: Swapper, *, occluder: Occluder | None = None) -> Engine:
    """The engine with its models loaded; raises EngineUnavailable or ModelDamaged where that cannot be."""
    detector = HogDetector()
    return Engine(
        name=EngineName.EMBEDDED,
        detector=detector,
        # A judge of its own: a long scan for new faces must not hold up the one that is followed.
        landmarker=ShapePredictorLandmarker(HogDetector()),
        identity=ResNetEncoder(),
        swapper=swapper,
        occluder=occluder,
        models=MODELS,
    )
