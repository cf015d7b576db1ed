"""What the OpenAPI document says of jobs."""

from typing import Any

from fastapi import FastAPI

from steadfast.jobs.job import JobState

_BINARY = {"type": "string", "format": "binary"}
_FIELDS: dict[str, dict[str, Any]] = {
    "task": {
        "type": "string",
        "enum": ["face_swap", "visual_entailment"],
        "default": "face_swap",
        "description": "What is done with the targets; fields of the other task are refused.",
    },
    "texts": {
        "type": "array",
        "items": {"type": "string"},
        "description": "Of visual_entailment: sentences asked of each target; in forms JSON or a line each.",
    },
    "caption": {"type": "string", "description": "Of visual_entailment: what is known of each target."},
    "faces": {"type": "string", "default": "largest", "description": "As in /v1/swap."},
    "min_similarity": {"type": "number", "description": "To the reference."},
    "enhance": {"type": "boolean", "default": False},
    "format": {"type": "string", "description": "Ending of the result: mp4, mkv, gif, png, …"},
    "quality": {"type": "integer", "minimum": 1, "maximum": 100, "default": 95},
    "codec": {"type": "string", "default": "auto"},
    "video_quality": {"type": "number", "description": "On the encoder's own scale; lower is better."},
    "preset": {"type": "string", "default": "medium"},
    "keep_sound": {"type": "boolean", "default": True},
    "max_bad_frames": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.01},
    "pairing": {
        "type": "string",
        "enum": ["together", "each"],
        "description": "All sources into each target, or one after another: targets x sources."
        " Together for one target, each for several.",
    },
    "priority": {"type": "string", "enum": ["low", "normal", "high"], "default": "normal"},
    "labels": {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "description": "In a form: JSON, or `name=value,name=value`.",
    },
    "subject": {"type": "string", "description": "Opaque id of the person shown; see /v1/jobs/purge."},
    "callback_url": {"type": "string", "format": "uri", "description": "Told of every change of state."},
    "expires_in": {
        "type": "string",
        "description": "`90s`, `15m`, `12h`, `7d`: it fails if it takes longer.",
    },
    "keep_inputs": {"type": "string", "description": "How long, after the end."},
    "keep_results": {"type": "string", "description": "How long, after the end."},
    "fresh": {"type": "boolean", "default": False, "description": "Even if the same was done before."},
    "on_segment_failure": {"type": "string", "enum": ["fail", "keep"], "default": "fail"},
    "on_pin_lost": {"type": "string", "enum": ["wait", "restart"], "default": "wait"},
    "segment_s": {"type": "number", "minimum": 0.2, "maximum": 600},
}
_PROGRESS = {
    "frames_done": 540, "frames_total": 1200, "segments_done": 4, "segments_total": 10, "items_done": 0,
    "items_failed": 0, "items_total": 1, "fps": 38.2, "left_s": 17.3, "share": 0.45,
}  # fmt: skip
_JOB: dict[str, Any] = {
    "id": "01m7wp9cmqy911qers540b9r5x",
    "state": "running",
    "task": "face_swap",
    "priority": "normal",
    "degraded": [],
    "held": None,
    "waits_for": None,
    "failure": None,
    "progress": _PROGRESS,
    "attempts": 6,
    "failed_attempts": 0,
    "engine": "embedded",
    "cost": {"device_s": 0.0, "cpu_s": 41.2, "frames": 480, "pixels": 147456000, "faces": 480},
    "labels": {"trip": "lisbon"},
    "created_at": "2026-11-20T14:38:08.588Z",
    "started_at": "2026-11-20T14:38:08.616Z",
    "ended_at": None,
}
_SHOWN: dict[int | str, dict[str, Any]] = {
    200: {"description": "The job.", "content": {"application/json": {"example": _JOB}}}
}
_EVENT = (
    'id: 3\nevent: state\ndata: {"job":"01m7…","id":3,"kind":"state","at":"2026-11-20T14:38:13.519Z",'
    '"data":{"before":"running","state":"succeeded","degraded":false}}\n\n'
)
_ACTIONS = {
    "retry": "Start a failed or cancelled job again; finished segments are kept",
    "pause": "Begin nothing more of a job",
    "resume": "Go on with a paused job",
    "cancel": "The same as DELETE",
}


def document_jobs(application: FastAPI, refusals: dict[int | str, dict[str, Any]]) -> None:
    """Adds the routes; `refusals` are the answers that each of them may give."""
    accepted = {
        "description": "Recorded: it will be finished or will say why not.",
        "headers": {"Location": {"description": "Of the job.", "schema": {"type": "string"}}},
        "content": {"application/json": {"example": _JOB | {"state": "queued"}}},
    }
    key = _parameter("Idempotency-Key", "header", "A repetition finds the same job.")
    application.post(
        "/v1/jobs",
        status_code=202,
        summary="Submit a video, a GIF, a picture or a batch",
        openapi_extra={"requestBody": _body(), "parameters": [key]},
        responses={202: accepted, **refusals},
    )(_jobs_elsewhere)
    application.get(
        "/v1/jobs",
        summary="Jobs, the latest first",
        openapi_extra={"parameters": _list_parameters()},
        responses={200: {"content": {"application/json": {"example": {"jobs": [_JOB], "next": None}}}}},
    )(_jobs_elsewhere)
    _document_one(application, refusals)
    application.post(
        "/v1/jobs/purge",
        summary="Erase everything of a subject, and prove it in a receipt",
        openapi_extra={
            "requestBody": {"content": {"application/json": {"example": {"subject": "person-17"}}}}
        },
        responses=refusals,
    )(_jobs_elsewhere)


def _document_one(application: FastAPI, refusals: dict[int | str, dict[str, Any]]) -> None:
    shown, one = {**_SHOWN, **refusals}, {"parameters": [_parameter("id", "path", "Of the job.")]}
    path = "/v1/jobs/{id}"
    application.get(path, summary="A job as it stands", openapi_extra=one, responses=shown)(_job_elsewhere)
    application.delete(path, summary="Cancel a job", openapi_extra=one, responses=shown)(_job_elsewhere)
    change = {"content": {"application/json": {"example": {"priority": "high", "labels": {"a": "b"}}}}}
    application.patch(
        path,
        summary="Change priority or labels",
        openapi_extra={**one, "requestBody": change},
        responses=shown,
    )(_job_elsewhere)
    for action, summary in _ACTIONS.items():
        application.post(f"{path}/{action}", summary=summary, openapi_extra=one, responses=shown)(
            _job_elsewhere
        )
    for part, summary in (("items", "Items, and where their results are"), ("attempts", "What was tried")):
        application.get(f"{path}/{part}", summary=summary, openapi_extra=one, responses=refusals)(
            _job_elsewhere
        )
    application.get(
        f"{path}/events",
        summary="What happened and what happens: server-sent events, or a WebSocket",
        openapi_extra={
            "parameters": [*one["parameters"], _parameter("Last-Event-ID", "header", "Go on there.")]
        },
        responses={200: {"content": {"text/event-stream": {"example": _EVENT}}}, **refusals},
    )(_job_elsewhere)
    asked = [_parameter("item", "query", "Of a batch."), _parameter("Range", "header", "`bytes=0-999`.")]
    application.get(
        f"{path}/result",
        summary="The result, whole or a range of it; of a batch that has ended all of them as a ZIP",
        openapi_extra={"parameters": [*one["parameters"], *asked]},
        responses={
            200: {"content": {"video/mp4": {"schema": _BINARY}, "application/zip": {"schema": _BINARY}}},
            206: {"description": "The range that was asked for."},
            **refusals,
        },
    )(_job_elsewhere)


def _jobs_elsewhere() -> None:
    """Needs a key with the scope `jobs`, where keys are asked for; a key sees its own jobs."""


def _job_elsewhere() -> None:
    """A job of another key is unknown, except to a key with the scope `admin`."""


def _body() -> dict[str, Any]:
    files = {"type": "array", "items": _BINARY}
    named = {"type": "array", "items": {"type": "string"}, "description": "`upload:ID`, `s3://…`, `file://…`"}
    form = {"source": files, "target": files, "reference": _BINARY, "questions": _BINARY, **_FIELDS}
    document = {
        "source": named,
        "target": named,
        **{name: {"type": "string"} for name in ("reference", "questions")},
        **_FIELDS,
    }
    required = ["target"]
    return {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {"type": "object", "required": required, "properties": form},
                "example": {"source": ["@me.jpg"], "target": ["@holiday.mp4"], "priority": "high"},
            },
            "application/json": {
                "schema": {"type": "object", "required": required, "properties": document},
                "example": {"source": "upload:5f0c1e", "target": "s3://media/incoming/holiday.mp4"},
            },
        },
    }


def _list_parameters() -> list[dict[str, Any]]:
    told = {
        "state": f"Some of {', '.join(JobState)}, with commas.",
        "label": "`name=value`, several with commas; all must match.",
        "subject": "Of the person shown.",
        "limit": "1 to 1,000; 50.",
        "cursor": "`next` of the page before.",
    }
    return [_parameter(name, "query", text) for name, text in told.items()]


def _parameter(name: str, place: str, text: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": place,
        "required": place == "path",
        "description": text,
        "schema": {"type": "string"},
    }
