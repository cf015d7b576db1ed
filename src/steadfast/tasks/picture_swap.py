"""Faces exchanged in one picture."""

from collections.abc import Callable
from dataclasses import dataclass

from steadfast.errors import NoFace
from steadfast.faces.analyse import analyse
from steadfast.faces.face import Face
from steadfast.faces.roles import Engine, SourceIdentity
from steadfast.media.canvas import GreyImage, Region
from steadfast.media.pictures import Picture
from steadfast.tasks.cast import Cast
from steadfast.tasks.face_exchange import enhancer_of, exchange_face


@dataclass(frozen=True, kw_only=True, slots=True)
class SwappedFace:
    """A face of the target and who it became."""

    index: int  # its number in the picture, from left to right
    before: Face
    source: SourceIdentity
    region: Region  # of the picture, that was read
    mask: GreyImage  # of the region; the picture is untouched where it is 0


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureSwap:
    """A picture with faces exchanged."""

    picture: Picture
    faces_found: int
    swapped: tuple[SwappedFace, ...]


def swap_picture(
    target: Picture,
    cast: Cast,
    engine: Engine,
    *,
    enhance: bool = False,
    with_embedding: bool = False,
    on_analysed: Callable[[], None] = lambda: None,
) -> PictureSwap:
    """The target with its chosen faces exchanged; everything outside their masks is bit-identical.

    `with_embedding` describes who the faces were, for a quality report. Faces overlap rarely; where they do,
    the larger is written last, because it is nearer. Raises NoFace, TooManyFaces, FaceNotMatched or
    EngineUnavailable.
    """
    enhancer = enhancer_of(engine, wanted=enhance)
    canvas = target.canvas()
    faces = analyse(canvas, engine, with_embedding=with_embedding or cast.selection.needs_embedding)
    if not faces:
        raise NoFace(f"No face was found in {target.name}.")
    assigned = cast.assign(faces)
    on_analysed()
    swapped = []
    for chosen, source in sorted(assigned, key=lambda pair: pair[0].face.box.width):
        drawn = exchange_face(canvas, chosen.face, source, engine, enhancer=enhancer)
        swapped.append(
            SwappedFace(
                index=chosen.index, before=chosen.face, source=source, region=drawn.region, mask=drawn.mask
            )
        )
    return PictureSwap(
        picture=target.changed_to(canvas),
        faces_found=len(faces),
        swapped=tuple(sorted(swapped, key=lambda face: face.index)),
    )
