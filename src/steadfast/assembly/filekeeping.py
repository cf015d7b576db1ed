"""Settings turned into the parts that keep files, delete them, and tell of them.

The store and the library over it, the desk for uploads, retention, callbacks.
"""

from datetime import timedelta
from pathlib import Path

from steadfast.blobs.cached import CachedStore
from steadfast.blobs.folder import FolderStore
from steadfast.blobs.library import BlobLibrary
from steadfast.blobs.s3 import S3BlobStore, S3Options
from steadfast.blobs.store import BlobStore
from steadfast.database.database import Database
from steadfast.jobs.callback_guard import CallbackGuard
from steadfast.jobs.callback_post import SignedPost
from steadfast.jobs.retention import Retention, RetentionTerms
from steadfast.jobs.transaction import JobDatabase
from steadfast.jobs.webhook_secrets import webhook_secret
from steadfast.jobs.webhooks import WebhookCourier
from steadfast.settings import BlobSettings, Settings, WebhookSettings
from steadfast.settings.secret_files import secret_text
from steadfast.uploads.desk import UploadDesk, UploadLimits
from steadfast.uploads.referred import ReferenceReader
from steadfast.uploads.upload import UploadRows


def open_library(settings: Settings, database: Database, *, file_group: int | None = None) -> BlobLibrary:
    """The library of this service; `file_group`: of workers of another user, who must read what is lent.

    Raises `ConfigError` for settings that cannot work, `BlobStoreUnreachable` for a folder that fails.
    """
    store = open_store(settings.blobs, settings.data_dir, file_group=file_group)
    is_far, most_bytes = isinstance(store, S3BlobStore), settings.cluster.cache_bytes
    if is_far and most_bytes:
        folder = settings.data_dir / "cache" / "blobs"
        store = CachedStore(store, folder, most_bytes=most_bytes, file_group=file_group)
    return BlobLibrary(store, database, quota_bytes=settings.blobs.quota_bytes_by_key or None)


def open_store(settings: BlobSettings, data_dir: Path, *, file_group: int | None = None) -> BlobStore:
    """The store that `blobs.url` names. Raises like `open_library`."""
    if settings.url is None or settings.url.startswith("/"):
        return FolderStore(Path(settings.url) if settings.url else data_dir / "blobs", file_group=file_group)
    bucket, _, prefix = settings.url.removeprefix("s3://").partition("/")
    options = s3_options(settings, bucket, prefix)
    staging_folder = data_dir / "scratch" / "blobs"
    return S3BlobStore(options, staging_folder=staging_folder, file_group=file_group)


def s3_options(settings: BlobSettings, bucket: str, prefix: str = "") -> S3Options:
    """How a bucket is reached with the access that the settings name."""
    return S3Options(
        bucket=bucket,
        prefix=prefix.strip("/"),
        endpoint=settings.endpoint,
        region=settings.region,
        access_key_id=settings.access_key_id,
        secret_access_key=secret_text(
            "blobs.secret_access_key", settings.secret_access_key, settings.secret_access_key_file
        ),
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


def open_references(settings: Settings, library: BlobLibrary) -> ReferenceReader:
    """Reads what jobs name instead of sending it. Raises `ConfigError` for a root that is none."""

    def open_bucket(bucket: str) -> BlobStore:
        options = s3_options(settings.blobs, bucket)
        return S3BlobStore(options, staging_folder=settings.data_dir / "scratch" / "blobs")

    return ReferenceReader(
        library,
        file_roots=settings.references.file_roots,
        s3_roots=settings.references.s3_roots,
        max_bytes=settings.references.max_bytes,
        open_bucket=open_bucket,
    )


def open_retention(settings: Settings, jobs: JobDatabase) -> Retention:
    """What deletes files whose time is over."""
    retention = settings.retention
    terms = RetentionTerms(
        inputs=timedelta(hours=retention.inputs_hours),
        results=timedelta(hours=retention.results_hours),
        longest=timedelta(hours=retention.longest_hours),
        records=timedelta(days=retention.records_days),
    )
    return Retention(jobs, terms, every_s=retention.every_s, scratch=(settings.data_dir / "scratch",))


def callback_guard(settings: WebhookSettings) -> CallbackGuard | None:
    """Decides where callbacks may go; None: nowhere. Raises `ConfigError` for a network that is none."""
    if not settings.enabled:
        return None
    return CallbackGuard(settings.allowed_networks, allow_http=settings.allow_http)


def open_webhooks(settings: Settings, jobs: JobDatabase) -> WebhookCourier | None:
    """Makes the calls that jobs ask for; None: callbacks are switched off. Raises `ConfigError`."""
    guard, webhooks = callback_guard(settings.webhooks), settings.webhooks
    if guard is None:
        return None
    given = secret_text("webhooks.secret", webhooks.secret, webhooks.secret_file)
    post = SignedPost(guard, secret=webhook_secret(settings.data_dir, given), timeout_s=webhooks.timeout_s)
    give_up_after = timedelta(hours=webhooks.give_up_after_hours)
    return WebhookCourier(jobs, post, at_once=webhooks.at_once, give_up_after=give_up_after)
