"""What the faces task gives up in turn when memory runs out."""

from collections.abc import Sequence

from steadfast.errors import SteadfastError
from steadfast.inference.providers import Provider
from steadfast.inference.sessions import SessionCache
from steadfast.settings import FaceWorkSettings
from steadfast.task import OperatingPoint, Rung

SMALLER_SIDE_PX = 1600
"""Longest side of a target once memory has run out twice."""


def providers_here(settings: FaceWorkSettings) -> tuple[Provider, ...]:
    """The execution providers that models of these settings run on, best first; empty: dlib alone works."""
    if settings.faces.engine == "embedded":
        return ()
    try:
        return SessionCache(settings.inference).providers().taken
    except SteadfastError:  # no runtime: the embedded engine works
        return ()


def ladder_of(providers: Sequence[Provider]) -> tuple[OperatingPoint, ...]:
    """Caches, then the size of pictures, then one provider after the other, the CPU last."""
    smaller = f"Pictures are scaled down to {SMALLER_SIDE_PX} pixels."
    points = [
        OperatingPoint(),
        OperatingPoint(
            rung=Rung.RELEASED_CACHES, degraded=("Models are unloaded after each request to save memory.",)
        ),
        OperatingPoint(rung=Rung.SMALLER_SIDE, max_side_px=SMALLER_SIDE_PX, degraded=(smaller,)),
    ]
    accelerators = [provider for provider in providers if provider is not Provider.CPU]
    points += [_on(provider, Rung.NEXT_PROVIDER, smaller) for provider in accelerators[1:]]
    if accelerators:
        points.append(_on(Provider.CPU, Rung.CPU, smaller))
    return tuple(points)


def _on(provider: Provider, rung: Rung, smaller: str) -> OperatingPoint:
    says = "The CPU works" if provider is Provider.CPU else f"{provider.value} works"
    return OperatingPoint(
        rung=rung,
        max_side_px=SMALLER_SIDE_PX,
        provider=provider.value,
        degraded=(smaller, f"{says} instead of a better accelerator."),
    )
