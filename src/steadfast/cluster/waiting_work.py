"""How much work waits, by what it needs: for messages, and for whoever decides how many servers there should
be."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, func, select, text

from steadfast.cluster.coverage import Coverage
from steadfast.cluster.message import ANY, MOST_MESSAGES, Errand
from steadfast.jobs.job import JobPriority
from steadfast.jobs.lanes import parts_of
from steadfast.jobs.tables import ATTEMPTS, FLOWS, JOBS, STEPS
from steadfast.jobs.turns import EXPECTED_S

_LATE_ATTEMPTS = 1_000
"""From which it is learned how long a frame takes."""
_WAITS = and_(text("jobs.ready_steps > 0 AND jobs.held = ''"), text("jobs.state IN ('queued', 'running')"))


def errands_that_wait(connection: Connection) -> set[Errand]:
    """For which there may be a step to be done; a look at the flows that are awake."""
    awake = select(FLOWS.c.task, FLOWS.c.priority).where(FLOWS.c.is_waiting).distinct()
    return {
        Errand(capability=parts_of(row.task)[1], priority=row.priority) for row in connection.execute(awake)
    }


def steps_that_wait(connection: Connection, errands: Collection[Errand]) -> dict[Errand, int]:
    """Steps that nobody holds, for each errand; no more are counted than messages are sent."""
    return {errand: _count(connection, errand) for errand in errands}


def _count(connection: Connection, errand: Errand) -> int:
    of_errand = JOBS.c.capability == errand.capability, JOBS.c.priority == errand.priority
    some = select(JOBS.c.ready_steps).where(_WAITS, *of_errand).limit(MOST_MESSAGES).subquery()
    total = connection.execute(select(func.coalesce(func.sum(some.c.ready_steps), 0))).scalar_one()
    return min(int(total), MOST_MESSAGES)


@dataclass(frozen=True, kw_only=True, slots=True)
class Demand:
    """Work that waits for a capability at a priority."""

    capability: str
    priority: JobPriority
    steps: int
    """Steps that nobody holds; of a job that is not planned yet only its plan is known."""
    device_s: float
    """Seconds that a place will be busy with them, as far as can be told."""
    oldest_s: float
    """For how long the oldest of their jobs has been there."""
    unserved_steps: int = 0
    """Of the steps those that no server which takes work can do."""
    lacking: str = ""
    """Why not, in words; empty: somebody can do all of them."""

    def as_dict(self) -> dict[str, Any]:
        """As the API says it."""
        return {
            "capability": self.capability or ANY,
            "priority": self.priority.name.lower(),
            "steps": self.steps,
            "device_s": round(self.device_s, 3),
            "oldest_s": round(self.oldest_s, 3),
            "unserved_steps": self.unserved_steps,
            "lacking": self.lacking or None,
        }


def demand(connection: Connection, now_s: float, coverage: Coverage | None = None) -> list[Demand]:
    """All that waits, by capability and priority; `now_s`: on the wall clock of the database.

    `coverage`: who could do it; None: nobody asks.
    """
    speeds = _busy_s_per_unit(connection)
    kind = STEPS.c.kind == "segment"
    query = (
        select(
            JOBS.c.task,
            JOBS.c.capability,
            JOBS.c.priority,
            func.count().label("steps"),
            func.sum(STEPS.c.units).filter(kind).label("units"),
            func.count().filter(~kind).label("others"),
            func.min(JOBS.c.created_at).label("oldest"),
        )
        .join(STEPS, STEPS.c.job_id == JOBS.c.id)
        .where(_WAITS, text("job_steps.state = 'pending'"))
        .group_by(JOBS.c.task, JOBS.c.capability, JOBS.c.priority)
    )
    found: dict[tuple[str, int], Demand] = {}
    for row in connection.execute(query).all():
        lack = coverage.lack(row.task, row.capability) if coverage is not None else None
        device_s = float(row.units or 0) * speeds.get(row.task, EXPECTED_S) + row.others * EXPECTED_S
        one = Demand(
            capability=row.capability,
            priority=JobPriority(row.priority),
            steps=row.steps,
            device_s=device_s,
            oldest_s=max(0.0, now_s - row.oldest.timestamp()),
            unserved_steps=0 if lack is None else row.steps,
            lacking="" if lack is None else lack.why,
        )
        key = row.capability, row.priority
        found[key] = one if key not in found else _together(found[key], one)
    return [found[key] for key in sorted(found, key=lambda key: (key[0], -key[1]))]


def _together(one: Demand, other: Demand) -> Demand:
    return Demand(
        capability=one.capability,
        priority=one.priority,
        steps=one.steps + other.steps,
        device_s=one.device_s + other.device_s,
        oldest_s=max(one.oldest_s, other.oldest_s),
        unserved_steps=one.unserved_steps + other.unserved_steps,
        lacking=one.lacking or other.lacking,
    )


def _busy_s_per_unit(connection: Connection) -> dict[str, float]:
    """By task, over the latest attempts that were finished: for which a place was taken, device or not."""
    late = (
        select(JOBS.c.task, ATTEMPTS.c.began_at, ATTEMPTS.c.ended_at, ATTEMPTS.c.frames)
        .join(JOBS, JOBS.c.id == ATTEMPTS.c.job_id)
        .where(ATTEMPTS.c.outcome == "done", ATTEMPTS.c.frames > 0)
        .order_by(ATTEMPTS.c.id.desc())
        .limit(_LATE_ATTEMPTS)
    )
    busy_s: Counter[str] = Counter()
    units: Counter[str] = Counter()
    for row in connection.execute(late):
        busy_s[row.task] += (row.ended_at - row.began_at).total_seconds()
        units[row.task] += row.frames
    return {task: busy_s[task] / units[task] for task in units}
