"""Running many tiles of one face in as few calls as the graph and the memory allow."""

import numpy as np
from numpy.typing import NDArray

from steadfast.errors import ModelDamaged, ModelProblem, OutOfMemory
from steadfast.faces.neural.pixel_coding import Planes
from steadfast.inference.sessions import ModelSession, Tensor

INPUTS = ("target", "source")
"""What a swapper is fed: N × 3 × side × side and N × 512."""

_CALLS_BEFORE_GROWING = 64


class TileBatches:
    """All tiles in one call, unless the graph or the memory has another opinion.

    A graph that fixes its batch, or that fails with several, is given one at a time from then on. Where
    memory runs out the calls get half as large, and grow again after a quiet while. Threads may share it, and
    share what they learn.
    """

    def __init__(self, session: ModelSession) -> None:
        """Raises ModelDamaged where the graph takes something else than a swapper's inputs."""
        shapes = session.input_shapes
        if not set(INPUTS) <= set(shapes):
            raise ModelDamaged(
                f"The model {session.name} takes {', '.join(shapes)}, not {', '.join(INPUTS)}."
            )
        self._session = session
        self._takes_many = shapes[INPUTS[0]][0] is None
        self._most: int | None = None  # tiles per call; None: all
        self._calls_since = 0

    def run(self, targets: Planes, vector: NDArray[np.float32]) -> dict[str, Tensor]:
        """Every output for all tiles, by its name; `vector` (512) is the same for all."""
        answers: list[dict[str, Tensor]] = []
        done = 0
        while done < len(targets):
            count = self._next_count(len(targets) - done)
            answer = self._try(targets[done : done + count], vector)
            if answer is not None:
                answers.append(answer)
                done += count
        return {name: np.concatenate([a[name] for a in answers]) for name in answers[0]}

    def _next_count(self, waiting: int) -> int:
        if not self._takes_many:
            return 1
        return waiting if self._most is None else min(self._most, waiting)

    def _try(self, targets: Planes, vector: NDArray[np.float32]) -> dict[str, Tensor] | None:
        """The answer; None where fewer tiles have to be tried."""
        try:
            answer = self._call(targets, vector)
        except OutOfMemory:
            if len(targets) == 1:
                raise
            self._most, self._calls_since = (len(targets) + 1) // 2, 0
            return None
        except ModelProblem:
            if len(targets) == 1:
                raise
            self._takes_many = False
            return None
        self._grow()
        return answer

    def _call(self, targets: Planes, vector: NDArray[np.float32]) -> dict[str, Tensor]:
        source = np.repeat(vector[None], len(targets), axis=0)
        return self._session.run({"target": targets, "source": source})

    def _grow(self) -> None:
        if self._most is None:
            return
        self._calls_since += 1
        if self._calls_since >= _CALLS_BEFORE_GROWING:
            self._most, self._calls_since = self._most * 2, 0
