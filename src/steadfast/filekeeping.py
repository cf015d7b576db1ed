"""Settings turned into the parts that keep files: the store, the library over it, the desk for uploads."""

from datetime import timedelta
from pathlib import Path

from steadfast.blobs.folder import FolderStore
from steadfast.blobs.library import BlobLibrary
from steadfast.blobs.s3 import S3BlobStore, S3Options
from steadfast.blobs.store import BlobStore
from steadfast.database.database import Database
from steadfast.errors import ConfigError
from steadfast.settings import BlobSettings, Settings
from steadfast.uploads.desk import UploadDesk, UploadLimits
from steadfast.uploads.upload import UploadRows


def open_library(settings: Settings, database: Database, *, file_group: int | None = None) -> BlobLibrary:
    """The library of this service; `file_group`: of workers of another user, who must read what is lent.

    Raises `ConfigError` for settings that cannot work, `BlobStoreUnreachable` for a folder that fails.
    """
    store = open_store(settings.blobs, settings.data_dir, file_group=file_group)
    return BlobLibrary(store, database, quota_bytes=settings.blobs.quota_bytes_by_key or None)


def open_store(settings: BlobSettings, data_dir: Path, *, file_group: int | None = None) -> BlobStore:
    """The store that `blobs.url` names. Raises like `open_library`."""
    if settings.url is None or settings.url.startswith("/"):
        return FolderStore(Path(settings.url) if settings.url else data_dir / "blobs", file_group=file_group)
    bucket, _, prefix = settings.url.removeprefix("s3://").partition("/")
    options = s3_options(settings, bucket, prefix)
    return S3BlobStore(options, staging_folder=data_dir / "scratch" / "blobs")


def s3_options(settings: BlobSettings, bucket: str, prefix: str = "") -> S3Options:
    """How a bucket is reached with the access that the settings name."""
    return S3Options(
        bucket=bucket,
        prefix=prefix.strip("/"),
        endpoint=settings.endpoint,
        region=settings.region,
        access_key_id=settings.access_key_id,
        secret_access_key=_secret(settings),
        path_style=settings.path_style,
        ca_certificate=settings.ca_file,
        encryption=settings.encryption,
        kms_key_id=settings.kms_key_id,
    )


def open_upload_desk(settings: Settings, library: BlobLibrary, database: Database) -> UploadDesk:
    """Where uploads come in."""
    keep_for = timedelta(hours=settings.uploads.expire_after_hours)
    limits = UploadLimits(
        max_bytes=settings.uploads.max_bytes,
        max_open=settings.uploads.max_open_by_key,
        quota_bytes=settings.blobs.quota_bytes_by_key or None,
        full_at=settings.blobs.full_at,
    )
    return UploadDesk(UploadRows(database, keep_for=keep_for), library, database.run, limits)


def _secret(settings: BlobSettings) -> str | None:
    if settings.secret_access_key is not None:
        return settings.secret_access_key.get_secret_value()
    if settings.secret_access_key_file is None:
        return None
    try:
        return settings.secret_access_key_file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise ConfigError(f"The file of blobs.secret_access_key cannot be read: {reason}.") from error
