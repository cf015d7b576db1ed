"""What is fitted once the network is trained: its temperature, and what a picture of its world is like.

Temperature scaling: Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks" (2017).
Distance of a picture's traits: Mahalanobis, as in Lee, Lee, Lee and Shin (2018), with a shrunken covariance.
"""

from random import Random

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from steadfast.entailment.shapes.network import ShapesNetwork
from steadfast.entailment.shapes.rendering import render
from steadfast.entailment.shapes.samples import Recipe, Samples, make_samples, shrink
from steadfast.entailment.shapes.world import TRAINED, random_scene

_SCENES = 3000
_STEP = 256
_SHRINKAGE = 0.1
_MARGIN = 1.0
"""Times the strangest of all drawings, above which a picture is taken for something else."""


def calibrate(network: ShapesNetwork, seed: int) -> float:
    """Sets temperature and usual traits from scenes that training has not seen; answers the temperature."""
    samples = make_samples(Recipe(seed=seed, scenes=_SCENES))
    with torch.no_grad():
        logits, answers = logits_of(network, samples)
        temperature = _best_temperature(logits, answers)
        network.temperature.fill_(temperature)
        _learn_usual_traits(network, _drawings(seed))
    return temperature


def logits_of(network: ShapesNetwork, samples: Samples) -> tuple[Tensor, Tensor]:
    """(sentences, 3) and (sentences,)."""
    rows = []
    for first in range(0, len(samples.pictures), _STEP):
        pictures = torch.from_numpy(samples.pictures[first : first + _STEP]).float() / 255
        ids = torch.from_numpy(samples.ids[first : first + _STEP]).long().flatten(0, 1)
        rows.append(network.read(pictures, ids).logits)
    return torch.cat(rows), torch.from_numpy(samples.answers).long().flatten()


def _best_temperature(logits: Tensor, answers: Tensor) -> float:
    candidates = np.geomspace(0.3, 4.0, 80)
    losses = [float(cross_entropy(logits / candidate, answers)) for candidate in candidates]
    return float(candidates[int(np.argmin(losses))])


def _drawings(seed: int) -> Tensor:
    """Scenes as they may come: of many sizes, and through a JPEG."""
    random = Random(f"{seed}/drawings")  # noqa: S311 — drawings, not secrets
    rows = []
    for _ in range(_SCENES):
        pixels = render(random_scene(random, TRAINED), random.choice((64, 100, 128, 256, 384)))
        if random.random() < 0.5:
            pixels = through_jpeg(pixels, random.randint(50, 95))
        rows.append(shrink(pixels))
    return torch.from_numpy(np.stack(rows)).float() / 255


def through_jpeg(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """What a JPEG of that quality leaves of a picture; red, green, blue."""
    _, packed = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR))[..., ::-1], np.uint8)


def _learn_usual_traits(network: ShapesNetwork, drawings: Tensor) -> None:
    traits = torch.cat([network.traits(network.sight(part)) for part in drawings.split(_STEP)]).double()
    mean = traits.mean(0)
    spread = torch.cov(traits.T)
    # Shrunk towards a sphere: else directions in which drawings never differ would outweigh all others.
    sphere = torch.eye(len(mean), dtype=torch.double) * spread.diagonal().mean()
    values, vectors = torch.linalg.eigh((1 - _SHRINKAGE) * spread + _SHRINKAGE * sphere)
    whitening = vectors @ torch.diag(values.rsqrt())
    strangest = (((traits - mean) @ whitening) ** 2).mean(1).sqrt().max()
    network.usual_traits.copy_(mean.float())
    network.whitening.copy_((whitening / (strangest * _MARGIN)).float())
