"""How far jobs are between two finished steps: what is under way here, and on other servers."""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection, and_, bindparam, case, func, select

from steadfast.jobs.flight import Flight
from steadfast.jobs.job import Job, Progress, StepKind, StepState
from steadfast.jobs.tables import ITEMS, STEPS

_DONE = case((STEPS.c.state.in_((StepState.DONE.value, StepState.KEPT.value)), STEPS.c.units), else_=0)
_IS_ELSEWHERE = and_(STEPS.c.state == StepState.LEASED.value, STEPS.c.lease_owner != bindparam("here"))
_UNDER_WAY = case((_IS_ELSEWHERE, STEPS.c.units_done), else_=0)
_OPEN_ITEMS = (
    select(
        STEPS.c.job_id,
        STEPS.c.item,
        func.sum(STEPS.c.units),
        func.sum(_DONE),
        func.sum(_UNDER_WAY),
    )
    .join(ITEMS, and_(ITEMS.c.job_id == STEPS.c.job_id, ITEMS.c.number == STEPS.c.item))
    .where(STEPS.c.job_id.in_(bindparam("jobs", expanding=True)))
    .where(STEPS.c.kind == StepKind.SEGMENT.value, ITEMS.c.result_blob == "", ITEMS.c.failure.is_(None))
    .group_by(STEPS.c.job_id, STEPS.c.item)
)


class OpenItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item that was planned and has not ended, in units of work: frames."""

    number: int
    planned: int
    done: int
    """In finished segments."""
    under_way: int
    """In leased ones: of other servers as of their last renewal, of this one as of now."""

    @property
    def share(self) -> float:
        """Of it, from 0 to 1."""
        return min(1.0, (self.done + self.under_way) / self.planned) if self.planned else 0.0


def open_items(connection: Connection, job_ids: Sequence[str], here: str) -> dict[str, list[OpenItem]]:
    """Of each of these jobs that has any; `here`: this incarnation, whose own steps it knows better."""
    found: dict[str, list[OpenItem]] = {}
    if not job_ids:
        return found
    for job_id, number, planned, done, under_way in connection.execute(
        _OPEN_ITEMS, {"jobs": job_ids, "here": here}
    ).all():
        item = OpenItem(number=number, planned=int(planned), done=int(done), under_way=int(under_way))
        found.setdefault(job_id, []).append(item)
    return found


def progress_now(job: Job, items: Sequence[OpenItem], flights: Iterable[Flight]) -> Progress:
    """With what is under way; `items`: as they were written down, `flights`: the job's own here."""
    here = Counter[int]()
    for flight in flights:
        if flight.lease.key.kind is StepKind.SEGMENT:
            here[flight.lease.key.item] += flight.units_done
    items = [msgspec.structs.replace(item, under_way=item.under_way + here[item.number]) for item in items]
    progress = job.progress
    done = min(progress.frames_done + sum(item.under_way for item in items), progress.frames_total)
    return msgspec.structs.replace(progress, frames_done=done, share=_share(progress, items, done))


def _share(progress: Progress, items: Sequence[OpenItem], frames_done: int) -> float:
    if progress.items_total > 1:
        ended = progress.items_done + progress.items_failed
        return min(1.0, (ended + sum(item.share for item in items)) / progress.items_total)
    return frames_done / progress.frames_total if progress.frames_total else progress.share
