"""How many jobs stand where: for whoever measures, not for whoever decides."""

from collections.abc import Mapping

from sqlalchemy import Connection, func, select

from steadfast.jobs.job import JobState
from steadfast.jobs.tables import JOBS

OPEN_STATES = (JobState.QUEUED, JobState.RUNNING, JobState.PAUSED)


def count_open_jobs(connection: Connection) -> Mapping[str, int]:
    """Jobs that are not over, by state; reads an index, as long as those are few."""
    states = [state.value for state in OPEN_STATES]
    question = select(JOBS.c.state, func.count()).where(JOBS.c.state.in_(states)).group_by(JOBS.c.state)
    found = {state: int(count) for state, count in connection.execute(question)}
    return {state: found.get(state, 0) for state in states}
