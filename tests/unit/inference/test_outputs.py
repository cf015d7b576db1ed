"""What a model answers is believed only in the shape and range of its contract."""

import numpy as np
import pytest

from steadfast.errors import InvalidModelOutput
from steadfast.inference.outputs import require_finite, require_shape


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_number_that_is_not_finite_condemns_the_output(bad: float) -> None:
    value = np.zeros((4, 4), dtype=np.float32)
    value[2, 1] = bad
    with pytest.raises(InvalidModelOutput, match="'y'"):
        require_finite(value, model="m", output="y")


def test_numbers_pass_and_so_do_labels() -> None:
    for value in (np.ones(3, dtype=np.float32), np.arange(3), np.array(["a"])):
        assert require_finite(value, model="m", output="y") is value


def test_a_length_that_is_open_may_be_any() -> None:
    value = np.zeros((7, 3))
    assert require_shape(value, (None, 3), model="m", output="y") is value


@pytest.mark.parametrize("shape", [(7, 4), (7, 3, 1), (3,)])
def test_another_shape_is_refused_with_both(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidModelOutput, match="7 × 3"):
        require_shape(np.zeros((7, 3)), shape, model="m", output="y")
