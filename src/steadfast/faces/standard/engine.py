"""The standard engine, put together from its model files."""

from steadfast.errors import ModelMissing
from steadfast.faces.roles import Engine, EngineName, ModelSource, Occluder, Swapper
from steadfast.faces.standard.detector import YuNetDetector
from steadfast.faces.standard.identity import MobileFaceNetEncoder
from steadfast.faces.standard.landmarker import FaceMeshLandmarker
from steadfast.inference.sessions import SessionCache

DETECTOR = "yunet_n_dynamic"
LANDMARKER = "face_landmark"
IDENTITY = "mobilefacenet"
MODELS = (DETECTOR, LANDMARKER, IDENTITY)
_FETCH_ALL = "Fetch the models of the standard engine (7 MB): `steadfast models pull`."


def build(
    store: ModelSource, sessions: SessionCache, swapper: Swapper, *, occluder: Occluder | None = None
) -> Engine:
    """The engine with its models loaded; raises a ModelProblem or RuntimeMissing where that cannot be."""
    try:
        paths = {name: store.require(name) for name in MODELS}
    except ModelMissing as error:  # whoever lacks one file of three wants all three
        raise ModelMissing(error.detail, remedy=_FETCH_ALL) from error
    return Engine(
        name=EngineName.STANDARD,
        detector=YuNetDetector(sessions.get(DETECTOR, paths[DETECTOR])),
        landmarker=FaceMeshLandmarker(sessions.get(LANDMARKER, paths[LANDMARKER])),
        identity=MobileFaceNetEncoder(sessions.get(IDENTITY, paths[IDENTITY])),
        swapper=swapper,
        occluder=occluder,
        models=MODELS,
    )
