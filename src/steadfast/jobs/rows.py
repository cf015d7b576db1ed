"""Rows as values, and values as columns."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Row

from steadfast.blobs.blob import parse_address
from steadfast.jobs.job import (
    Attempt,
    AttemptOutcome,
    Cost,
    Fault,
    InputFile,
    Item,
    ItemOrder,
    Job,
    JobFailure,
    JobOrder,
    JobPriority,
    JobState,
    OnPinLost,
    OnSegmentFailure,
    Progress,
    ResultFile,
    Step,
    StepKind,
    StepState,
)
from steadfast.jobs.tables import JOBS

AnyRow = Row[Any]

_encode = msgspec.json.Encoder(order="sorted").encode
_inputs = msgspec.json.Decoder(tuple[InputFile, ...])
_input = msgspec.json.Decoder(InputFile)
_failure = msgspec.json.Decoder(JobFailure | None)

# Looked up by the hundred where jobs are listed: a dictionary answers in a quarter of an enum's time.
_STATES = {one.value: one for one in JobState}
_PRIORITIES = {one.value: one for one in JobPriority}
_ON_SEGMENT_FAILURE = {one.value: one for one in OnSegmentFailure}
_ON_PIN_LOST = {one.value: one for one in OnPinLost}
_JOB_COLUMNS = tuple(column.name for column in JOBS.columns)
_EMPTY: Mapping[str, Any] = {}

NO_SPACE = "_"
"""The space of files where no key is needed; no key has such an id."""


def as_json(value: Any) -> str:
    """One text for equal values, whatever the order they came in."""
    return _encode(value).decode()


def sum_of(value: Any) -> str:
    """SHA-256 of a value that JSON can carry."""
    return hashlib.sha256(_encode(value)).hexdigest()


def space_of(owner: str) -> str:
    """Where the files of a key lie."""
    return owner or NO_SPACE


def decoded(text: str | None) -> Any:
    """Out of JSON; None stays None."""
    return None if text is None else msgspec.json.decode(text)


def words_of(text: str) -> tuple[str, ...]:
    """A list of texts out of JSON."""
    return () if text == "[]" else tuple(msgspec.json.decode(text, type=list[str]))


def together(text: str, more: Sequence[str]) -> str:
    """A list of texts with what is new to it."""
    return as_json(list(dict.fromkeys((*words_of(text), *more)))) if more else text


def targets_of(row: AnyRow) -> tuple[InputFile, tuple[InputFile, ...]]:
    """The target and the sources of an item's row."""
    return _input.decode(row.target), _inputs.decode(row.sources)


def failure_of(text: str | None) -> JobFailure | None:
    """Out of JSON."""
    return None if text is None else _failure.decode(text)


def pin_of(text: str | None) -> Mapping[str, str] | None:
    """Out of JSON."""
    return None if text is None else msgspec.json.decode(text, type=dict[str, str])


def job_of(row: AnyRow) -> Job:
    """A job without its items, of a whole row of its table."""
    # Lists have dozens of rows of dozens of columns; a row takes ten times as long to find one by name.
    column = dict(zip(_JOB_COLUMNS, row, strict=True))
    return Job(
        id=column["id"],
        order=_order_of(column),
        state=_STATES[column["state"]],
        degraded=words_of(column["degraded"]),
        held=column["held"],
        capability=column["capability"],
        ready_steps=column["ready_steps"],
        failure=failure_of(column["failure"]),
        pin=pin_of(column["pin"]),
        progress=_progress_of(column),
        cost=_cost_of(column),
        attempts=column["attempts"],
        failed_attempts=column["failed_attempts"],
        incidents=words_of(column["incidents"]),
        created_at=column["created_at"],
        started_at=column["started_at"],
        ended_at=column["ended_at"],
        expires_at=column["expires_at"],
        inputs_gone_at=column["inputs_gone_at"],
        results_gone_at=column["results_gone_at"],
    )


def _progress_of(column: Mapping[str, Any]) -> Progress:
    done, total = column["items_done"] + column["items_failed"], column["items_total"]
    if total == 1 and column["units_total"]:
        done, total = column["units_done"], column["units_total"]
    return Progress(
        share=min(1.0, done / total),
        frames_done=column["units_done"],
        frames_total=column["units_total"],
        segments_done=column["segments_done"],
        segments_total=column["segments_total"],
        items_done=column["items_done"],
        items_failed=column["items_failed"],
        items_total=column["items_total"],
    )


def _cost_of(column: Mapping[str, Any]) -> Cost:
    return Cost(
        device_s=column["device_s"],
        cpu_s=column["cpu_s"],
        frames=column["frames"],
        pixels=column["pixels"],
        faces=column["faces"],
        read_bytes=column["input_bytes"],
        written_bytes=column["output_bytes"],
    )


def _order_of(column: Mapping[str, Any]) -> JobOrder:
    created_at, expires_at = column["created_at"], column["expires_at"]
    return JobOrder(
        owner=column["owner"],
        task=column["task"],
        items=(),
        options=msgspec.json.decode(column["options"]),
        priority=_PRIORITIES[column["priority"]],
        on_segment_failure=_ON_SEGMENT_FAILURE[column["on_segment_failure"]],
        on_pin_lost=_ON_PIN_LOST[column["on_pin_lost"]],
        segment_s=column["segment_s"],
        callback_url=column["callback_url"],
        expires_in_s=(expires_at - created_at).total_seconds() if expires_at else None,
        labels=_EMPTY if column["labels"] == "{}" else msgspec.json.decode(column["labels"]),
        subject=column["subject"],
        fresh=column["fresh"],
        keep_inputs_s=column["keep_inputs_s"],
        keep_results_s=column["keep_results_s"],
    )


def item_of(row: AnyRow) -> Item:
    """An item."""
    target, sources = targets_of(row)
    return Item(
        number=row.number,
        order=ItemOrder(target=target, sources=sources, name=row.name),
        result=result_of(row),
        failure=failure_of(row.failure),
        degraded=words_of(row.degraded),
        answered_from=row.answered_from,
        report=msgspec.json.decode(row.report),
    )


def result_of(row: AnyRow) -> ResultFile | None:
    """What came of an item; None: nothing (yet, or any more)."""
    if not row.result_blob:
        return None
    return ResultFile(
        sha256=parse_address(row.result_blob).sha256,
        address=row.result_blob,
        size_bytes=row.result_bytes,
        media_type=row.media_type,
        name=name_of_result(row),
    )


def name_of_result(row: AnyRow) -> str:
    """What was asked for, else the target's name, with the suffix of what it is now."""
    name = row.name or _input.decode(row.target).name or f"result-{row.number}"
    stem = name.rpartition(".")[0] or name
    return f"{stem}{row.suffix}"


def step_of(row: AnyRow) -> Step:
    """A step."""
    return Step(
        job_id=row.job_id,
        item=row.item,
        kind=StepKind(row.kind),
        number=row.number,
        state=StepState(row.state),
        brief=row.brief,
        units=row.units,
        token=row.token,
        failures=row.failures,
        blob=row.blob,
        note=row.note,
    )


def attempt_of(row: AnyRow) -> Attempt:
    """An attempt."""
    return Attempt(
        item=row.item,
        kind=StepKind(row.kind),
        number=row.number,
        token=row.token,
        owner=row.lease_owner,
        worker=row.worker,
        outcome=AttemptOutcome(row.outcome),
        fault=Fault(row.fault) if row.fault else None,
        code=row.code,
        detail=row.detail,
        began_at=row.began_at,
        ended_at=row.ended_at,
        cost=Cost(device_s=row.device_s, cpu_s=row.cpu_s, frames=row.frames),
    )
