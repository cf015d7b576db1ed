"""Files on their way to a service: small ones within the request, large ones resumably (tus 1.0.0)."""

import base64
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from steadfast.cli.service_client import ServiceClient
from steadfast.errors import InputMissing, ServiceError, SteadfastError, UploadConflict, UploadProblem

SCHEMES = ("upload:", "s3://", "file://")
_PIECE_BYTES = 8 << 20
_TUS = {"Tus-Resumable": "1.0.0"}
_PIECE = _TUS | {"Content-Type": "application/offset+octet-stream"}

OnBytes = Callable[[Path, int, int], None]
"""Told of a file how many of how many bytes have arrived."""


def is_reference(text: str) -> bool:
    """Whether it names something that the service reads itself."""
    return text.startswith(SCHEMES)


def check_files(inputs: Sequence[str]) -> None:
    """Raises `InputMissing` for the first one that is no file, before anything is sent."""
    for text in inputs:
        if not is_reference(text) and not Path(text).is_file():
            what = "is a folder" if Path(text).is_dir() else "does not exist"
            raise InputMissing(f"{text} {what}.", remedy="Name files, or references like upload:ID.")


class Uploader:
    """Sends files, going on where an earlier try broke off, also one of another day."""

    def __init__(self, client: ServiceClient, memory: Path, on_bytes: OnBytes) -> None:
        """`memory`: the file that remembers uploads that were begun."""
        self._client = client
        self._memory = memory
        self._on_bytes = on_bytes
        self._sent: list[tuple[str, str]] = []

    def send(self, file: Path) -> str:
        """The reference of what was sent. Raises `InputMissing`, and what the service answers."""
        mark = self._mark(file)
        place = self._begun(mark) or self._announce(file, mark)
        self._client.patiently(lambda: self._go_on(file, place))
        self._sent.append((mark, place))
        return "upload:" + place.rpartition("/")[2]

    def forget(self) -> None:
        """What the job has now needs no upload any more."""
        for mark, place in self._sent:
            self._remember(mark, None)
            with suppress(SteadfastError):  # it expires by itself
                self._client.ask("DELETE", place, headers=_TUS)

    def _announce(self, file: Path, mark: str) -> str:
        name = base64.b64encode(file.name.encode()).decode()
        headers = _TUS | {"Upload-Length": str(_size_of(file)), "Upload-Metadata": f"filename {name}"}
        answer = self._client.patiently(lambda: self._client.ask("POST", "/v1/uploads", headers=headers))
        place = str(answer.headers["location"])
        self._remember(mark, place)
        return place

    def _go_on(self, file: Path, place: str) -> None:
        size_bytes = _size_of(file)
        with _opened(file) as stream:
            offset = int(self._client.ask("HEAD", place, headers=_TUS).headers["upload-offset"])
            self._on_bytes(file, offset, size_bytes)
            while offset < size_bytes:
                stream.seek(offset)
                piece = stream.read(_PIECE_BYTES)
                if not piece:
                    raise InputMissing(f"{file} became shorter while it was sent.")
                offset = self._append(place, offset, piece)
                self._on_bytes(file, offset, size_bytes)

    def _append(self, place: str, offset: int, piece: bytes) -> int:
        digest = base64.b64encode(hashlib.sha256(piece).digest()).decode()
        headers = _PIECE | {"Upload-Offset": str(offset), "Upload-Checksum": f"sha256 {digest}"}
        try:
            answer = self._client.ask("PATCH", place, content=piece, headers=headers, timeout=120.0)
        except UploadConflict:  # it stands elsewhere than its last answer said
            answer = self._client.ask("HEAD", place, headers=_TUS)
        return int(answer.headers["upload-offset"])

    # --- from one run to the next -----------------------------------------------------------------------

    def _mark(self, file: Path) -> str:
        status = file.stat()
        said = f"{self._client.url}|{file.resolve()}|{status.st_size}|{status.st_mtime_ns}"
        return hashlib.sha256(said.encode()).hexdigest()

    def _begun(self, mark: str) -> str | None:
        place = self._remembered().get(mark)
        if place is None:
            return None
        try:
            self._client.patiently(lambda: self._client.ask("HEAD", place, headers=_TUS))
        except (UploadProblem, ServiceError):  # expired, or another key's
            self._remember(mark, None)
            return None
        return place

    def _remembered(self) -> dict[str, str]:
        try:
            found: Any = json.loads(self._memory.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _remember(self, mark: str, place: str | None) -> None:
        """Without it nothing goes wrong: the file is sent from its beginning."""
        remembered = {name: at for name, at in self._remembered().items() if name != mark}
        if place is not None:
            remembered[mark] = place
        with suppress(OSError):
            self._memory.parent.mkdir(parents=True, exist_ok=True)
            aside = self._memory.with_suffix(f".{os.getpid()}")
            aside.write_text(json.dumps(remembered), encoding="utf-8")
            aside.replace(self._memory)


def _size_of(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError as error:
        raise InputMissing(f"{file} cannot be read: {error.strerror}.") from error


def _opened(file: Path) -> Any:
    try:
        return file.open("rb")
    except OSError as error:
        raise InputMissing(f"{file} cannot be read: {error.strerror}.") from error
