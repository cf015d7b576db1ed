"""One step of a job in a worker: its request opened, checked against the task's types, and carried out."""

from pathlib import Path
from typing import Any, TypeVar

import msgspec

from steadfast.errors import InvalidOption, ServiceError
from steadfast.task import Progress, Task
from steadfast.task_steps import Job, JoinOrder, Operation, SegmentOrder, StepRequest, StepResult

KindT = TypeVar("KindT", bound=msgspec.Struct)


def run_step(
    task: Task[Any], operation: Operation, request: StepRequest, folder: Path, progress: Progress
) -> StepResult:
    """Does it; the file of the result, if there is one, lies directly in `folder`.

    Raises `InvalidOption` for options that do not fit, and what the task raises.
    """
    job = Job(
        options=_opened(request.options, _job_type_of(task)),
        inputs=tuple(map(Path, request.inputs)),
        folder=folder,
    )
    match operation:
        case Operation.PLAN:
            result = task.plan(job, progress)
        case Operation.SEGMENT:
            result = task.run_segment(job, _opened(request.order, SegmentOrder), progress)
        case Operation.JOIN:
            parts = tuple(map(Path, request.parts))
            result = task.join(job, _opened(request.order, JoinOrder), parts, progress)
        case _:
            raise ServiceError("A request is no step of a job.")
    if result.file is not None and result.file.parent != folder:
        raise ServiceError("A step wrote its file outside its folder.")
    return result


def _job_type_of(task: Task[Any]) -> type[msgspec.Struct]:
    if task.job_type is None:
        raise InvalidOption("This task does no jobs.")
    return task.job_type


def _opened(packed: msgspec.Raw, kind: type[KindT]) -> KindT:
    try:
        return msgspec.msgpack.decode(packed, type=kind)
    except msgspec.MsgspecError as error:
        raise InvalidOption(f"The options of the job do not fit the task: {error}.") from error
