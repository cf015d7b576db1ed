"""S3 keeps the promises of every store, through a real server: parts, sums, encryption, certificates."""

import os
import ssl
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.blob_stores import StoreContract, content_of, put
from tests.certificates import own_certificate
from tests.databases import open_sqlite
from tests.s3_server import S3Server, s3_server

from steadfast.blobs.library import BlobLibrary
from steadfast.blobs.s3 import S3BlobStore, S3Options
from steadfast.blobs.store import BlobStore
from steadfast.errors import BlobStoreUnreachable, ConfigError


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as running:
        yield running


def options(server: S3Server, *, prefix: str = "", **more: object) -> S3Options:
    given: dict[str, object] = {
        "bucket": "files",
        "prefix": prefix,
        "endpoint": server.url,
        "region": "us-east-1",
        "access_key_id": "id",
        "secret_access_key": "secret",
        "path_style": True,
        "retry_for": timedelta(seconds=1),
    }
    return S3Options(**(given | more))  # type: ignore[arg-type]


class TestS3(StoreContract):
    @pytest.fixture
    def store(self, server: S3Server, tmp_path: Path) -> BlobStore:
        return S3BlobStore(
            options(server, prefix=f"test/{tmp_path.name}"), staging_folder=tmp_path / "staging"
        )


def test_a_large_file_goes_in_parts_each_with_its_sum(server: S3Server, tmp_path: Path) -> None:
    store = S3BlobStore(options(server, prefix="large"), staging_folder=tmp_path)
    content = bytes(range(256)) * (80 << 10)  # 20 MiB
    server.requests.clear()
    put(store, "alice/content/big-1", content)
    parts = [one for one in server.requests if "partNumber" in one["QUERY_STRING"]]
    assert len(parts) == 3
    assert all("HTTP_X_AMZ_CHECKSUM_SHA256" in part for part in parts)
    assert content_of(store, "alice/content/big-1") == content
    # A range across the border of two parts.
    span = content_of(store, "alice/content/big-1", first_byte=(8 << 20) - 3, size_bytes=6)
    assert span == content[(8 << 20) - 3 : (8 << 20) + 3]


def test_the_server_is_asked_to_encrypt_what_it_stores(server: S3Server, tmp_path: Path) -> None:
    store = S3BlobStore(options(server, prefix="sse", encryption="AES256"), staging_folder=tmp_path)
    server.requests.clear()
    put(store, "alice/content/a-1", b"x")
    (sent,) = (one for one in server.requests if one["REQUEST_METHOD"] == "PUT")
    assert sent["HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION"] == "AES256"


def test_a_server_that_is_not_there_is_told_in_a_sentence_without_the_secret(
    server: S3Server, tmp_path: Path
) -> None:
    gone = options(server, endpoint="http://127.0.0.1:9", retry_for=timedelta(seconds=0))
    store = S3BlobStore(gone, staging_folder=tmp_path)
    with pytest.raises(BlobStoreUnreachable, match="s3://files") as caught:
        put(store, "alice/content/a-1", b"x")
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(gone)


def test_a_bucket_that_does_not_exist_is_no_missing_file(server: S3Server, tmp_path: Path) -> None:
    store = S3BlobStore(options(server, bucket="nowhere"), staging_folder=tmp_path)
    with pytest.raises(BlobStoreUnreachable):
        store.ping()


def test_a_certificate_file_that_is_not_there_stops_the_start(server: S3Server, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ca_file"):
        S3BlobStore(options(server, ca_certificate=tmp_path / "none.pem"), staging_folder=tmp_path)


def test_an_authority_of_ones_own_is_trusted_only_when_it_is_named(tmp_path: Path) -> None:
    certificate, key = own_certificate(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with s3_server(tls) as server:
        stranger = S3BlobStore(options(server, retry_for=timedelta(0)), staging_folder=tmp_path)
        with pytest.raises(BlobStoreUnreachable):
            stranger.ping()
        S3BlobStore(options(server, ca_certificate=certificate), staging_folder=tmp_path).ping()


def test_a_library_over_a_bucket_stores_once_lends_and_collects(server: S3Server, tmp_path: Path) -> None:
    store = S3BlobStore(
        options(server, prefix="library"), staging_folder=tmp_path / "staging", file_group=os.getgid()
    )
    database = open_sqlite(tmp_path)
    library = BlobLibrary(store, database)
    blob = library.keep_pieces([b"a segment"], space="alice", owner="job-1", role="input")
    assert library.keep_pieces([b"a segment"], space="alice", owner="job-2", role="input") == blob
    assert [file.name for file in store.listed()] == [blob.stored_name]
    library.verify(blob.address)
    with library.lent(blob.address, tmp_path) as file:
        assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (b"a segment", 0o640)
    for owner in ("job-1", "job-2"):
        library.let_go(owner)
    assert library.collect(grace=timedelta(0)).files == 1
    assert list(store.listed()) == []
    database.close()
