"""Resumable uploads over HTTP: tus 1.0.0 (https://tus.io/protocols/resumable-upload), with the extensions
creation, creation-with-upload, expiration, checksum and termination.
"""

import base64
import binascii
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from email.utils import format_datetime

from steadfast.admission.scopes import Scope
from steadfast.api.access import ANONYMOUS
from steadfast.api.backend import Backend
from steadfast.api.exchange import Exchange
from steadfast.api.intake import Intake, announced_bytes
from steadfast.api.reply import Header
from steadfast.errors import (
    MalformedRequest,
    ShuttingDown,
    SteadfastError,
    UnknownRoute,
    UnsupportedMedia,
    UploadVersion,
    WrongMethod,
)
from steadfast.jobs.rows import space_of
from steadfast.uploads.desk import UploadDesk
from steadfast.uploads.reception import CHECKSUMS, Checksum
from steadfast.uploads.upload import Upload

UPLOADS = "/v1/uploads"
METHODS = "OPTIONS, POST"
METHODS_OF_ONE = "HEAD, PATCH, DELETE, OPTIONS, POST"
"""POST only with `X-HTTP-Method-Override`."""
_VERSION = b"1.0.0"
_EXTENSIONS = b"creation,creation-with-upload,expiration,checksum,termination"
_PIECE_TYPE = b"application/offset+octet-stream"
_TEXT = b"text/plain"
_MOST_METADATA_BYTES = 8192


class UploadRoutes:
    """All of them need the scope `jobs`; an upload belongs to the key that announced it."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def uploads(self, exchange: Exchange) -> None:
        """OPTIONS tells what is spoken here; POST announces an upload."""
        await self._answered(exchange, "")

    async def upload(self, exchange: Exchange) -> None:
        """HEAD tells where it stands, PATCH continues it, DELETE ends it."""
        await self._answered(exchange, exchange.path[len(UPLOADS) + 1 :])

    async def _answered(self, exchange: Exchange, upload_id: str) -> None:
        try:
            await self._serve(exchange, upload_id)
        except SteadfastError as error:
            # Every answer says which version is spoken, refusals too.
            headers = _said(version=isinstance(error, UploadVersion))
            if isinstance(error, WrongMethod):
                headers.append((b"allow", (METHODS_OF_ONE if upload_id else METHODS).encode()))
            await exchange.refuse(error, headers)

    async def _serve(self, exchange: Exchange, upload_id: str) -> None:
        desk = self._backend.uploads
        if desk is None:
            raise UnknownRoute("This service takes no uploads.")
        method = exchange.headers.get(b"x-http-method-override", exchange.method.encode()).decode("latin-1")
        if method == "OPTIONS":
            await self._describe(exchange, desk)
            return
        who = await self._backend.access.admit(exchange, Scope.JOBS)
        space = space_of("" if who == ANONYMOUS else who)
        if exchange.headers.get(b"tus-resumable") != _VERSION:
            raise UploadVersion("The request does not say `Tus-Resumable: 1.0.0`.")
        if self._backend.stopping and method in ("POST", "PATCH"):
            raise ShuttingDown("The service is stopping.", retry_after_s=5.0)
        exchange.noted["key"] = who
        served = {
            ("POST", False): self._create,
            ("HEAD", True): self._look,
            ("PATCH", True): self._continue,
            ("DELETE", True): self._terminate,
        }.get((method, bool(upload_id)))
        if served is None:
            raise WrongMethod(f"{method[:20]} is nothing that {exchange.path[:100]} knows.")
        await served(exchange, desk, space, upload_id)

    async def _describe(self, exchange: Exchange, desk: UploadDesk) -> None:
        headers = [
            *_said(version=True),
            (b"tus-extension", _EXTENSIONS),
            (b"tus-max-size", b"%d" % desk.max_bytes),
            (b"tus-checksum-algorithm", ",".join(CHECKSUMS).encode()),
        ]
        await exchange.answer(204, _TEXT, b"", headers)

    async def _create(self, exchange: Exchange, desk: UploadDesk, space: str, _: str) -> None:
        if b"upload-defer-length" in exchange.headers:
            raise MalformedRequest("An upload announces its length at once: `Upload-Length`.")
        size_bytes = _number(exchange, b"upload-length")
        upload = await desk.create(space, size_bytes, _announced(exchange))
        offset = 0
        if _brings_bytes(exchange):
            upload, offset = await desk.append(
                space, upload.id, 0, self._pieces(exchange, size_bytes), _checksum(exchange)
            )
        headers = [
            *_state(upload, offset, is_length_told=False),
            (b"location", f"{UPLOADS}/{upload.id}".encode()),
        ]
        await exchange.answer(201, _TEXT, b"", headers)

    async def _look(self, exchange: Exchange, desk: UploadDesk, space: str, upload_id: str) -> None:
        upload, offset = await desk.look(space, upload_id)
        headers = _state(upload, offset)
        if upload.announced:
            headers.append((b"upload-metadata", _encoded(upload)))
        await exchange.answer(200, _TEXT, b"", headers)

    async def _continue(self, exchange: Exchange, desk: UploadDesk, space: str, upload_id: str) -> None:
        if exchange.headers.get(b"content-type", b"").split(b";")[0].strip() != _PIECE_TYPE:
            raise UnsupportedMedia(
                f"A piece of an upload is of the type {_PIECE_TYPE.decode()}.",
                remedy=f"Send `Content-Type: {_PIECE_TYPE.decode()}`.",
            )
        offset = _number(exchange, b"upload-offset")
        pieces = self._pieces(exchange, desk.max_bytes)
        upload, offset = await desk.append(space, upload_id, offset, pieces, _checksum(exchange))
        await exchange.answer(204, _TEXT, b"", _state(upload, offset, is_length_told=False))

    async def _terminate(self, exchange: Exchange, desk: UploadDesk, space: str, upload_id: str) -> None:
        await desk.terminate(space, upload_id)
        await exchange.answer(204, _TEXT, b"", _said())

    async def _pieces(self, exchange: Exchange, most_bytes: int) -> AsyncIterator[bytes]:
        limits = replace(self._backend.limits, max_request_bytes=most_bytes)
        with Intake(exchange, self._backend.room, limits) as intake:
            while (piece := await intake.next()) is not None:
                if piece:
                    yield piece


def _said(*, version: bool = False) -> list[Header]:
    headers: list[Header] = [(b"tus-resumable", _VERSION)]
    if version:
        headers.append((b"tus-version", _VERSION))
    return headers


def _state(upload: Upload, offset: int, *, is_length_told: bool = True) -> list[Header]:
    headers = [
        *_said(),
        (b"upload-offset", b"%d" % offset),
        (b"upload-expires", format_datetime(upload.expires_at, usegmt=True).encode()),
    ]
    if is_length_told:
        headers.append((b"upload-length", b"%d" % upload.size_bytes))
    return headers


def _number(exchange: Exchange, name: bytes) -> int:
    given = exchange.headers.get(name, b"")
    if not given.isdigit() or len(given) > 18:
        raise MalformedRequest(f"The header {name.decode().title()} is a number of bytes.")
    return int(given)


def _brings_bytes(exchange: Exchange) -> bool:
    is_piece = exchange.headers.get(b"content-type", b"").split(b";")[0].strip() == _PIECE_TYPE
    return is_piece and (b"transfer-encoding" in exchange.headers or announced_bytes(exchange) > 0)


def _checksum(exchange: Exchange) -> Checksum | None:
    given = exchange.headers.get(b"upload-checksum")
    if given is None:
        return None
    algorithm, _, digest = given.decode("latin-1").strip().partition(" ")
    if algorithm not in CHECKSUMS:
        raise MalformedRequest(f"Upload-Checksum is by one of {', '.join(CHECKSUMS)}.")
    return Checksum(algorithm=algorithm, digest=_decoded(digest, "Upload-Checksum"))


def _announced(exchange: Exchange) -> dict[str, str]:
    given = exchange.headers.get(b"upload-metadata", b"")
    if len(given) > _MOST_METADATA_BYTES or not given.isascii():
        raise MalformedRequest(f"Upload-Metadata has at most {_MOST_METADATA_BYTES} bytes of ASCII.")
    return dict(_pairs(given.decode().split(","))) if given.strip() else {}


def _pairs(items: Iterable[str]) -> Iterable[tuple[str, str]]:
    for item in items:
        name, _, value = item.strip().partition(" ")
        if not name:
            raise MalformedRequest("Upload-Metadata is `name base64, name base64, …`.")
        yield name, _decoded(value, "Upload-Metadata").decode("utf-8", "replace")


def _decoded(value: str, header: str) -> bytes:
    try:
        return base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedRequest(f"{header} holds something that is no base64.") from error


def _encoded(upload: Upload) -> bytes:
    pairs = (
        f"{name} {base64.b64encode(value.encode()).decode()}".strip()
        for name, value in upload.announced.items()
    )
    return ",".join(pairs).encode()
