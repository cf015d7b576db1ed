"""One face exchanged on one canvas: the step that pictures and video frames share."""

from dataclasses import dataclass

from steadfast.errors import EngineUnavailable
from steadfast.faces.coordinates import face_in_region
from steadfast.faces.face import Face
from steadfast.faces.roles import Engine, Enhancer, SourceIdentity, SwapMemory
from steadfast.media.canvas import BgrImage, Canvas, GreyImage, Region


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawnExchange:
    """A face exchanged, not yet written."""

    region: Region  # of the canvas
    pixels: BgrImage  # of the region, composed
    mask: GreyImage  # 0 where the region is untouched


def render_exchange(
    canvas: Canvas,
    face: Face,
    source: SourceIdentity,
    engine: Engine,
    *,
    memory: SwapMemory | None = None,
    enhancer: Enhancer | None = None,
) -> DrawnExchange:
    """Draws the source's face in the place of `face` (in the canvas's pixels) and writes nothing yet.

    So a frame with several faces can be changed completely or, when one of them fails, not at all. `memory`
    belongs to one face of one video and is None for a picture. An enhancer works on what was swapped.
    """
    region = face.box.grown(engine.swapper.margin).clipped(canvas.width, canvas.height)
    placed = face_in_region(face, region)
    patch = engine.swapper.render(canvas.read(region), placed, source, memory)
    pixels, mask = patch.pixels, patch.mask
    if enhancer is not None:
        restored = enhancer.enhance(pixels, placed)
        pixels, mask = restored.pixels, mask | restored.mask
    return DrawnExchange(region=region, pixels=pixels, mask=mask)


def exchange_face(
    canvas: Canvas,
    face: Face,
    source: SourceIdentity,
    engine: Engine,
    *,
    memory: SwapMemory | None = None,
    enhancer: Enhancer | None = None,
) -> DrawnExchange:
    """Draws and writes in one step; answers what it wrote."""
    drawn = render_exchange(canvas, face, source, engine, memory=memory, enhancer=enhancer)
    canvas.write(drawn.region, drawn.pixels, drawn.mask)
    return drawn


def enhancer_of(engine: Engine, *, wanted: bool) -> Enhancer | None:
    """The engine's enhancer if it is wanted; raises EngineUnavailable where it is wanted and missing."""
    if wanted and engine.enhancer is None:
        raise EngineUnavailable(
            f"The {engine.name} engine has no enhancer here.",
            remedy="Pull one: `steadfast models pull gpen_bfr_512 --accept-license`; or leave out --enhance.",
        )
    return engine.enhancer if wanted else None
