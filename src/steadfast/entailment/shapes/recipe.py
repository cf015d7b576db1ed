"""How the embedded model is trained."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """How it is trained."""

    seed: int = 20261120
    scenes: int = 100_000
    sentences: int = 4
    """Per scene."""
    epochs: int = 2
    scenes_per_step: int = 64
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.02
    warm_up: float = 0.05
    """Share of the steps during which the learning rate rises."""
    unknown_share: float = 0.25
    """Of the unseen properties, how many are words that it will never know."""
    threads: int = 2
