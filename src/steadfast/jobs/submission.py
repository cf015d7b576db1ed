"""A job's first transaction: job, items, first steps, and the hold on its inputs, all or nothing."""

import os
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from steadfast.blobs.blob import BlobAddress
from steadfast.jobs import turns
from steadfast.jobs.events import JobSubmitted
from steadfast.jobs.history import note
from steadfast.jobs.job import InputFile, ItemOrder, JobOrder, JobState, StepKind, StepState
from steadfast.jobs.rows import as_json, space_of, sum_of
from steadfast.jobs.transaction import Transaction
from steadfast.jobs.updates import INSERT_ITEMS, INSERT_JOB, INSERT_LABELS, INSERT_STEPS

INPUT_ROLE = "input"
"""What an input is to its job, among references to files."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


_last_id = 0
_numbering = threading.Lock()


def new_job_id() -> str:
    """26 characters that sort by time: 48 bits of milliseconds, 80 of chance (a ULID, in small letters).

    Those of one process follow one another, also within a millisecond.
    """
    global _last_id  # noqa: PLW0603 — one sequence per process
    with _numbering:
        number = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
        _last_id = number = number if number > _last_id else _last_id + 1
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def submit(transaction: Transaction, job_id: str, order: JobOrder) -> None:
    """Records a job under an id that nobody has. Raises `BlobMissing` where an input is not kept."""
    inputs = _different_inputs(order)
    _hold(transaction, job_id, order.owner, inputs)
    transaction.connection.execute(INSERT_JOB, _job_values(transaction, job_id, order, inputs))
    rows = [_item_values(job_id, number, order, item) for number, item in enumerate(order.items)]
    transaction.connection.execute(INSERT_ITEMS, rows)
    plans = [first_step(job_id, number, StepKind.PLAN) for number in range(len(order.items))]
    transaction.connection.execute(INSERT_STEPS, plans)
    if order.labels:
        transaction.connection.execute(INSERT_LABELS, list(_label_values(job_id, order)))
    note(transaction, job_id, "submitted", {"state": JobState.QUEUED.value, "items": len(order.items)})
    flow = turns.Flow(
        task=order.task,
        capability=transaction.needs(order.task, order.options, None),
        owner=order.owner,
        priority=int(order.priority),
    )
    turns.wake(transaction, flow)
    transaction.facts.append(
        JobSubmitted(
            job_id=job_id,
            owner=order.owner,
            task=order.task,
            items=len(order.items),
            input_bytes=sum(one.size_bytes for one in inputs),
            priority=order.priority,
        )
    )


def first_step(
    job_id: str, item: int, kind: StepKind, number: int = 0, *, brief: bytes = b"", units: int = 0
) -> dict[str, Any]:
    """The row of a step that nobody has begun."""
    return {
        "job_id": job_id,
        "item": item,
        "kind": kind.value,
        "number": number,
        "state": StepState.PENDING.value,
        "brief": brief,
        "units": units,
        "units_done": 0,
        "untouched": False,
        "failures": 0,
        "token": 0,
        "lease_owner": "",
        "lease_until_s": 0.0,
        "leased_at": None,
        "blob": "",
        "note": b"",
        "report": "{}",
    }


def identity_of(order: JobOrder, item: ItemOrder) -> str:
    """What an item's result depends on, beside what it is made with."""
    sources = [source.sha256 for source in item.sources]
    return sum_of([order.task, order.options, item.target.sha256, sources])


def _different_inputs(order: JobOrder) -> list[InputFile]:
    """A batch names most of its inputs many times."""
    every = (file for item in order.items for file in (item.target, *item.sources))
    return list({file.sha256: file for file in every}.values())


def _hold(transaction: Transaction, job_id: str, owner: str, inputs: list[InputFile]) -> None:
    for file in inputs:
        address = BlobAddress(space=space_of(owner), sha256=file.sha256)
        transaction.library.refer(transaction.connection, address, owner=job_id, role=INPUT_ROLE)


def _job_values(
    transaction: Transaction, job_id: str, order: JobOrder, inputs: list[InputFile]
) -> dict[str, Any]:
    lasts = order.expires_in_s
    counts = dict.fromkeys(
        (
            *("items_done", "items_failed", "segments_total", "segments_done", "units_total", "units_done"),
            *(
                "attempts",
                "failed_attempts",
                "output_bytes",
                "device_s",
                "cpu_s",
                "frames",
                "pixels",
                "faces",
            ),
        ),
        0,
    )
    return counts | {
        "id": job_id,
        "owner": order.owner,
        "task": order.task,
        "capability": transaction.needs(order.task, order.options, None),
        "state": JobState.QUEUED.value,
        "priority": int(order.priority),
        "options": as_json(order.options),
        "on_segment_failure": order.on_segment_failure.value,
        "on_pin_lost": order.on_pin_lost.value,
        "segment_s": order.segment_s,
        "callback_url": order.callback_url,
        "labels": as_json(order.labels),
        "subject": order.subject,
        "fresh": order.fresh,
        "keep_inputs_s": order.keep_inputs_s,
        "keep_results_s": order.keep_results_s,
        "ready_steps": len(order.items),
        "served_s": 0.0,
        "held": "",
        "degraded": "[]",
        "incidents": "[]",
        "items_total": len(order.items),
        "input_bytes": sum(file.size_bytes for file in inputs),
        "created_at": transaction.at,
        "expires_at": None if lasts is None else transaction.at + timedelta(seconds=lasts),
    }


def _item_values(job_id: str, number: int, order: JobOrder, item: ItemOrder) -> dict[str, Any]:
    return {
        "job_id": job_id,
        "number": number,
        "owner": order.owner,
        "name": item.name,
        "target": as_json(item.target),
        "sources": as_json(item.sources),
        "identity": identity_of(order, item),
        "pin_sum": "",
        "brief": b"",
        "suffix": "",
        "media_type": "",
        "segments_left": 0,
        "result_blob": "",
        "result_bytes": 0,
        "failure": None,
        "degraded": "[]",
        "answered_from": "",
        "report": "{}",
    }


def _label_values(job_id: str, order: JobOrder) -> Iterator[dict[str, str]]:
    for name, value in order.labels.items():
        yield {"job_id": job_id, "name": name, "value": value, "owner": order.owner}
