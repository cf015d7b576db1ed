"""Inputs that a job names instead of sending: `file://` and `s3://` below roots that the operator has opened.

What is named is copied into the library when the job is submitted: the job then depends on nothing that may
change or vanish, and its hash is the hash of what it was given.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from steadfast.blobs.blob import Blob
from steadfast.blobs.library import BlobLibrary
from steadfast.blobs.store import PIECE_BYTES, BlobStore
from steadfast.errors import (
    BlobMissing,
    ConfigError,
    InputMissing,
    InvalidOption,
    MediaTooLarge,
    ReferenceRefused,
)

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without waiting: opening a pipe would wait for whoever writes to it.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

OpenBucket = Callable[[str], BlobStore]
"""A store over a bucket, by its name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Referred:
    """A file that was named and is now kept."""

    blob: Blob
    name: str
    """Its own, without folders."""


class ReferenceReader:
    """Every method blocks: see `Database.run`."""

    def __init__(
        self,
        library: BlobLibrary,
        *,
        file_roots: Iterable[Path] = (),
        s3_roots: Iterable[str] = (),
        max_bytes: int,
        open_bucket: OpenBucket,
    ) -> None:
        """Raises `ConfigError` for a root that is none."""
        self._library = library
        self._file_roots = [(name, folder) for root in file_roots for name, folder in _file_roots(root)]
        self._s3_roots = [_s3_root(root) for root in s3_roots]
        self._max_bytes = max_bytes
        self._open_bucket = open_bucket
        self._buckets: dict[str, BlobStore] = {}

    def keep(self, reference: str, *, space: str, owner: str, role: str) -> Referred:
        """Copies what the reference names into the library, for its owner.

        Raises `ReferenceRefused` outside every root (whatever is there), `InputMissing` where nothing is,
        `MediaTooLarge`, `InvalidOption` for what is no reference, and what `BlobLibrary.keep_pieces` raises.
        """
        scheme, _, _ = reference.partition("://")
        if scheme == "file":
            return self._keep_file(reference, space, owner, role)
        if scheme == "s3":
            return self._keep_object(reference, space, owner, role)
        raise InvalidOption("A reference begins with file://, s3:// or upload:.")

    def _keep_file(self, reference: str, space: str, owner: str, role: str) -> Referred:
        path = _path_in(reference)
        for name, root in self._file_roots:
            if path.is_relative_to(name):
                with _opened_below(root, path.relative_to(name).parts) as descriptor:
                    size_bytes = _size_of_file(descriptor)
                    pieces = self._bounded(_pieces(descriptor), reference, size_bytes)
                    blob = self._library.keep_pieces(pieces, space=space, owner=owner, role=role)
                    return Referred(blob=blob, name=path.name)
        raise _refused(reference)

    def _keep_object(self, reference: str, space: str, owner: str, role: str) -> Referred:
        bucket, _, key = reference.removeprefix("s3://").partition("/")
        parts = key.split("/")
        if any(part in ("", ".", "..") for part in parts) or not reference.isprintable():
            raise InvalidOption("An s3:// reference names a bucket and an object, without `..` and `//`.")
        if not any(bucket == one and key.startswith(prefix) for one, prefix in self._s3_roots):
            raise _refused(reference)
        store = self._bucket(bucket)
        size_bytes = store.size_of(key)
        if size_bytes is None:
            raise InputMissing("There is no object of the name that the s3:// reference gives.")
        try:
            pieces = self._bounded(store.read(key), reference, size_bytes)
            blob = self._library.keep_pieces(pieces, space=space, owner=owner, role=role)
        except BlobMissing as error:
            raise InputMissing("The object of the s3:// reference vanished while it was read.") from error
        return Referred(blob=blob, name=parts[-1])

    def _bucket(self, name: str) -> BlobStore:
        if name not in self._buckets:
            self._buckets[name] = self._open_bucket(name)
        return self._buckets[name]

    def _bounded(self, pieces: Iterable[bytes], reference: str, size_bytes: int) -> Iterator[bytes]:
        """Counts what really comes: a file may grow while it is read."""
        read_bytes = size_bytes
        if read_bytes <= self._max_bytes:
            read_bytes = 0
            for piece in pieces:
                read_bytes += len(piece)
                if read_bytes > self._max_bytes:
                    break
                yield piece
        if read_bytes > self._max_bytes:
            raise MediaTooLarge(
                f"{reference[:200]} is larger than {self._max_bytes / 1e6:.0f} MB.",
                remedy="Use a smaller one, or raise STEADFAST_REFERENCES__MAX_BYTES.",
            )


def _path_in(reference: str) -> Path:
    parts = urlsplit(reference)
    text = unquote(parts.path, errors="strict") if parts.path.isascii() else parts.path
    if parts.netloc not in ("", "localhost") or parts.query or parts.fragment or not text.isprintable():
        raise InvalidOption("A file:// reference is file:///folder/file, with odd characters as %XX.")
    path = Path(text)
    if not path.is_absolute() or ".." in path.parts:
        raise InvalidOption("A file:// reference is an absolute path without `..`.")
    return path


@contextmanager
def _opened_below(root: Path, parts: tuple[str, ...]) -> Iterator[int]:
    """Opens a file folder by folder and follows no link, so that nothing leads out of the root.

    Not even a link that is put there between a check and the opening: there is no such moment.
    """
    if not parts:
        raise InputMissing("The file:// reference names a folder.")
    descriptor = -1
    try:
        descriptor = os.open(root, _FOLDER)
        for depth, part in enumerate(parts, 1):
            inner = os.open(part, _FILE if depth == len(parts) else _FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK):
            raise ReferenceRefused(
                "The file:// reference goes through a link, which is not followed."
            ) from error
        reason = error.strerror or str(error)
        raise InputMissing(f"The file of the file:// reference cannot be read: {reason}.") from error
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _size_of_file(descriptor: int) -> int:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise ReferenceRefused("The file:// reference names something that is no ordinary file.")
    return status.st_size


def _pieces(descriptor: int) -> Iterator[bytes]:
    while piece := os.read(descriptor, PIECE_BYTES):
        yield piece


def _file_roots(root: Path) -> Iterator[tuple[Path, Path]]:
    """What clients may call it, and where it lies: the name that the operator gave may go over links."""
    try:
        resolved = root.resolve(strict=True)
    except OSError as error:
        raise ConfigError(f"The folder {root} of references.file_roots is not there.") from error
    if not resolved.is_dir() or resolved == Path("/"):
        raise ConfigError(f"{root} in references.file_roots is no folder that may be opened to clients.")
    yield resolved, resolved
    if (named := root.absolute()) != resolved:
        yield named, resolved


def _s3_root(root: str) -> tuple[str, str]:
    bucket, _, prefix = root.removeprefix("s3://").partition("/")
    if not root.startswith("s3://") or not bucket:
        raise ConfigError(f"{root!r} in references.s3_roots is not of the form s3://bucket/prefix/.")
    # A prefix is a folder: `videos` must not open `videos-of-others`.
    return bucket, f"{prefix.strip('/')}/" if prefix.strip("/") else ""


def _refused(reference: str) -> ReferenceRefused:
    return ReferenceRefused(f"{reference[:200]} lies below no root that may be read.")
