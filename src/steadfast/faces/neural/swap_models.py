"""The face swappers this engine knows: what each takes, in which numbers, at which place of the crop."""

from dataclasses import dataclass
from enum import StrEnum

from steadfast.errors import InvalidOption
from steadfast.faces.alignment import ARCFACE_128, MTCNN_512, AlignmentTemplate
from steadfast.faces.neural.pixel_coding import SIGNED, UNIT, PixelCoding

CROSSFACE_HIFIFACE = "crossface_hififace"


class SourceRule(StrEnum):
    """How a source's embedding becomes the vector a swapper is fed."""

    EMAP = "emap"  # multiplied with the matrix that is the graph's last constant, over the embedding's length
    UNIT = "unit"  # at length 1
    CONVERTED = "converted"  # through another network first, then at length 1


@dataclass(frozen=True, kw_only=True, slots=True)
class SwapModel:
    """The contract of one swapper."""

    name: str  # in the catalogue
    size_px: int  # side of its crop
    template: AlignmentTemplate
    coding: PixelCoding  # of what goes in and what comes out
    source_rule: SourceRule
    converter: str | None = None  # the network of SourceRule.CONVERTED


def _inswapper(name: str) -> SwapModel:
    return SwapModel(name=name, size_px=128, template=ARCFACE_128, coding=UNIT, source_rule=SourceRule.EMAP)


def _hyperswap(name: str) -> SwapModel:
    return SwapModel(name=name, size_px=256, template=ARCFACE_128, coding=SIGNED, source_rule=SourceRule.UNIT)


SWAP_MODELS = {
    model.name: model
    for model in (
        _inswapper("inswapper_128"),
        _inswapper("inswapper_128_fp16"),
        _hyperswap("hyperswap_1a_256"),
        _hyperswap("hyperswap_1b_256"),
        _hyperswap("hyperswap_1c_256"),
        SwapModel(
            name="hififace_unofficial_256",
            size_px=256,
            template=MTCNN_512,
            coding=SIGNED,
            source_rule=SourceRule.CONVERTED,
            converter=CROSSFACE_HIFIFACE,
        ),
    )
}


def swap_model(name: str) -> SwapModel:
    """The contract of a swapper. Raises InvalidOption for a name this engine does not know."""
    if name not in SWAP_MODELS:
        raise InvalidOption(
            f"'{name}' is not a face swapper this engine knows.",
            remedy=f"Use some of: {', '.join(SWAP_MODELS)}.",
        )
    return SWAP_MODELS[name]
