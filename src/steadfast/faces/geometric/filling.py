"""Continues the known part of a picture smoothly into what is unknown."""

import numpy as np
from numpy.typing import NDArray

from steadfast.faces.geometric.resample import resize
from steadfast.faces.geometric.zones import Weights, soften

_SCALE_STEP = 2.0


def continue_smoothly(
    pixels: NDArray[np.uint8], known: Weights, seeds: Weights, near: float, far: float
) -> NDArray[np.uint8]:
    """The picture where `known` is 1; elsewhere averages of `seeds` from ever wider around.

    Averages over `near` pixels come first and wider ones, up to `far`, fill what they do not reach.
    """
    height, width = known.shape
    colour = pixels.astype(np.float32)
    filled, done = colour * known[..., None], known.copy()
    colour *= seeds[..., None]
    sigma = near
    while sigma < far:
        factor = max(1, int(sigma / 2))
        size = (max(2, width // factor), max(2, height // factor))
        weight = soften(resize(seeds, *size), sigma / factor)
        mean = soften(resize(colour, *size), sigma / factor) / np.maximum(weight, 1e-4)[..., None]
        share = np.clip(resize(weight, width, height) * 4, 0, 1) * (1 - done)
        filled += resize(mean.astype(np.float32), width, height) * share[..., None]
        done = done + share
        sigma *= _SCALE_STEP
    found = np.round(np.clip(filled / np.maximum(done, 1e-3)[..., None], 0, 255)).astype(np.uint8)
    return np.where(done[..., None] > 0.01, found, pixels)
