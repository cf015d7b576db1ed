"""An upload, its row, and the rows of all of them."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import msgspec
from sqlalchemy import BigInteger, Column, Index, Row, String, Table, Text, delete, func, select, update

from steadfast.blobs.blob import BlobAddress
from steadfast.database.database import Database
from steadfast.database.schema import METADATA, UtcTime
from steadfast.errors import UploadExpired, UploadUnknown

UPLOADS = Table(
    "uploads",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("space", String(64), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("announced", Text, nullable=False),
    Column("sha256", String(64)),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Index("ix_uploads_expires_at", "expires_at"),
    Index("ix_uploads_space", "space"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """One file that is coming in, or has come and waits to be used."""

    id: str
    space: str
    """Whose: the API key's id."""
    size_bytes: int
    """Of the whole."""
    announced: Mapping[str, str]
    """What the client said of it (`filename`, …); never believed."""
    sha256: str | None
    """None: it is not whole yet, or not kept yet."""
    created_at: datetime
    expires_at: datetime

    @property
    def address(self) -> BlobAddress | None:
        """Where the whole file is kept."""
        return BlobAddress(space=self.space, sha256=self.sha256) if self.sha256 else None


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenUploads:
    """What a key has announced and not brought yet, or not used yet."""

    count: int
    missing_bytes: int
    """Announced by those that are not whole."""


def _now() -> datetime:
    return datetime.now(UTC)


class UploadRows:
    """Every method is one transaction; they block: see `Database.run`."""

    def __init__(
        self, database: Database, *, keep_for: timedelta, now: Callable[[], datetime] = _now
    ) -> None:
        """`keep_for`: after the last piece, and after the file was whole."""
        self._database = database
        self._keep_for = keep_for
        self._now = now

    def create(self, *, space: str, size_bytes: int, announced: Mapping[str, str]) -> Upload:
        """A new one."""
        now = self._now()
        upload = Upload(
            id=secrets.token_hex(16),
            space=space,
            size_bytes=size_bytes,
            announced=dict(announced),
            sha256=None,
            created_at=now,
            expires_at=now + self._keep_for,
        )
        with self._database.writing() as connection:
            connection.execute(
                UPLOADS.insert().values(
                    id=upload.id,
                    space=space,
                    size_bytes=size_bytes,
                    announced=msgspec.json.encode(upload.announced).decode(),
                    created_at=now,
                    expires_at=upload.expires_at,
                )
            )
        return upload

    def get(self, space: str, upload_id: str) -> Upload:
        """Raises `UploadUnknown`, for one of another key too, or `UploadExpired`."""
        query = select(UPLOADS).where(UPLOADS.c.id == upload_id, UPLOADS.c.space == space)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise UploadUnknown(f"There is no upload {upload_id[:64]!r}.")
        if row.expires_at <= self._now():
            raise UploadExpired(f"The upload {upload_id} expired at {row.expires_at:%Y-%m-%d %H:%M:%S} UTC.")
        return _upload_in(row)

    def open_of(self, space: str) -> OpenUploads:
        """What counts against the key's bounds."""
        missing = func.sum(UPLOADS.c.size_bytes).filter(UPLOADS.c.sha256.is_(None))
        query = select(func.count(), func.coalesce(missing, 0)).where(
            UPLOADS.c.space == space, UPLOADS.c.expires_at > self._now()
        )
        with self._database.reading() as connection:
            count, missing_bytes = connection.execute(query).one()
        return OpenUploads(count=int(count), missing_bytes=int(missing_bytes))

    def extend(self, upload: Upload, *, sha256: str | None = None) -> Upload:
        """It was continued just now, or (`sha256`) is whole: its time begins anew."""
        expires_at = self._now() + self._keep_for
        values: dict[str, object] = {"expires_at": expires_at}
        if sha256 is not None:
            values["sha256"] = sha256
        with self._database.writing() as connection:
            changed = connection.execute(update(UPLOADS).where(UPLOADS.c.id == upload.id).values(values))
        if changed.rowcount != 1:
            raise UploadUnknown(f"The upload {upload.id} was deleted meanwhile.")
        return replace(upload, expires_at=expires_at, sha256=sha256 or upload.sha256)

    def delete(self, upload_id: str) -> None:
        """Forgets it."""
        with self._database.writing() as connection:
            connection.execute(delete(UPLOADS).where(UPLOADS.c.id == upload_id))

    def expired(self, *, limit: int = 200) -> list[Upload]:
        """Those past their time."""
        query = select(UPLOADS).where(UPLOADS.c.expires_at <= self._now()).limit(limit)
        with self._database.reading() as connection:
            return [_upload_in(row) for row in connection.execute(query).all()]

    def known(self, ids: list[str]) -> set[str]:
        """Those of the ids that have a row."""
        with self._database.reading() as connection:
            return set(connection.execute(select(UPLOADS.c.id).where(UPLOADS.c.id.in_(ids))).scalars())


def _upload_in(row: Row[tuple[object, ...]]) -> Upload:
    return Upload(
        id=row.id,
        space=row.space,
        size_bytes=row.size_bytes,
        announced=msgspec.json.decode(row.announced, type=dict[str, str]),
        sha256=row.sha256,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )
