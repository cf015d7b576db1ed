"""One face exchanged on one canvas: the step that pictures and video frames share."""

from steadfast.errors import EngineUnavailable
from steadfast.faces.coordinates import face_in_region
from steadfast.faces.face import Face
from steadfast.faces.roles import Engine, Enhancer, SourceIdentity, SwapMemory
from steadfast.media.canvas import Canvas, Region


def exchange_face(
    canvas: Canvas,
    face: Face,
    source: SourceIdentity,
    engine: Engine,
    *,
    memory: SwapMemory | None = None,
    enhancer: Enhancer | None = None,
) -> Region:
    """Puts the source's face in the place of `face` (in the canvas's pixels); answers the region it read.

    `memory` belongs to one face of one video and is None for a picture. An enhancer works on what was
    swapped before it is written.
    """
    region = face.box.grown(engine.swapper.margin).clipped(canvas.width, canvas.height)
    placed = face_in_region(face, region)
    patch = engine.swapper.render(canvas.read(region), placed, source, memory)
    pixels, mask = patch.pixels, patch.mask
    if enhancer is not None:
        restored = enhancer.enhance(pixels, placed)
        pixels, mask = restored.pixels, mask | restored.mask
    canvas.write(region, pixels, mask)
    return region


def enhancer_of(engine: Engine, *, wanted: bool) -> Enhancer | None:
    """The engine's enhancer if it is wanted; raises EngineUnavailable where it is wanted and missing."""
    if wanted and engine.enhancer is None:
        raise EngineUnavailable(
            f"The {engine.name} engine has no enhancer here.",
            remedy="Pull one: `steadfast models pull gpen_bfr_512 --accept-license`; or leave out --enhance.",
        )
    return engine.enhancer if wanted else None
