"""Inputs of a job on their way in: from the socket to disk, and from there, by a new name, into the library.

Nothing is held in memory but what is being written. Whatever is kept is held by the job's future id, so that
what a death leaves behind has an owner that never came to be, which retention notices.
"""

import asyncio
from dataclasses import dataclass, field

from steadfast.api.exchange import Exchange
from steadfast.api.intake import Held, Intake, IntakeLimits, Room
from steadfast.blobs.blob import Blob
from steadfast.blobs.library import BlobLibrary
from steadfast.blobs.staging import StagedWriter
from steadfast.errors import EmptyInput, InvalidOption
from steadfast.jobs.job import InputFile
from steadfast.jobs.rows import space_of
from steadfast.jobs.submission import INPUT_ROLE
from steadfast.uploads.desk import UploadDesk
from steadfast.uploads.referred import ReferenceReader

_WRITE_BYTES = 1 << 20
_LONGEST_REFERENCE = 4096
_SCHEMES = ("upload:", "s3://", "file://")


@dataclass(frozen=True, kw_only=True, slots=True)
class Holder:
    """For whom inputs are kept."""

    owner: str
    """Id of the key; empty where none is needed."""
    job_id: str
    """Of the job that will be."""

    @property
    def space(self) -> str:
        """Where its files lie."""
        return space_of(self.owner)


@dataclass(kw_only=True, slots=True)
class JobPart(Held):
    """A file of the form: written as it comes, kept once it is whole."""

    writer: StagedWriter
    start: bytearray = field(default_factory=bytearray)
    """Its first bytes; all of them, where they are few."""
    kept: Blob | None = None

    async def add(self, piece: bytes | memoryview, *, may_stay: bool) -> None:  # noqa: ARG002
        """Takes a piece."""
        if len(self.start) <= _LONGEST_REFERENCE:
            self.start += piece[: _LONGEST_REFERENCE + 1]
        self.pieces.append(piece)
        self.size_bytes += len(piece)
        self._unwritten_bytes += len(piece)
        if self._unwritten_bytes >= _WRITE_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Writes what is not written yet. Raises `DiskFull`, `BlobStoreUnreachable`."""
        if self.pieces and self.kept is None:
            pieces, self.pieces, self._unwritten_bytes = self.pieces, [], 0
            await asyncio.to_thread(self.writer.write, pieces)

    def release(self) -> None:
        """Gives the file back, unless the library has taken it."""
        self.writer.close()
        self.pieces = []

    @property
    def reference(self) -> str:
        """What it names, where it is no file but a word (`curl -F target=upload:…`); else nothing."""
        if self.filename or not self.size_bytes <= _LONGEST_REFERENCE:
            return ""
        if not self.start.startswith(tuple(scheme.encode() for scheme in _SCHEMES)):
            return ""
        return self.start.decode("utf-8", "replace").strip()


class JobIntake(Intake):
    """The body of a job: one file at a time is open, the others are in the library already."""

    def __init__(
        self, exchange: Exchange, room: Room, limits: IntakeLimits, *, library: BlobLibrary, holder: Holder
    ) -> None:
        super().__init__(exchange, room, limits)
        self._library = library
        self._holder = holder
        self._open: JobPart | None = None

    def hold(self) -> Held:
        """A new file."""
        part = JobPart(room=self._room, writer=StagedWriter(self._library.store.staging))
        self._held.append(part)
        return part

    async def keep(self, held: Held, piece: bytes | memoryview) -> None:
        """Adds to a file; the one before it is whole now."""
        assert isinstance(held, JobPart)
        if held is not self._open:
            await self.finish()
            self._open = held
        await held.add(piece, may_stay=False)

    async def finish(self) -> None:
        """Has the library keep the file that came last. Raises what `BlobLibrary.keep_staged` raises."""
        part, self._open = self._open, None
        if part is None:
            return
        await part.flush()
        if not part.reference:
            part.kept = await asyncio.to_thread(self._keep, part)
        part.release()

    def _keep(self, part: JobPart) -> Blob:
        holder = self._holder
        return self._library.keep_staged(
            part.writer.staged(), space=holder.space, owner=holder.job_id, role=INPUT_ROLE
        )


class InputResolver:
    """Turns what a request names into files that are kept."""

    def __init__(self, uploads: UploadDesk | None, references: ReferenceReader | None) -> None:
        self._uploads = uploads
        self._references = references

    async def of_part(self, part: Held, holder: Holder) -> InputFile:
        """A file of a form, or the reference in its place. Raises `EmptyInput`, and as `of_reference`."""
        assert isinstance(part, JobPart)
        if part.reference:
            return await self.of_reference(part.reference, holder)
        if part.kept is None:
            raise EmptyInput("A file of the request has no bytes.")
        return _input(part.kept, part.filename)

    async def of_reference(self, reference: str, holder: Holder) -> InputFile:
        """What `upload:`, `s3://` or `file://` names, kept for the job.

        Raises what `UploadDesk.whole` and `ReferenceReader.keep` raise.
        """
        if reference.startswith("upload:") and self._uploads is not None:
            upload, blob = await self._uploads.whole(holder.space, reference.removeprefix("upload:"))
            return _input(blob, upload.announced.get("filename", ""))
        if reference.startswith(("s3://", "file://")) and self._references is not None:
            referred = await asyncio.to_thread(
                self._references.keep,
                reference,
                space=holder.space,
                owner=holder.job_id,
                role=INPUT_ROLE,
            )
            return _input(referred.blob, referred.name)
        raise InvalidOption(
            f"{reference[:60]!r} is no reference to an input.",
            remedy="Send the file itself in a form, or name it as upload:ID, s3://… or file://….",
        )


def _input(blob: Blob, name: str) -> InputFile:
    if blob.size_bytes == 0:
        raise EmptyInput("A file of the request has no bytes.")
    return InputFile(sha256=blob.address.sha256, size_bytes=blob.size_bytes, name=_harmless(name))


def _harmless(name: str) -> str:
    """Without folders and without what is no letter to anybody."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in last if letter.isprintable())[-200:]
