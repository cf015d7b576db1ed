"""What a request says of a job beside its files, from a form or from JSON, as one checked value."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from steadfast.api.options import boolean_of
from steadfast.errors import InvalidOption, MalformedRequest
from steadfast.jobs.job import JobPriority, OnPinLost, OnSegmentFailure
from steadfast.jobs.labels import OWN_LABELS
from steadfast.tasks.entail_messages import TASK as ENTAIL
from steadfast.tasks.face_job_check import check_face_options
from steadfast.tasks.face_job_options import FaceJobOptions
from steadfast.tasks.face_messages import TASK as FACES

_UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)([smhd]?)")


class PriorityName(StrEnum):
    """How urgent a job is among jobs."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"

    @property
    def value_among_jobs(self) -> JobPriority:
        """As jobs know it."""
        return JobPriority[self.name]


class Pairing(StrEnum):
    """Which sources go into a target."""

    TOGETHER = "together"  # all of them, as in `/v1/swap`: photos of one person, or one per face
    EACH = "each"  # one after the other: targets x sources, a result for each pair


class JobFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields that every job has; each task adds its own."""

    task: str = FACES
    priority: PriorityName = PriorityName.NORMAL
    callback_url: str = ""
    expires_in: str = ""
    labels: dict[str, str] = {}
    subject: str = ""
    fresh: bool = False
    keep_inputs: str = ""
    keep_results: str = ""
    on_segment_failure: OnSegmentFailure = OnSegmentFailure.FAIL
    on_pin_lost: OnPinLost = OnPinLost.WAIT
    segment_s: float | None = None


class FaceJobFields(JobFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of a job that puts faces into pictures and videos."""

    pairing: Pairing | None = None
    """None: together for one target, each for several."""
    faces: str = "largest"
    min_similarity: float | None = None
    enhance: bool = False
    format: str = ""
    quality: int = 95
    codec: str = "auto"
    video_quality: float | None = None
    preset: str = "medium"
    threads: int = 0
    keep_sound: bool = True
    max_bad_frames: float = 0.01

    def task_options(self, *, has_reference: bool) -> dict[str, Any]:
        """What the task is told; the worker checks it against the file it has.

        Raises `InvalidOption` for what no file could make right.
        """
        names = (one.name for one in msgspec.structs.fields(FaceJobOptions))
        given = {name: getattr(self, name) for name in names if hasattr(self, name) and name != "segment_s"}
        check_face_options(FaceJobOptions(**given, has_reference=has_reference))
        return given | {"has_reference": has_reference}


class EntailJobFields(JobFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of a job that holds sentences against pictures; sentences that differ come as a file of questions."""

    texts: tuple[str, ...] = ()
    """Asked of every picture."""
    caption: str | None = None

    def task_options(self, *, has_reference: bool) -> dict[str, Any]:  # noqa: ARG002 — a matter of faces
        """Nothing: the sentences are a file beside the picture."""
        return {}


TaskFields = FaceJobFields | EntailJobFields
_KINDS: Mapping[str, type[TaskFields]] = {FACES: FaceJobFields, ENTAIL: EntailJobFields}


class JobChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be changed of a job; what is absent stays."""

    priority: PriorityName | None = None
    labels: dict[str, str] | None = None


def fields_of_form(fields: Mapping[str, str]) -> TaskFields:
    """Out of a form's texts. Raises `InvalidOption`, `MalformedRequest`."""
    given: dict[str, Any] = dict(fields)
    kinds = {one.name: one.type for one in msgspec.structs.fields(_kind_of(given))}
    for name, text in fields.items():
        if kinds.get(name) is bool:
            given[name] = boolean_of(name, text)
    if "labels" in fields:
        given["labels"] = _labels(fields["labels"])
    if "texts" in fields:
        given["texts"] = _texts(fields["texts"])
    return _checked(given, is_text=True)


def fields_of_document(document: Mapping[str, Any]) -> TaskFields:
    """Out of a JSON object, without its inputs. Raises `InvalidOption`."""
    given = dict(document)
    for name in ("expires_in", "keep_inputs", "keep_results", "faces"):
        if isinstance(given.get(name), int | float) and not isinstance(given[name], bool):
            given[name] = str(given[name])
    return _checked(given, is_text=False)


def change_of(content: bytes) -> JobChange:
    """Out of the body of a PATCH. Raises `MalformedRequest`."""
    try:
        change = msgspec.json.decode(content, type=JobChange)
    except msgspec.DecodeError as error:
        raise MalformedRequest(
            "The body is JSON with `priority` (low, normal, high) or `labels`, or both."
        ) from error
    refuse_own_labels(change.labels or {})
    return change


def seconds_of(name: str, text: str) -> float | None:
    """`90`, `90s`, `15m`, `12h` or `7d` as seconds; None for nothing. Raises `InvalidOption`."""
    if not text:
        return None
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise InvalidOption(
            f"{name} is a time like 90s, 15m, 12h or 7d.", remedy="Leave it out for the default."
        )
    return float(found[1]) * _UNITS_S[found[2]]


def refuse_own_labels(labels: Mapping[str, str]) -> None:
    """Raises `InvalidOption` for labels that only the service gives."""
    if any(name.startswith(OWN_LABELS) for name in labels):
        raise InvalidOption(
            f"Labels that begin with {OWN_LABELS!r} are the service's own.", remedy="Call it otherwise."
        )


def _kind_of(given: Mapping[str, Any]) -> type[TaskFields]:
    kind = _KINDS.get(str(given.get("task", FACES)))
    if kind is None:
        raise InvalidOption(f"There is no such task. The tasks are: {', '.join(_KINDS)}.")
    return kind


def _checked(given: Mapping[str, Any], *, is_text: bool) -> TaskFields:
    kind = _kind_of(given)
    try:
        fields = msgspec.convert(given, kind, strict=not is_text)
    except msgspec.ValidationError as error:
        known = ", ".join(one.name for one in msgspec.structs.fields(kind))
        raise InvalidOption(
            f"A field cannot be used: {error}.",
            remedy=f"Beside the files there are: {known}.",
        ) from error
    refuse_own_labels(fields.labels)
    return fields


def _texts(text: str) -> list[str]:
    """A JSON list, or a sentence per line."""
    if text.lstrip().startswith("["):
        try:
            return msgspec.json.decode(text, type=list[str])
        except msgspec.DecodeError as error:
            raise MalformedRequest("The field texts is no JSON list of sentences.") from error
    return [line for line in text.splitlines() if line.strip()]


def _labels(text: str) -> dict[str, str]:
    """A JSON object, or `name=value` pairs with commas."""
    if text.lstrip().startswith("{"):
        try:
            return msgspec.json.decode(text, type=dict[str, str])
        except msgspec.DecodeError as error:
            raise MalformedRequest("The field labels is no JSON object of texts.") from error
    return dict(pair_of(pair) for pair in text.split(",") if pair.strip())


def pair_of(text: str) -> tuple[str, str]:
    """`name=value` in two. Raises `InvalidOption`."""
    name, sign, value = text.partition("=")
    if not sign or not name.strip():
        raise InvalidOption("A label is name=value.", remedy="For example project=summer.")
    return name.strip(), value.strip()
