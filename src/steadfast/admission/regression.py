"""Least squares that learns from one observation after the other and forgets slowly.

Recursive least squares with exponential forgetting (Haykin, "Adaptive filter theory", 4th ed., section 9.3),
made robust: a residual counts at most as a few times the usual one (Huber 1964), so that one hang among a
thousand requests moves nothing. In plain Python: the server has no numpy, and for a handful of inputs one
step costs some microseconds.
"""

from collections.abc import Sequence

_FORGETTING = 0.995
"""The weight of an observation halves every 140 further ones."""
_PRIOR_VARIANCE = 10.0
_MOST_VARIANCE = 1e4
_CLIP = 3.0
_SETTLED = 10


class RobustRegression:
    """y ≈ Σ wᵢ xᵢ; with no observations yet, 0."""

    def __init__(self, inputs: int, *, forgetting: float = _FORGETTING) -> None:
        self._forgetting = forgetting
        self.weights = [0.0] * inputs
        self._covariance = [
            [_PRIOR_VARIANCE if row == column else 0.0 for column in range(inputs)] for row in range(inputs)
        ]
        self.observations = 0
        self._usual_residual = 0.0

    def estimate(self, x: Sequence[float]) -> float:
        """The y that goes with `x`."""
        return sum(map(float.__mul__, self.weights, x))

    def observe(self, x: Sequence[float], y: float) -> None:
        """Learns that `y` went with `x`."""
        residual = self._clipped(y - self.estimate(x))
        projected = [sum(map(float.__mul__, row, x)) for row in self._covariance]
        spread = self._forgetting + sum(map(float.__mul__, projected, x))
        for index, value in enumerate(projected):
            self.weights[index] += value / spread * residual
        self._shrink(projected, spread)
        self.observations += 1

    def _shrink(self, projected: list[float], spread: float) -> None:
        # Where nothing new is learned, forgetting alone would let the variance grow without bound, and the
        # first odd observation would then throw everything over.
        trace = sum(row[index] for index, row in enumerate(self._covariance))
        forgetting = self._forgetting if trace < _MOST_VARIANCE else 1.0
        for row, value in zip(self._covariance, projected, strict=True):
            factor = value / spread
            row[:] = [
                (entry - factor * other) / forgetting for entry, other in zip(row, projected, strict=True)
            ]

    def _clipped(self, residual: float) -> float:
        size = abs(residual)
        if self.observations < _SETTLED:
            self._usual_residual += (size - self._usual_residual) / (self.observations + 1)
            return residual
        bound = max(_CLIP * self._usual_residual, 1e-3)
        self._usual_residual += (min(size, bound) - self._usual_residual) * 0.02
        return max(-bound, min(bound, residual))
