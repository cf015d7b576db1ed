"""How faces are followed."""

from dataclasses import dataclass

from steadfast.faces.roles import EngineName
from steadfast.faces.smoothing import SmoothingOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackingOptions:
    """When the detector runs, and when a face counts as lost."""

    quick_side_px: int = 320  # longer side of the copy that is searched as a rule
    thorough_side_px: int = 640  # the same at the start, after a cut, and every `thorough_every`-th time
    detect_every: int = 10  # frames between two searches for newcomers
    thorough_every: int = 4  # searches
    search_every: int = 1  # frames between two searches while no face is there, or one was just lost
    look_out_s: float = 0.5  # how long a lost face is looked for so often
    return_s: float = 1.5  # within it, whoever appears where a person was lost is that person
    min_presence: float = 0.5  # of the landmarks, below which a face is in doubt
    longest_doubt_s: float = 0.5  # how long a face in doubt is followed while its pixels move as one
    missed_detections: int = 4  # searches in a row that do not confirm a track, after which it is dropped
    smoothing: SmoothingOptions | None = None  # None: what suits the landmarker

    @staticmethod
    def for_engine(name: EngineName) -> "TrackingOptions":
        """What suits the costs of an engine's detector and landmarker."""
        if name is not EngineName.EMBEDDED:
            return TrackingOptions()
        # A search costs as much as fifteen frames of following, and a quick one would not see small faces.
        return TrackingOptions(
            quick_side_px=640, detect_every=60, thorough_every=1, search_every=5, missed_detections=6
        )
