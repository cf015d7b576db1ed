"""What the OpenAPI document says of resumable uploads."""

from typing import Any

from fastapi import FastAPI

_TUS = "Tus-Resumable"
_BINARY = {"type": "string", "format": "binary"}
_PIECE = {"content": {"application/offset+octet-stream": {"schema": _BINARY}}}
_STATE = {
    "Upload-Offset": "Bytes that have come.",
    "Upload-Length": "Bytes of the whole.",
    "Upload-Expires": "When it is deleted unless it is continued or used.",
}


def document_uploads(application: FastAPI, refusals: dict[int | str, dict[str, Any]]) -> None:
    """Adds the routes; `refusals` are the answers that each of them may give."""
    application.options("/v1/uploads", summary="Which tus is spoken here", responses=_answers(204, {}, {}))(
        _uploads_elsewhere
    )
    application.post(
        "/v1/uploads",
        summary="Announce a resumable upload (tus 1.0.0)",
        openapi_extra={
            "parameters": _headers("Upload-Length", "Upload-Metadata", "Upload-Checksum"),
            "requestBody": _PIECE | {"required": False},
        },
        responses=_answers(201, {"Location": "Of the upload."}, refusals),
    )(_uploads_elsewhere)
    application.head(
        "/v1/uploads/{id}",
        summary="Where an upload stands",
        openapi_extra={"parameters": [_upload_id(), *_headers()]},
        responses=_answers(200, _STATE, refusals),
    )(_upload_elsewhere)
    application.patch(
        "/v1/uploads/{id}",
        summary="Continue an upload at its offset",
        openapi_extra={
            "parameters": [_upload_id(), *_headers("Upload-Offset", "Upload-Checksum")],
            "requestBody": _PIECE | {"required": True},
        },
        responses=_answers(204, _STATE, refusals),
    )(_upload_elsewhere)
    application.delete(
        "/v1/uploads/{id}",
        summary="End an upload and delete its bytes",
        openapi_extra={"parameters": [_upload_id(), *_headers()]},
        responses=_answers(204, {}, refusals),
    )(_upload_elsewhere)


def _uploads_elsewhere() -> None:
    """Needs a key with the scope `jobs`, where keys are asked for. See https://tus.io."""


def _upload_elsewhere() -> None:
    """An upload belongs to the key that announced it. A job names it as `upload:<id>`."""


def _answers(
    status: int, headers: dict[str, str], refusals: dict[int | str, dict[str, Any]]
) -> dict[int | str, dict[str, Any]]:
    described = {name: {"description": text, "schema": {"type": "string"}} for name, text in headers.items()}
    return {status: {"description": "Done.", "headers": described}, **refusals}


def _upload_id() -> dict[str, Any]:
    return {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}


def _headers(*more: str) -> list[dict[str, Any]]:
    described = {
        _TUS: "`1.0.0`.",
        "Upload-Length": "Bytes of the whole.",
        "Upload-Offset": "Where this piece begins.",
        "Upload-Metadata": "Names and values in base64, such as `filename …`.",
        "Upload-Checksum": "`sha256 <base64>` or `sha1 <base64>` of this piece.",
    }
    required = {_TUS, "Upload-Length", "Upload-Offset"}
    return [
        {
            "name": name,
            "in": "header",
            "required": name in required,
            "description": described[name],
            "schema": {"type": "string"},
        }
        for name in (_TUS, *more)
    ]
