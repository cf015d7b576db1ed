"""The two tasks as workers of a drilled server run them: the real ones, after the orders that stand.

Workers import this, by dotted path, and only where the server was started with `drill.enabled`.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from steadfast.drill.hooks.acts import Harm
from steadfast.drill.hooks.models import (
    ContraryModel,
    answer_nan,
    answer_nan_without_onnx,
    see_faces_wrongly,
)
from steadfast.drill.hooks.standing import StandingOrders
from steadfast.drill.orders import FILE, Act, Order, mark_in
from steadfast.errors import SteadfastError
from steadfast.task import Blob, OperatingPoint, Progress, Request, Response
from steadfast.task_steps import Job, SegmentOrder, StepResult
from steadfast.tasks import entail_messages, face_messages
from steadfast.tasks.entail_messages import EntailRequest
from steadfast.tasks.face_messages import FaceRequest
from steadfast.tasks.face_task import FaceTask
from steadfast.tasks.visual_entailment import VisualEntailmentTask

ORDERS = "drill_orders"
"""Key of the configuration under which a worker finds the drill's folder."""
_SPOILING = frozenset({Act.NAN, Act.WRONG})
Done = TypeVar("Done")


class Obedience:
    """What both tasks do with orders."""

    def __init__(self, config: Mapping[str, Any], task: str) -> None:
        self._standing = StandingOrders(Path(config[ORDERS]) / FILE, task)
        self._harm = Harm()
        self._over: set[str] = set()
        """Spoilt models that a load has mended: the order stands, and the fault is gone."""
        self._spoilt: set[str] = set()

    def loads(self, step: int) -> None:
        """The task is about to load: what was spoilt is thrown away."""
        self._harm.stand_at(step)
        self._over |= self._spoilt
        self._spoilt.clear()

    def before(self, blobs: Sequence[Blob], spoil: Callable[[Order], None]) -> None:
        """Does what is to go wrong before this piece of work."""
        mark = mark_in(_end_of(blobs[-1])) if blobs else ""
        for order in self._standing.now(mark):
            if order.act not in _SPOILING:
                self._harm.do(order)
            elif order.id not in self._over | self._spoilt:
                spoil(order)
                self._spoilt.add(order.id)

    def at_the_pace_of_orders(self, work: Callable[[], Done]) -> Done:
        """The work, as many times slower as an order says."""
        began_s = time.perf_counter()
        done = work()
        for order in self._standing.now():
            if order.act is Act.SLOW:
                time.sleep((time.perf_counter() - began_s) * (order.amount - 1.0))
        return done


class DrilledFaceTask(FaceTask):
    """Swaps faces, and does what a drill orders."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__({name: value for name, value in config.items() if name != ORDERS})
        self._obedience = Obedience(config, face_messages.TASK)

    def load(self, point: OperatingPoint) -> None:
        """Loads; what orders have spoilt is gone."""
        self._obedience.loads([known.rung for known in self.operating_points()].index(point.rung))
        super().load(point)

    def run(self, request: Request[FaceRequest], progress: Progress) -> Response:
        """The work, after what goes wrong before it."""
        self._obedience.before(request.blobs, self._spoil)
        work = super().run
        return self._obedience.at_the_pace_of_orders(lambda: work(request, progress))

    def run_segment(self, job: Job[Any], order: SegmentOrder, progress: Progress) -> StepResult:
        """A segment of a video, likewise."""
        self._obedience.before(job.inputs, self._spoil)
        work = super().run_segment
        return self._obedience.at_the_pace_of_orders(lambda: work(job, order, progress))

    def _spoil(self, order: Order) -> None:
        if order.act is Act.WRONG:
            self._engine = see_faces_wrongly(self._loaded)
        elif not answer_nan(self._sessions):
            answer_nan_without_onnx(self._loaded)


class DrilledEntailmentTask(VisualEntailmentTask):
    """Answers questions, and does what a drill orders."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__({name: value for name, value in config.items() if name != ORDERS})
        self._obedience = Obedience(config, entail_messages.TASK)

    def load(self, point: OperatingPoint) -> None:
        """Loads; what orders have spoilt is gone."""
        self._obedience.loads([known.rung for known in self.operating_points()].index(point.rung))
        super().load(point)

    def run_batch(
        self, requests: Sequence[Request[EntailRequest]], progress: Progress
    ) -> Sequence[Response | SteadfastError]:
        """All questions, after what goes wrong before them."""
        for request in requests:
            self._obedience.before(request.blobs, self._spoil)
        work = super().run_batch
        return self._obedience.at_the_pace_of_orders(lambda: work(requests, progress))

    def _spoil(self, order: Order) -> None:
        if order.act is Act.WRONG:
            assert self._model is not None
            self._model = ContraryModel(self._model)
        else:
            answer_nan(self._sessions)


def _end_of(blob: Blob) -> bytes:
    if not isinstance(blob, Path):
        return bytes(blob[-200:])
    with blob.open("rb") as stream:
        stream.seek(max(0, blob.stat().st_size - 200))
        return stream.read()
