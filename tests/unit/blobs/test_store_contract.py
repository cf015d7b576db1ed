"""What every store promises: the folder and the twin in memory here; S3 in tests/integration/blobs."""

from pathlib import Path

import pytest
from tests.blob_stores import StoreContract, folder_store, memory_store

from steadfast.blobs.store import BlobStore


class TestFolder(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> BlobStore:
        return folder_store(tmp_path)


class TestMemory(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> BlobStore:
        return memory_store(tmp_path)
