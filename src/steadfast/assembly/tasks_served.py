"""Which tasks a server serves, by what it is asked for: to requests, and to jobs."""

from steadfast.assembly.drilling import drilled
from steadfast.assembly.staffing import entail_employment, face_employment
from steadfast.models.verification import Vouched
from steadfast.runtime.supervisor import Employment
from steadfast.settings import Settings
from steadfast.tasks.entail_messages import TASK as ENTAIL
from steadfast.tasks.face_messages import TASK as FACES


def employments(settings: Settings, vouched: Vouched) -> list[Employment]:
    """Every task that is served, and its staff; none where others work."""
    if settings.cluster.role == "api":
        return []
    faces = face_employment(settings, vouched)
    every = [faces, entail_employment(settings)] if settings.entailment.enabled else [faces]
    return drilled(settings, every)


def tasks_of_jobs(settings: Settings) -> tuple[str, ...]:
    """Tasks whose jobs are done here."""
    if settings.cluster.role == "api":
        return ()
    return (FACES, ENTAIL) if settings.entailment.enabled else (FACES,)
