"""Settings become a store, a library, callbacks and retention as they say."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from tests.databases import open_migrated_sqlite
from tests.job_house import JobHouse, job_house

from steadfast.assembly.filekeeping import (
    callback_guard,
    open_library,
    open_references,
    open_retention,
    open_store,
    open_upload_desk,
    open_webhooks,
    s3_options,
)
from steadfast.blobs.folder import FolderStore
from steadfast.blobs.s3 import S3BlobStore
from steadfast.database.database import Database
from steadfast.errors import ConfigError, QuotaExceeded
from steadfast.settings import BlobSettings, ReferenceSettings, Settings, WebhookSettings


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_migrated_sqlite(tmp_path)
    yield database
    database.close()


@pytest.fixture
def house(database: Database, tmp_path: Path) -> Iterator[JobHouse]:
    with job_house(database, tmp_path) as built:
        yield built


def settings_with(tmp_path: Path, **sections: Any) -> Settings:
    return Settings(data_dir=tmp_path, **sections)


def test_files_lie_in_the_data_folder_unless_another_place_is_named(tmp_path: Path) -> None:
    assert isinstance(open_store(BlobSettings(), tmp_path), FolderStore)
    assert (tmp_path / "blobs").is_dir()
    open_store(BlobSettings(url=str(tmp_path / "elsewhere")), tmp_path)
    assert (tmp_path / "elsewhere").is_dir()


def test_a_bucket_is_opened_with_its_prefix_and_its_access(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    settings = BlobSettings(
        url="s3://files/some/prefix/",
        endpoint="https://minio.test:9000",
        region="here",
        access_key_id="id",
        secret_access_key_file=tmp_path / "secret",
    )
    assert isinstance(open_store(settings, tmp_path), S3BlobStore)
    options = s3_options(settings, "files", "some/prefix")
    assert (options.bucket, options.prefix, options.secret_access_key) == (
        "files",
        "some/prefix",
        "from a file",
    )


@pytest.mark.parametrize("url", ["s3://", "s3:///prefix", "relative/folder", "https://files.test/"])
def test_a_place_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="s3://bucket/prefix"):
        BlobSettings(url=url)


def test_a_secret_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    settings = BlobSettings(url="s3://files", secret_access_key_file=tmp_path / "none")
    with pytest.raises(ConfigError, match=r"blobs\.secret_access_key"):
        open_store(settings, tmp_path)


def test_the_quota_of_the_settings_holds(tmp_path: Path, database: Database) -> None:
    settings = settings_with(tmp_path, blobs=BlobSettings(quota_bytes_by_key=10))
    library = open_library(settings, database)
    with pytest.raises(QuotaExceeded):
        library.keep_pieces([bytes(11)], space="alice", owner="job-1", role="input")
    assert open_upload_desk(settings, library, database).max_bytes == settings.uploads.max_bytes


def test_callbacks_can_be_switched_off_and_their_secret_be_given(tmp_path: Path, house: JobHouse) -> None:
    off = settings_with(tmp_path, webhooks=WebhookSettings(enabled=False))
    assert callback_guard(off.webhooks) is None
    assert open_webhooks(off, house.jobs) is None
    assert open_webhooks(settings_with(tmp_path, webhooks=WebhookSettings(secret=SecretStr("s"))), house.jobs)
    assert not (tmp_path / "webhook.secret").exists()
    assert open_webhooks(settings_with(tmp_path), house.jobs)
    assert (tmp_path / "webhook.secret").exists()


def test_a_network_or_a_root_that_is_none_stops_the_start(tmp_path: Path, house: JobHouse) -> None:
    with pytest.raises(ConfigError):
        callback_guard(WebhookSettings(allowed_networks=("nowhere",)))
    references = ReferenceSettings(file_roots=(tmp_path / "none",))
    with pytest.raises(ConfigError):
        open_references(settings_with(tmp_path, references=references), house.library)


def test_retention_has_the_times_of_the_settings(tmp_path: Path, house: JobHouse) -> None:
    terms = open_retention(settings_with(tmp_path), house.jobs).terms
    assert (terms.inputs.total_seconds() / 3600, terms.results.days, terms.records.days) == (24, 7, 365)
