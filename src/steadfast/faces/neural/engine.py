"""The neural engine, put together from whatever of its models is present and valid.

A swapper and ArcFace must be there. Every other role takes the best of its models; the detector and the
landmarks fall back on the small models of the standard engine, and without a model for occlusion, regions or
enhancement the role stays empty. What was passed over, and why, stands in the engine's notes.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from steadfast.errors import LicenseNotAccepted, ModelMissing, ModelProblem
from steadfast.faces.neural.detector import ScrfdDetector
from steadfast.faces.neural.enhancer import FaceRestorer
from steadfast.faces.neural.identity import ArcFaceEncoder
from steadfast.faces.neural.landmarker import Fan68Landmarker
from steadfast.faces.neural.source_vector import source_vector_of
from steadfast.faces.neural.swap_models import swap_model
from steadfast.faces.neural.swapper import NeuralSwapper, SwapOptions
from steadfast.faces.neural.tile_batches import INPUTS
from steadfast.faces.neural.visibility import BiSeNetRegions, XSegOccluder
from steadfast.faces.roles import Detector, Engine, EngineName, Landmarker, ModelSource, Occluder
from steadfast.faces.standard.detector import YuNetDetector
from steadfast.faces.standard.landmarker import FaceMeshLandmarker
from steadfast.inference.sessions import ModelSession, SessionCache
from steadfast.settings import EngineSettings, NeuralSettings

IDENTITY = "arcface_w600k_r50"
OCCLUDER = "xseg_3"
REGIONS = "bisenet_resnet_34"
DETECTORS: dict[str, Callable[[ModelSession], Detector]] = {
    "scrfd_10g": ScrfdDetector,
    "yunet_n_dynamic": YuNetDetector,
}
LANDMARKERS: dict[str, Callable[[ModelSession], Landmarker]] = {
    "2dfan4": Fan68Landmarker,
    "face_landmark": FaceMeshLandmarker,
}

Role = TypeVar("Role")


def build(store: ModelSource, sessions: SessionCache, settings: EngineSettings) -> Engine:
    """The engine with its models loaded.

    Raises what the best swapper, ArcFace or the last landmarker lacks (ModelProblem, LicenseNotAccepted), or
    RuntimeMissing.
    """
    return _Assembly(store=store, sessions=sessions, settings=settings.neural).engine()


@dataclass(kw_only=True)
class _Assembly:
    """One attempt to fill the roles."""

    store: ModelSource
    sessions: SessionCache
    settings: NeuralSettings
    used: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def engine(self) -> Engine:
        """All roles filled, or the error of the one that cannot be."""
        identity = ArcFaceEncoder(self._session(IDENTITY))
        masks = self._masks()
        return Engine(
            name=EngineName.NEURAL,
            swapper=self._first(self.settings.swappers, lambda name: self._swapper(name, identity, masks)),
            identity=identity,
            detector=self._first(DETECTORS, lambda name: DETECTORS[name](self._session(name))),
            landmarker=self._first(LANDMARKERS, lambda name: LANDMARKERS[name](self._session(name))),
            enhancer=self._optional(self.settings.enhancers, lambda name: self._restorer(name, masks)),
            occluder=masks[0] if masks else None,
            models=tuple(dict.fromkeys(self.used)),
            notes=tuple(self.notes),
        )

    def _swapper(self, name: str, identity: ArcFaceEncoder, masks: tuple[Occluder, ...]) -> NeuralSwapper:
        model = swap_model(name)
        path = self.store.require(name)
        converter = self._session(model.converter) if model.converter else None
        source_vector = source_vector_of(model, path, converter)
        options = SwapOptions(pixel_boost_px=self.settings.pixel_boost_px, feather=self.settings.feather)
        # Only a boost runs several tiles; without one the file is loaded as it is, without a copy.
        many = INPUTS if self.settings.pixel_boost_px > model.size_px else ()
        session = self._session(name, open_batch_of=many)
        return NeuralSwapper(model, session, identity, source_vector, masks=masks, options=options)

    def _restorer(self, name: str, masks: tuple[Occluder, ...]) -> FaceRestorer:
        return FaceRestorer(self._session(name), blend=self.settings.enhance_blend, masks=masks)

    def _masks(self) -> tuple[Occluder, ...]:
        occluder = self._optional((OCCLUDER,), lambda name: XSegOccluder(self._session(name)))
        regions = self._optional((REGIONS,), lambda name: BiSeNetRegions(self._session(name)))
        return tuple(mask for mask in (occluder, regions) if mask is not None)

    def _session(self, name: str, *, open_batch_of: tuple[str, ...] = ()) -> ModelSession:
        session = self.sessions.get(name, self.store.require(name), open_batch_of=open_batch_of)
        self.used.append(name)
        return session

    def _first(self, names: Iterable[str], make: Callable[[str], Role]) -> Role:
        """The role on the first model that works. Raises the first model's error where none does."""
        first_error: ModelProblem | LicenseNotAccepted | None = None
        for name in names:
            taken = len(self.used)
            try:
                return make(name)
            except (ModelProblem, LicenseNotAccepted) as error:
                del self.used[taken:]
                self.notes.append(f"{name}: {error.detail}")
                first_error = first_error or error
        raise first_error or ModelMissing("No model is configured for a role of the neural engine.")

    def _optional(self, names: Iterable[str], make: Callable[[str], Role]) -> Role | None:
        try:
            return self._first(names, make)
        except (ModelProblem, LicenseNotAccepted):
            return None
