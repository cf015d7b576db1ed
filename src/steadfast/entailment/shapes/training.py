"""Training of the embedded model: seeded, on a CPU, in minutes. Needs the extra `train`.

Besides the answer the network is asked where each thing is that a sentence names, how many fit, and what lies
in each cell of the picture. Without these it stays at about 75 %: it does not learn to tell left from right.
"""

from collections.abc import Callable, Iterator
from math import cos, pi
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, l1_loss

from steadfast.entailment.shapes.network import Reading, ShapesNetwork
from steadfast.entailment.shapes.recipe import Training
from steadfast.entailment.shapes.samples import Recipe, Samples, make_samples

Report = Callable[[str], None]


def train(training: Training, report: Report) -> ShapesNetwork:
    """The trained network; the same training on the same machine gives the same."""
    torch.manual_seed(training.seed)
    torch.set_num_threads(training.threads)
    start_s = perf_counter()
    samples = make_samples(
        Recipe(
            seed=training.seed,
            scenes=training.scenes,
            sentences=training.sentences,
            unknown_share=training.unknown_share,
        ),
        processes=training.threads,
    )
    report(f"{training.scenes} scenes drawn in {perf_counter() - start_s:.0f} s")
    network = ShapesNetwork()
    network.sight.to(memory_format=torch.channels_last)
    report(f"{sum(p.numel() for p in network.parameters())} parameters")
    _fit(network, samples, training, report)
    network.eval()
    return network


def _fit(network: ShapesNetwork, samples: Samples, training: Training, report: Report) -> None:
    optimiser = torch.optim.AdamW(
        network.parameters(), training.learning_rate, weight_decay=training.weight_decay, betas=(0.9, 0.98)
    )
    steps = training.epochs * (len(samples.pictures) // training.scenes_per_step)
    start_s, right, seen = perf_counter(), 0.0, 0
    for step, chosen in enumerate(_batches(len(samples.pictures), training)):
        for group in optimiser.param_groups:
            group["lr"] = training.learning_rate * _share(step / steps, training.warm_up)
        loss, correct, asked = _loss(network, samples, chosen)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        right, seen = right + correct, seen + asked
        if (step + 1) % 50 == 0 or step + 1 == steps:
            report(
                f"step {step + 1}/{steps}  loss {float(loss.detach()):.3f}  right {right / seen:.2%}"
                f"  {perf_counter() - start_s:.0f} s"
            )
            right, seen = 0.0, 0


def _share(done: float, warm_up: float) -> float:
    """Of the learning rate: up in a line, down in half a cosine."""
    if done < warm_up:
        return (done + 1e-3) / warm_up
    return 0.5 * (1 + cos(pi * (done - warm_up) / (1 - warm_up))) + 1e-3


def _batches(count: int, training: Training) -> Iterator[NDArray[np.int64]]:
    random = np.random.default_rng(training.seed)
    for _ in range(training.epochs):
        order = random.permutation(count)
        for first in range(0, count - training.scenes_per_step + 1, training.scenes_per_step):
            yield order[first : first + training.scenes_per_step]


def _loss(network: ShapesNetwork, samples: Samples, chosen: NDArray[np.int64]) -> tuple[Tensor, float, int]:
    ids = _flat(samples.ids[chosen])
    ids = ids[:, : int((ids != 0).sum(1).max())]
    pictures = torch.from_numpy(samples.pictures[chosen]).float() / 255
    with torch.autocast("cpu", dtype=torch.bfloat16):  # half the time; weights and losses stay in 32 bits
        reading = network.read(pictures, ids).as_float()
    answers = _flat(samples.answers[chosen])
    loss = cross_entropy(reading.logits, answers)
    loss = loss + _cell_loss(reading, samples, chosen) + _mention_loss(reading, samples, chosen)
    return loss, float((reading.logits.argmax(-1) == answers).sum()), len(answers)


def _cell_loss(reading: Reading, samples: Samples, chosen: NDArray[np.int64]) -> Tensor:
    colours = torch.from_numpy(samples.colours[chosen]).long()
    shapes = torch.from_numpy(samples.shapes[chosen]).long()
    return 0.5 * (
        cross_entropy(reading.colours.flatten(0, 1), colours.flatten())
        + cross_entropy(reading.shapes.flatten(0, 1), shapes.flatten())
    )


def _mention_loss(reading: Reading, samples: Samples, chosen: NDArray[np.int64]) -> Tensor:
    words = _flat(samples.mention_words[chosen])
    found = _flat(samples.mention_found[chosen])
    places = torch.from_numpy(samples.mention_places[chosen]).flatten(0, 1)
    rows = torch.arange(len(words))[:, None].expand_as(words)
    named = words > 0
    alone = named & (found == 1)
    counted = cross_entropy(reading.found[rows[named], words[named]], found[named])
    placed = l1_loss(reading.places[rows[alone], words[alone]], places[alone])
    return 0.5 * counted + 4.0 * placed


def _flat(array: NDArray[np.uint8]) -> Tensor:
    """Scenes and sentences as one axis of whole numbers."""
    return torch.from_numpy(array).long().flatten(0, 1)
