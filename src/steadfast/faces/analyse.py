"""Everything that can be known of the faces of a picture."""

from collections.abc import Iterator
from dataclasses import dataclass

from steadfast.faces.appearance import face_box, sharpness
from steadfast.faces.coordinates import enlarge_detection, move_detection, move_landmarks, move_points
from steadfast.faces.face import Detection, Face, Landmarks
from steadfast.faces.pose import head_pose
from steadfast.faces.roles import Detector, Engine
from steadfast.faces.suppression import box_overlap
from steadfast.faces.topology import five_points
from steadfast.faces.turned import detect_in_any_orientation
from steadfast.media.canvas import BgrImage, Canvas, Region

LANDMARK_MARGIN = 2.0  # the region that is read, as a multiple of the face's box
SAME_FACE_OVERLAP = 0.5  # boxes of landmarks that share more than this are one face found twice
_SMALLEST_FACE_PX = 10.0  # what is smaller has no landmarks


@dataclass(frozen=True, kw_only=True, slots=True)
class AnalysisOptions:
    """How thoroughly faces are looked for."""

    work_side_px: int = 640  # longer side of the copy that is searched first
    other_sides_px: tuple[int, ...] = (256, 1280, 2560)  # searched in turn while nothing was found
    any_orientation: bool = False  # look for a picture that lies or stands on its head as well
    refine: bool = True  # landmarks are located again from themselves, as in tracking: half a pixel steadier


def analyse(
    canvas: Canvas, engine: Engine, *, with_embedding: bool = True, options: AnalysisOptions | None = None
) -> list[Face]:
    """Every face of the picture in the picture's own pixels, from left to right.

    The picture is searched at a working size and read at full resolution only around each face.
    """
    options = options or AnalysisOptions()
    faces: list[Face] = []
    for detection in find_detections(canvas, engine.detector, options):
        face = describe(canvas, engine, detection, with_embedding=with_embedding, refine=options.refine)
        if face is not None and all(box_overlap(face.box, other.box) <= SAME_FACE_OVERLAP for other in faces):
            faces.append(face)
    return sorted(faces, key=lambda face: face.box.center)


def find_detections(canvas: Canvas, detector: Detector, options: AnalysisOptions) -> list[Detection]:
    """The detections in the picture's pixels, best first; other sizes are searched while there are none."""
    for image, scale in _copies(canvas, options):
        is_turned = options.any_orientation
        found = detect_in_any_orientation(image, detector) if is_turned else detector.detect(image)
        if found:
            return [enlarge_detection(detection, scale) for detection in found]
    return []


def describe(
    canvas: Canvas, engine: Engine, detection: Detection, *, with_embedding: bool = True, refine: bool = True
) -> Face | None:
    """The face at a detection; None where the landmarker sees none."""
    if min(detection.box.width, detection.box.height) < _SMALLEST_FACE_PX:
        return None
    region = detection.box.grown(LANDMARK_MARGIN).clipped(canvas.width, canvas.height)
    pixels = canvas.read(region)
    hint = move_detection(detection, -region.left, -region.top)
    landmarks = engine.landmarker.locate(pixels, hint)
    if landmarks is not None and refine:
        landmarks = engine.landmarker.locate(pixels, landmarks) or landmarks
    if landmarks is None:
        return None
    return _face(pixels, region, engine, landmarks, score=detection.score, with_embedding=with_embedding)


def _face(
    pixels: BgrImage,
    region: Region,
    engine: Engine,
    landmarks: Landmarks,
    *,
    score: float,
    with_embedding: bool,
) -> Face:
    points5 = five_points(landmarks)
    placed = move_landmarks(landmarks, region.left, region.top)
    return Face(
        box=face_box(placed),
        score=score,
        landmarks=placed,
        points5=move_points(points5, region.left, region.top),
        pose=head_pose(landmarks),
        embedding=engine.identity.embed(pixels, points5) if with_embedding else None,
        sharpness=sharpness(pixels, points5),
    )


def _copies(canvas: Canvas, options: AnalysisOptions) -> Iterator[tuple[BgrImage, float]]:
    """The picture at the working size, then at the other sizes that differ from what was searched."""
    searched: set[tuple[int, int]] = set()
    for side in (options.work_side_px, *options.other_sides_px):
        image, scale = canvas.thumbnail(side)
        if image.shape[:2] not in searched:
            searched.add((image.shape[0], image.shape[1]))
            yield image, scale
