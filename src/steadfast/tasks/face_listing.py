"""What is known of the faces of one picture, as `steadfast faces` tells it."""

from dataclasses import dataclass
from typing import Any

from steadfast.faces.analyse import analyse
from steadfast.faces.face import Embedding, Face
from steadfast.faces.roles import Engine
from steadfast.media.canvas import ArrayCanvas
from steadfast.media.pictures import Picture

_BLURRED_UNDER = 20.0  # see `Face.sharpness`
_SOFT_UNDER = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class FaceListing:
    """The faces of one picture, from left to right, and who found them."""

    picture: Picture
    engine: Engine
    faces: tuple[Face, ...]

    def as_dict(self, *, full: bool = False) -> dict[str, Any]:
        """Plain data; `full` adds every landmark and the embeddings."""
        return {
            "image": self.picture.name,
            "width": self.picture.width,
            "height": self.picture.height,
            "engine": self.engine.name.value,
            "models": list(self.engine.models),
            "embedding_space": self.engine.identity.space.value,
            "landmarks": self.engine.landmarker.topology.value,
            "faces": [_plain(index, face, full=full) for index, face in enumerate(self.faces)],
            "notes": [*self.engine.notes, *self.picture.notes],
        }


def list_faces(picture: Picture, engine: Engine) -> FaceListing:
    """Every face of the picture with everything that is known of it; none is an answer too."""
    faces = analyse(ArrayCanvas(picture.pixels), engine)
    return FaceListing(picture=picture, engine=engine, faces=tuple(faces))


def sharpness_word(face: Face) -> str:
    """How sharp a face is, in a word."""
    if face.sharpness < _BLURRED_UNDER:
        return "blurred"
    return "soft" if face.sharpness < _SOFT_UNDER else "sharp"


def _plain(index: int, face: Face, *, full: bool) -> dict[str, Any]:
    box, pose = face.box, face.pose
    plain: dict[str, Any] = {
        "index": index,
        "box": {side: round(getattr(box, side), 1) for side in ("left", "top", "right", "bottom")},
        "width": round(box.width, 1),
        "height": round(box.height, 1),
        "score": round(float(face.score), 4),
        "pose": {
            "yaw_deg": round(float(pose.yaw_deg), 1),
            "pitch_deg": round(float(pose.pitch_deg), 1),
            "roll_deg": round(float(pose.roll_deg), 1),
        },
        "sharpness": round(float(face.sharpness), 1),
        "points5": _rounded(face.points5),
    }
    if full:
        plain["landmarks"] = _rounded(face.landmarks.points)
        plain["embedding"] = _embedding(face.embedding)
    return plain


def _rounded(points: Any) -> list[list[float]]:
    return [[round(float(x), 2), round(float(y), 2)] for x, y in points]


def _embedding(embedding: Embedding | None) -> dict[str, Any] | None:
    if embedding is None:
        return None
    return {"space": embedding.space.value, "vector": [float(v) for v in embedding.vector]}
