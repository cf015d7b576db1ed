"""Checks on what a model answers, before anybody believes it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadfast.errors import InvalidModelOutput

Tensor = NDArray[Any]


def require_finite(value: Tensor, *, model: str, output: str) -> Tensor:
    """The value itself. Raises InvalidModelOutput where it holds NaN or infinity."""
    if np.issubdtype(value.dtype, np.floating) and not np.isfinite(value).all():
        raise InvalidModelOutput(f"The model {model} answered NaN or infinity in '{output}'.")
    return value


def require_shape(value: Tensor, shape: tuple[int | None, ...], *, model: str, output: str) -> Tensor:
    """The value itself; None stands for any length. Raises InvalidModelOutput where a length differs."""
    fits = value.ndim == len(shape) and all(
        want is None or want == have for want, have in zip(shape, value.shape, strict=True)
    )
    if not fits:
        wanted = " × ".join("any" if n is None else str(n) for n in shape)
        have = " × ".join(map(str, value.shape)) or "a single number"
        raise InvalidModelOutput(f"The model {model} answered {have} in '{output}' instead of {wanted}.")
    return value
