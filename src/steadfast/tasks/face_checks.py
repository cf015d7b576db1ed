"""What a swapped face is checked for before it leaves: a flat colour, NaN, and whose face it became."""

import numpy as np

from steadfast.errors import InvalidModelOutput
from steadfast.faces.coordinates import move_points
from steadfast.faces.roles import Engine
from steadfast.faces.similarity import similarity
from steadfast.media.canvas import Canvas
from steadfast.tasks.picture_swap import PictureSwap, SwappedFace


def refuse_nonsense(done: PictureSwap) -> None:
    """Raises `InvalidModelOutput` where a face came out as one flat colour: no face looks like that."""
    canvas = done.picture.canvas()
    for face in done.swapped:
        inside = canvas.read(face.before.box.grown(1.0).clipped(canvas.width, canvas.height))
        if inside.size and float(np.ptp(inside)) == 0.0:
            raise InvalidModelOutput("A swapped face came out as one flat colour.")


def identity_of(done: PictureSwap, engine: Engine) -> float | None:
    """Similarity of the worst swapped face to its source, looked at where the face was; None without faces.

    Raises `InvalidModelOutput` where the identity network answers no number.
    """
    canvas = done.picture.canvas()
    return min((_likeness(canvas, face, engine) for face in done.swapped), default=None)


def _likeness(canvas: Canvas, face: SwappedFace, engine: Engine) -> float:
    region = face.before.box.grown(engine.swapper.margin).clipped(canvas.width, canvas.height)
    points = move_points(face.before.points5, -region.left, -region.top)
    embedding = engine.identity.embed(canvas.read(region), points)
    value = similarity(embedding, face.source.embedding)
    if not np.isfinite(value):
        raise InvalidModelOutput("The identity network answered NaN or infinity.")
    return round(float(value), 4)
