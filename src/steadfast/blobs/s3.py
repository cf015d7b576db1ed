"""Files in a bucket of S3, or of whatever speaks its protocol (`pip install 'steadfast[s3]'`).

Large files go in parts, several at a time; every request carries the SHA-256 of what it sends, which the
server checks. Nothing is under a name before all of it is there.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steadfast.blobs import staging
from steadfast.blobs.staging import translating
from steadfast.blobs.store import PIECE_BYTES, Headroom, StoredFile
from steadfast.errors import BlobMissing, BlobStoreUnreachable, ConfigError

if TYPE_CHECKING:
    from obstore.store import S3Store as Bucket

_PART_BYTES = 8 << 20
_PARTS_AT_ONCE = 4
_CONNECT_TIMEOUT = timedelta(seconds=5)
_READ_TIMEOUT = timedelta(seconds=30)
_REQUEST_TIMEOUT = timedelta(hours=1)
_ANSWER_RETRIES = 5
_KEEP_TRYING = timedelta(seconds=60)
_PING = "steadfast-ping"


@dataclass(frozen=True, kw_only=True, slots=True)
class S3Options:
    """Which bucket, and how it is reached; what is None comes from the usual AWS variables or the machine."""

    bucket: str
    prefix: str = ""
    """Before every name, without slashes at its ends."""
    endpoint: str | None = None
    """Of a server that is not Amazon's, such as MinIO."""
    region: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    path_style: bool = False
    """Whether the bucket stands in the path and not in the host's name."""
    ca_certificate: Path | None = None
    """Authority that the endpoint's certificate is signed by, beside the known ones."""
    encryption: str | None = None
    """`AES256`, `aws:kms` or `aws:kms:dsse`: how the server encrypts what it stores."""
    kms_key_id: str | None = None
    retry_for: timedelta = _KEEP_TRYING
    """How long a request is tried again while the server fails."""


class S3BlobStore:
    """One bucket, or the part of it below a prefix."""

    def __init__(self, options: S3Options, *, staging_folder: Path, file_group: int | None = None) -> None:
        """`file_group`: of workers of another user, who must read what is fetched.

        Raises `ConfigError` where the extra is not installed, or options cannot work together.
        """
        self._file_group = file_group
        self._bucket = _opened(options)
        self._place = f"s3://{options.bucket}/{options.prefix}".rstrip("/")
        self.staging = staging_folder
        with translating(staging_folder):
            staging_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        staging.sweep(staging_folder)

    def put(self, name: str, file: Path, sha256: str) -> None:  # noqa: ARG002 — each request has its own sum
        """Sends it, in parts if it is large, and makes sure that all of it has arrived."""
        size_bytes = file.stat().st_size
        with self._translating(name, is_writing=True):
            self._bucket.put(
                name,
                file,
                use_multipart=size_bytes > _PART_BYTES,
                chunk_size=_PART_BYTES,
                max_concurrency=_PARTS_AT_ONCE,
            )
        arrived = self.size_of(name)
        if arrived != size_bytes:
            raise BlobStoreUnreachable(f"{self._place} kept {arrived} of {size_bytes} bytes of {name}.")
        file.unlink()

    def read(self, name: str, *, first_byte: int = 0, size_bytes: int | None = None) -> Iterator[bytes]:
        """Its bytes as they come over the network."""
        with self._translating(name):
            whole = self._bucket.head(name)["size"]
            end = whole if size_bytes is None else min(whole, first_byte + size_bytes)
            if first_byte >= end:  # the protocol knows no empty range
                return
            answer = self._bucket.get(name, options={"range": (first_byte, end)})
            for piece in answer.stream(min_chunk_size=PIECE_BYTES):
                yield bytes(piece)

    def fetch(self, name: str, file: Path) -> None:
        """Downloads it. What breaks off is not left there."""
        pieces = self.read(name)
        first = next(pieces, b"")  # before the file is made: a missing one leaves nothing
        try:
            with translating(file.parent), file.open("xb") as stream:
                staging.open_to_group(file, self._file_group)
                stream.write(first)
                stream.writelines(pieces)
        except BaseException:
            file.unlink(missing_ok=True)
            raise

    def delete(self, name: str) -> bool:
        """Removes it."""
        if self.size_of(name) is None:
            return False
        with self._translating(name):
            self._bucket.delete(name)
        return True

    def listed(self, prefix: str = "") -> Iterator[StoredFile]:
        """Page by page."""
        with self._translating(prefix or "everything"):
            for page in self._bucket.list(prefix.rstrip("/") or None):
                for one in page:
                    if str(one["path"]) != _PING:
                        yield StoredFile(
                            name=str(one["path"]), size_bytes=one["size"], stored_at=one["last_modified"]
                        )

    def size_of(self, name: str) -> int | None:
        """In bytes; None: it is not there."""
        try:
            with self._translating(name):
                return int(self._bucket.head(name)["size"])
        except BlobMissing:
            return None

    def headroom(self) -> Headroom | None:
        """No bound is known."""
        return None

    def ping(self) -> None:
        """Writes and removes an object."""
        with self._translating(_PING, is_writing=True):
            self._bucket.put(_PING, b"ping")
            self._bucket.delete(_PING)

    @contextmanager
    def _translating(self, name: str, *, is_writing: bool = False) -> Iterator[None]:
        from obstore.exceptions import BaseError  # noqa: PLC0415 — only who uses a bucket has it

        try:
            yield
        except FileNotFoundError as error:
            if is_writing:
                raise BlobStoreUnreachable(f"There is no bucket {self._place}.") from error
            raise BlobMissing(f"The file {name} is not kept any more in {self._place}.") from error
        except (BaseError, OSError, ValueError) as error:
            raise BlobStoreUnreachable(f"{self._place} fails: {_first_line(error)}.") from error


def _opened(options: S3Options) -> "Bucket":
    if find_spec("obstore") is None:
        raise ConfigError(
            "The setting blobs.url names a bucket, but its client is not installed.",
            remedy="Install it: `pip install 'steadfast[s3]'`.",
        )
    from obstore.exceptions import BaseError  # noqa: PLC0415
    from obstore.store import S3Store as Bucket  # noqa: PLC0415

    settings: dict[str, Any] = {
        "endpoint": options.endpoint,
        "region": options.region,
        "access_key_id": options.access_key_id,
        "secret_access_key": options.secret_access_key,
        "virtual_hosted_style_request": not options.path_style,
        "checksum_algorithm": "SHA256",
        "server_side_encryption": options.encryption,
        "sse_kms_key_id": options.kms_key_id,
    }
    client: dict[str, Any] = {
        "connect_timeout": _CONNECT_TIMEOUT,
        "read_timeout": _READ_TIMEOUT,
        "timeout": _REQUEST_TIMEOUT,
        # A server on this machine or in a closed network may speak without encryption, if its URL says so.
        "allow_http": (options.endpoint or "").startswith("http://"),
    }
    if options.ca_certificate is not None:
        client["root_certificate"] = _certificate(options.ca_certificate)
    try:
        return Bucket(
            options.bucket,
            prefix=options.prefix or None,
            client_options=client,  # type: ignore[arg-type]  # a typed dictionary of the same keys
            retry_config={"max_retries": _ANSWER_RETRIES, "retry_timeout": options.retry_for},
            **{name: value for name, value in settings.items() if value is not None},
        )
    except (BaseError, ValueError) as error:
        raise ConfigError(f"The settings of the bucket cannot work: {_first_line(error)}.") from error


def _certificate(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"The file of blobs.ca_file cannot be read: {error.strerror}.") from error


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".")[:300] if lines else type(error).__name__
