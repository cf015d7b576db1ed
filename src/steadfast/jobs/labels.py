"""A job's labels, after it was submitted."""

from collections.abc import Mapping

from sqlalchemy import delete, select, update

from steadfast.errors import InvalidOption, JobUnknown
from steadfast.jobs.history import note
from steadfast.jobs.rows import as_json, decoded
from steadfast.jobs.tables import JOBS, LABELS
from steadfast.jobs.transaction import Transaction

OWN_LABELS = "steadfast."
"""Labels that begin so are the service's; no client gives or sees them."""
TRACE_LABEL = f"{OWN_LABELS}traceparent"
"""Which trace a job was submitted in, if it is recorded."""
_MOST_LABELS = 32


def check_labels(labels: Mapping[str, str]) -> None:
    """Raises `InvalidOption` for too many, or for those that are too long."""
    if len(labels) > _MOST_LABELS:
        raise InvalidOption(f"A job has at most {_MOST_LABELS} labels.")
    for name, value in labels.items():
        if not 0 < len(name) <= 64 or len(value) > 200:
            raise InvalidOption("A label's name has 1 to 64 characters, its value at most 200.")


def traceparent_of(labels: str) -> str:
    """The trace of a job, from its labels as they lie in its row; empty: none."""
    if TRACE_LABEL not in labels:  # nearly always, and looking costs less than decoding
        return ""
    found: dict[str, str] = decoded(labels)
    return found.get(TRACE_LABEL, "")


def set_labels(
    transaction: Transaction, owner: str | None, job_id: str, labels: Mapping[str, str], *, kept: str
) -> None:
    """Puts these in the place of those it had, except those that begin with `kept`. Raises `JobUnknown`."""
    query = select(JOBS).where(JOBS.c.id == job_id).with_for_update()
    job = transaction.connection.execute(query).first()
    if job is None or (owner is not None and job.owner != owner):
        raise JobUnknown(f"There is no job {job_id[:40]!r}.")
    before: dict[str, str] = decoded(job.labels)
    new = {name: value for name, value in before.items() if name.startswith(kept)} | dict(labels)
    transaction.connection.execute(update(JOBS).where(JOBS.c.id == job_id).values(labels=as_json(new)))
    transaction.connection.execute(delete(LABELS).where(LABELS.c.job_id == job_id))
    if new:
        rows = [
            {"job_id": job_id, "name": name, "value": value, "owner": job.owner}
            for name, value in new.items()
        ]
        transaction.connection.execute(LABELS.insert(), rows)
    note(transaction, job_id, "labels", {"count": len(labels)})
