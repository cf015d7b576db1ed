"""The OpenAPI document, made by FastAPI from what the routes declare here.

The hot routes are plain ASGI, which FastAPI cannot read; their declarations stand here, beside models of
their answers. No page of documentation is served: such pages load scripts from somebody else's server.
"""

from typing import Any

import msgspec
from fastapi import FastAPI
from pydantic import BaseModel, Field

from steadfast import __version__
from steadfast.api.job_documentation import document_jobs
from steadfast.api.problem import title_of
from steadfast.api.upload_documentation import document_uploads
from steadfast.errors import (
    BreakerOpen,
    ChecksumMismatch,
    DamagedMedia,
    DeadlineExceeded,
    DiskFull,
    EmptyText,
    ForeignRequest,
    IdempotencyInProgress,
    IncidentUnknown,
    JobConflict,
    JobUnknown,
    KeyRefused,
    MalformedRequest,
    MediaTooLarge,
    NoFace,
    PoisonInput,
    QuotaExceeded,
    RangeUnusable,
    ResultGone,
    ResultNotReady,
    ScopeMissing,
    SlowClient,
    SteadfastError,
    TextTooLong,
    TextUnreadable,
    UnsupportedMedia,
    UploadConflict,
    UploadUnknown,
    UploadVersion,
)
from steadfast.observability.status.document import ServiceStatus, TaskStatus

_JSON = "application/json"
_PROBLEM = "application/problem+json"
_BINARY = {"type": "string", "format": "binary"}


class Problem(BaseModel):
    """An error (RFC 9457). `code` is stable."""

    type: str = "about:blank"
    status: int
    code: str
    title: str
    detail: str = Field(description="One sentence on this case.")
    remedy: str = Field(description="What the reader can do.")
    request_id: str
    retry_after_s: float | None = Field(default=None, description="When to try again, to the millisecond.")


class SwappedPicture(BaseModel):
    """A picture inside a JSON answer."""

    content_type: str
    width: int
    height: int
    base64: str


class SwapAnswer(BaseModel):
    """The answer to a swap as JSON."""

    request_id: str
    engine: str
    models: list[str]
    degraded: list[str] = Field(description="What was given up, in words; empty when nothing was.")
    faces_found: int
    faces_swapped: int
    identity: float | None = Field(description="Similarity of the worst swapped face to its source.")
    notes: list[str]
    attempts: int = Field(description="Workers it took; more than 1: one died under it.")
    timings_ms: dict[str, float]
    picture: SwappedPicture


class FaceBox(BaseModel):
    """A rectangle in pixels."""

    left: float
    top: float
    right: float
    bottom: float


class FoundFace(BaseModel):
    """One face."""

    index: int
    box: FaceBox
    width: float
    height: float
    score: float
    pose: dict[str, float]
    sharpness: float
    points5: list[list[float]]


class FacesAnswer(BaseModel):
    """The answer to a listing."""

    image: str
    width: int
    height: int
    engine: str
    models: list[str]
    faces: list[FoundFace]
    notes: list[str]


class EntailmentAnswerModel(BaseModel):
    """The answer to a question about a picture."""

    request_id: str
    answer: str = Field(description="`yes`, `no` or `maybe`.")
    probabilities: dict[str, float] | None = Field(description="Of the three; null where nobody looked.")
    model: str | None = None
    domain: str | None = Field(default=None, description="The world the model is limited to, if it is.")
    in_domain: bool | None = Field(
        default=None, description="False: picture or sentence are outside it, and the answer is a maybe."
    )
    calibrated: bool | None = Field(
        default=None, description="Whether the probabilities were held against how often the model is right."
    )
    reason: str | None = Field(
        default=None,
        description="Code of the failure that a maybe stands in for, where the operator wants that.",
    )
    warnings: list[str]
    degraded: list[str]
    attempts: int | None = None
    timings_ms: dict[str, float] | None = None


def document_application() -> FastAPI:
    """An application whose only use is its `openapi()`."""
    application = FastAPI(
        title="Steadfast",
        version=__version__,
        description="A face-fusion and vision-inference server that stays up.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    application.post(
        "/v1/swap",
        summary="Swap faces in a picture",
        openapi_extra={"requestBody": _swap_body(), "parameters": _headers()},
        responses={200: _swap_answer(), **_problems(NoFace, PoisonInput)},
        response_model=SwapAnswer,
    )(_served_elsewhere)
    application.post(
        "/v1/faces",
        summary="List the faces of a picture",
        openapi_extra={"requestBody": _faces_body(), "parameters": [*_headers(), _query("full")]},
        responses=_problems(PoisonInput),
        response_model=FacesAnswer,
    )(_listed_elsewhere)
    application.post(
        "/v1/entail",
        summary="Say whether a sentence follows from a picture",
        openapi_extra={"requestBody": _entail_body(), "parameters": _headers()},
        responses=_problems(EmptyText, TextTooLong, TextUnreadable, PoisonInput),
        response_model=EntailmentAnswerModel,
    )(_judged_elsewhere)
    document_uploads(application, _problems(UploadUnknown, UploadConflict, UploadVersion, ChecksumMismatch))
    document_jobs(
        application,
        _problems(
            JobUnknown, JobConflict, ResultNotReady, ResultGone, RangeUnusable, QuotaExceeded, DiskFull
        ),
    )
    for path, summary in _RECORDS.items():
        application.get(
            path, summary=summary, responses=_problems(KeyRefused, ScopeMissing, IncidentUnknown)
        )(_recorded_elsewhere)
    for path, summary in _PROBES.items():
        application.get(path, summary=summary, responses=_probe_answers(path))(_probed_elsewhere)
    return application


_PROBES = {
    "/health": "Everything at a glance",
    "/health/live": "Does this process answer?",
    "/health/ready": "Would a request be answered now? `?task=` asks for one task",
    "/healthz": "The same as /health/ready",
    "/health/simple": "One word",
    "/metrics": "Everything that is measured, for Prometheus; needs the scope metrics where keys are needed",
    "/status": "How the service stands, as a page that loads nothing from elsewhere; it shows /v1/status",
    "/v1/status": "The same as a document: whole for a key with the scope admin, else what /health tells",
}


_READY: dict[str, Any] = {
    "status": "healthy",
    "waits_for": [],
    "tasks": {"face_swap": {"ready": True, "why_not": "", "degraded": []}},
}
_NOT_READY: dict[str, Any] = {
    "status": "failing",
    "waits_for": ["face_swap"],
    "tasks": {"face_swap": {"ready": False, "why_not": "no worker is able", "degraded": []}},
}
_STATUS = msgspec.to_builtins(
    ServiceStatus(
        at_s=1_795_000_000.0,
        word="healthy",
        reasons=(),
        tasks=(TaskStatus(name="face_swap", ready=True, why_not="", degraded=(), able=2, places=2),),
        incidents=(),
        is_whole=True,
        version=__version__,
        uptime_s=86_400.0,
        running=1,
    )
)
_PROBE_EXAMPLES: dict[str, tuple[str, Any, Any]] = {
    "/health": ("application/json", _READY | {"reasons": []}, _NOT_READY | {"reasons": ["workers is error"]}),
    "/health/live": ("application/json", {"status": "live"}, None),
    "/health/ready": ("application/json", _READY, _NOT_READY),
    "/healthz": ("application/json", _READY, _NOT_READY),
    "/health/simple": ("text/plain", "OK", "FAIL"),
    "/metrics": ("text/plain", 'steadfast_task_ready{task="face_swap"} 1.0\n', None),
    "/status": ("text/html", "<!doctype html>…", None),
    "/v1/status": ("application/json", _STATUS, None),
}


def _probe_answers(path: str) -> dict[int | str, dict[str, Any]]:
    kind, good, bad = _PROBE_EXAMPLES[path]
    answers: dict[int | str, dict[str, Any]] = {200: {"content": {kind: {"example": good}}}}
    if bad is not None:
        answers[503] = {"description": "Not ready", "content": {kind: {"example": bad}}}
    return answers


_RECORDS = {
    "/v1/incidents": "Incidents, the latest first: `?limit=`, `?open=true`, `?severity=` for the least",
    "/v1/incidents/{id}": "One incident",
    "/v1/incidents/stream": "What lasts, then every change as it happens, as server-sent events",
    "/v1/crashes": "Crash reports, the latest first",
    "/v1/crashes/{id}": "One report with all its files",
    "/v1/crashes/{id}/bundle": "The same as an archive that is fit for a bug report",
    "/v1/cluster": "Servers that share one database: nodes, queues, clocks",
    "/v1/cluster/demand": "Device-seconds for which jobs wait, by capability: `?capability=` for one",
}


def _recorded_elsewhere() -> None:
    """Needs a key with the scope `admin`, where keys are asked for."""


def _served_elsewhere() -> None:
    """`source` (one or more) and `target` are pictures; a `reference` shows whom to replace."""


def _listed_elsewhere() -> None:
    """The picture is the whole body, or the part `image` of a form."""


def _judged_elsewhere() -> None:
    """`text` is a sentence in English; a `caption` says what is known beside the picture."""


def _probed_elsewhere() -> None:
    """Needs no key."""


def _swap_body() -> dict[str, Any]:
    choices: dict[str, Any] = {
        "source": {
            "type": "array",
            "items": _BINARY,
            "description": "Photos of the person whose face is given.",
        },
        "target": {**_BINARY, "description": "The picture to change."},
        "reference": {**_BINARY, "description": "A photo of the person in the target who is meant."},
        "faces": {
            "type": "string",
            "default": "largest",
            "description": "`one`, `largest`, `all`, `left-to-right`, or numbers such as `0,2`.",
        },
        "min_similarity": {"type": "number", "description": "To the reference."},
        "enhance": {"type": "boolean", "default": False},
        "format": {
            "type": "string",
            "enum": ["jpeg", "png", "webp", "tiff", "avif", "heic", "json"],
            "description": "Of the picture; `json` is short for `answer=json`.",
        },
        "quality": {"type": "integer", "minimum": 1, "maximum": 100, "default": 95},
        "measure": {"type": "boolean", "default": True, "description": "Whether identity is measured."},
        "answer": {"type": "string", "enum": ["picture", "json"], "default": "picture"},
        "deadline_s": {"type": "number", "exclusiveMinimum": 0, "maximum": 3600},
        "priority": {"type": "string", "enum": ["interactive", "standard", "batch"]},
    }
    schema = {"type": "object", "required": ["source", "target"], "properties": choices}
    example = {"source": ["@me.jpg"], "target": "@group.jpg", "faces": "0", "format": "png"}
    return {"required": True, "content": {"multipart/form-data": {"schema": schema, "example": example}}}


def _faces_body() -> dict[str, Any]:
    form = {"type": "object", "required": ["image"], "properties": {"image": _BINARY}}
    content = {"application/octet-stream": {"schema": _BINARY}, "multipart/form-data": {"schema": form}}
    return {"required": True, "content": content}


def _entail_body() -> dict[str, Any]:
    options: dict[str, Any] = {
        "text": {"type": "string", "description": "A sentence in English."},
        "caption": {"type": "string", "description": "What is known of the picture beside its pixels."},
        "deadline_s": {"type": "number", "exclusiveMinimum": 0, "maximum": 3600},
        "priority": {"type": "string", "enum": ["interactive", "standard", "batch"]},
    }
    required = ["image", "text"]
    form = {"type": "object", "required": required, "properties": {"image": _BINARY, **options}}
    image = {"type": "string", "format": "byte", "description": "Base64, or a data URL."}
    document = {"type": "object", "required": required, "properties": {"image": image, **options}}
    content = {"multipart/form-data": {"schema": form}, _JSON: {"schema": document}}
    return {"required": True, "content": content}


def _swap_answer() -> dict[str, Any]:
    headers = {
        "X-Steadfast-Engine": "The engine that worked.",
        "X-Steadfast-Models": "Its models, with commas.",
        "X-Steadfast-Faces": "`found=2;swapped=1`.",
        "X-Steadfast-Identity": "Similarity of the worst swapped face to its source.",
        "X-Steadfast-Degraded": "What was given up; absent when nothing was.",
        "X-Steadfast-Attempts": "Workers it took.",
        "Server-Timing": "Milliseconds by stage.",
    }
    described = {name: {"description": text, "schema": {"type": "string"}} for name, text in headers.items()}
    content = {f"image/{kind}": {"schema": _BINARY} for kind in ("jpeg", "png", "webp")}
    return {"description": "The picture, or JSON.", "headers": described, "content": content}


def _headers() -> list[dict[str, Any]]:
    named = {
        "Authorization": "`Bearer KEY`; needed unless the service listens on loopback only.",
        "Idempotency-Key": "A repetition with the same key gets the same answer.",
        "X-Deadline-Ms": "Time allowed, from the arrival of the headers.",
        "X-Priority": "`interactive`, `standard` or `batch`.",
        "X-Request-ID": "Named in the answer and in logs.",
        "traceparent": "W3C Trace Context.",
    }
    return [
        {"name": name, "in": "header", "required": False, "description": text, "schema": {"type": "string"}}
        for name, text in named.items()
    ]


def _query(name: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": {"type": "boolean", "default": False}}


def _problems(*more: type[SteadfastError]) -> dict[int | str, dict[str, Any]]:
    kinds: tuple[type[SteadfastError], ...] = (
        MalformedRequest,
        KeyRefused,
        ForeignRequest,
        SlowClient,
        IdempotencyInProgress,
        IncidentUnknown,
        MediaTooLarge,
        UnsupportedMedia,
        DamagedMedia,
        *more,
        BreakerOpen,
        DeadlineExceeded,
    )
    by_status: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        entry = by_status.setdefault(
            kind.status, {"description": "", "model": Problem, "content": {_PROBLEM: {"examples": {}}}}
        )
        entry["description"] = ", ".join(filter(None, (entry["description"], title_of(kind))))
        entry["content"][_PROBLEM]["examples"][kind.code] = {"value": _example(kind)}
    return by_status


def _example(kind: type[SteadfastError]) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "status": kind.status,
        "code": kind.code,
        "title": title_of(kind),
        "detail": (kind.__doc__ or "").splitlines()[0],
        "remedy": kind.default_remedy,
        "request_id": "5f1c9b0d2a7e4c31",
    }
