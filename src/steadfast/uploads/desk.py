"""Takes uploads in: announced, continued at their offset, kept by the library when they are whole.

Whatever dies, the file tells how far it came; the row tells whose it is and whether the library has it.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from steadfast.blobs.blob import Blob
from steadfast.blobs.library import BlobLibrary
from steadfast.errors import (
    DiskFull,
    MediaTooLarge,
    QuotaExceeded,
    ShuttingDown,
    SteadfastError,
    UploadConflict,
    UploadUnfinished,
)
from steadfast.uploads.growing_file import GrowingFile, upload_ids_in
from steadfast.uploads.reception import Checksum, receive, to_the_end
from steadfast.uploads.turns import Turns
from steadfast.uploads.upload import Upload, UploadRows

_log = logging.getLogger(__name__)

ROLE = "upload"
_EXPIRE_EVERY_S = 60.0
_ORPHAN_AGE_S = 3600.0

Aside = Callable[..., Awaitable[Any]]
"""Calls a blocking function in a thread: `Database.run`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadLimits:
    """What keys may announce."""

    max_bytes: int
    """Of one upload."""
    max_open: int
    """Uploads of one key that wait for pieces or for their use."""
    quota_bytes: int | None = None
    """Of everything one key keeps; None: no bound."""
    full_at: float = 0.9
    """Share of the disk in use at which nothing new is taken."""


class UploadDesk:
    """Lives on the event loop; what blocks happens in threads."""

    def __init__(self, rows: UploadRows, library: BlobLibrary, aside: Aside, limits: UploadLimits) -> None:
        self._rows = rows
        self._library = library
        self._aside = aside
        self._limits = limits
        # On the disk of the library, so that a whole file is kept by a new name and not by a copy.
        self._folder = library.store.staging / "uploads"
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._turns = Turns()

    @property
    def max_bytes(self) -> int:
        """Of one upload."""
        return self._limits.max_bytes

    # --- what clients do --------------------------------------------------------------------------------

    async def create(self, space: str, size_bytes: int, announced: Mapping[str, str]) -> Upload:
        """Announces one. Raises `MediaTooLarge`, `QuotaExceeded`, `DiskFull`."""
        if size_bytes > self._limits.max_bytes:
            raise MediaTooLarge(
                f"The upload has {size_bytes / 1e6:.0f} MB; {self._limits.max_bytes / 1e6:.0f} are allowed.",
                remedy="Make it smaller, or raise STEADFAST_UPLOADS__MAX_BYTES.",
            )
        await self._aside(self._check_room, space, size_bytes)
        upload: Upload = await self._aside(
            self._rows.create, space=space, size_bytes=size_bytes, announced=announced
        )
        if size_bytes == 0:
            await self._finish(upload)
        return upload

    async def look(self, space: str, upload_id: str) -> tuple[Upload, int]:
        """Where it stands. Whoever still sends to it is sent away: a client that asks begins anew.

        Raises `UploadUnknown`, `UploadExpired`.
        """
        upload: Upload = await self._aside(self._rows.get, space, upload_id)
        async with self._turns.of(upload_id):
            return upload, await self._offset(upload)

    async def append(
        self,
        space: str,
        upload_id: str,
        offset: int,
        pieces: AsyncIterator[bytes],
        checksum: Checksum | None = None,
    ) -> tuple[Upload, int]:
        """Writes pieces from `offset` on; the answer is where it stands then.

        What has come counts even if the client then goes away, unless it has a checksum to meet. Raises
        `UploadConflict`, `ChecksumMismatch`, `MalformedRequest` for more than was announced, `DiskFull`.
        """
        upload: Upload = await self._aside(self._rows.get, space, upload_id)
        async with self._turns.of(upload_id):
            stands = await self._offset(upload)
            if offset != stands:
                raise UploadConflict(f"The upload {upload_id} stands at {stands}, not at {offset}.")
            if stands < upload.size_bytes:
                room = upload.size_bytes - offset
                stands = await receive(
                    self._file(upload), pieces, offset=offset, most_bytes=room, checksum=checksum
                )
            upload = await self._aside(self._rows.extend, upload)
            if stands == upload.size_bytes:
                upload = await self._finish(upload)
            return upload, stands

    async def terminate(self, space: str, upload_id: str) -> None:
        """Forgets it and its bytes; jobs that were given it keep what they need."""
        upload: Upload = await self._aside(self._rows.get, space, upload_id)
        async with self._turns.of(upload_id):
            await self._aside(self._remove, upload)

    async def whole(self, space: str, upload_id: str) -> tuple[Upload, Blob]:
        """What `upload:<id>` stands for. Raises `UploadUnfinished`, `UploadUnknown`, `UploadExpired`."""
        upload: Upload = await self._aside(self._rows.get, space, upload_id)
        stands = await self._offset(upload)  # without a turn: it would send away whoever brings the rest
        if stands < upload.size_bytes:
            raise UploadUnfinished(f"The upload {upload_id} has {stands} of {upload.size_bytes} bytes.")
        if upload.sha256 is None:
            async with self._turns.of(upload_id):
                upload = await self._finish(await self._aside(self._rows.get, space, upload_id))
        assert upload.address is not None
        return upload, await self._aside(self._library.find, upload.address)

    def use(self, connection: Connection, upload: Upload, *, owner: str, role: str) -> None:
        """Has a job need what was uploaded, in the job's own transaction. Raises `BlobMissing`."""
        assert upload.address is not None, "ask `whole` first"
        self._library.refer(connection, upload.address, owner=owner, role=role)

    def close(self) -> None:
        """Ends every request that sends now; what has come counts, and the client goes on elsewhere, or here
        after a restart.
        """
        self._turns.end_all(
            ShuttingDown("The service is stopping; go on with the upload soon.", retry_after_s=5.0)
        )

    # --- upkeep -----------------------------------------------------------------------------------------

    async def expire_forever(self) -> None:
        """Removes what is past its time, and files that no row knows."""
        while True:
            try:
                await self.expire()
            except SteadfastError as error:
                _log.warning("uploads not expired", extra={"code": error.code})
            await asyncio.sleep(_EXPIRE_EVERY_S)

    async def expire(self) -> int:
        """One round; the answer counts what was removed."""
        removed = 0
        for upload in await self._aside(self._rows.expired):
            async with self._turns.of(upload.id):
                await self._aside(self._remove, upload)
            removed += 1
        return removed + int(await self._aside(self._sweep))

    # --- whole, or gone ---------------------------------------------------------------------------------

    async def _offset(self, upload: Upload) -> int:
        if upload.sha256 is not None:
            return upload.size_bytes
        offset = await asyncio.to_thread(self._file(upload).offset)
        if offset == 0 and await self._aside(self._kept, upload) is not None:
            return upload.size_bytes
        return offset

    async def _finish(self, upload: Upload) -> Upload:
        """Has the library keep it; a second time changes nothing."""
        if upload.sha256 is not None:
            return upload
        kept: Upload = await to_the_end(self._keep, upload)
        return kept

    def _keep(self, upload: Upload) -> Upload:
        kept = self._kept(upload)
        if kept is None:
            file = self._file(upload)
            with file.held() as descriptor:
                file.recover(descriptor)
                kept = self._library.keep_staged(
                    file.as_staged(), space=upload.space, owner=upload.id, role=ROLE
                )
            file.delete()  # where the library had the same content already
        return self._rows.extend(upload, sha256=kept.address.sha256)

    def _kept(self, upload: Upload) -> Blob | None:
        """What the library took before a death kept the row from saying so."""
        return next((one.blob for one in self._library.references_of(upload.id)), None)

    def _remove(self, upload: Upload) -> None:
        self._library.let_go(upload.id)
        self._file(upload).delete()
        self._rows.delete(upload.id)

    def _sweep(self) -> int:
        """Of a death between the file and the row, whichever went first."""
        ids = upload_ids_in(self._folder)
        oldest_s, swept = time.time() - _ORPHAN_AGE_S, 0
        known = {
            one for begin in range(0, len(ids), 500) for one in self._rows.known(ids[begin : begin + 500])
        }
        for unknown in set(ids) - known:
            file = GrowingFile(self._folder / unknown)
            if file.changed_s() < oldest_s:
                file.delete()
                swept += 1
        return swept

    def _check_room(self, space: str, size_bytes: int) -> None:
        mine = self._rows.open_of(space)
        if mine.count >= self._limits.max_open:
            raise QuotaExceeded(
                f"This key has {mine.count} uploads open.",
                remedy="Finish, use or delete some of them, or wait until they expire.",
            )
        if self._limits.quota_bytes is not None:
            used = self._library.used_bytes(space) + mine.missing_bytes
            if used + size_bytes > self._limits.quota_bytes:
                raise QuotaExceeded(
                    f"This key's files take {used / 1e6:.1f} of {self._limits.quota_bytes / 1e6:.1f} MB;"
                    f" {size_bytes / 1e6:.1f} MB more are too many."
                )
        room = self._library.headroom()
        if room is not None and (room.used_share >= self._limits.full_at or room.free_bytes < size_bytes):
            raise DiskFull(f"There is no room for {size_bytes / 1e6:.1f} MB.", remedy="Try again later.")

    def _file(self, upload: Upload) -> GrowingFile:
        return GrowingFile(self._folder / upload.id)
