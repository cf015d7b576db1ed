"""A file is believed only as long as nothing about it has changed."""

import os

import pytest
from tests.unit.models.mirrors import (
    catalogue_of,
    damage,
    tiny_model,
)

from steadfast.models.store import ModelState, ModelStore
from steadfast.settings import ModelSettings


def test_an_unchanged_file_is_read_only_once(offline: ModelSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ModelStore(offline, catalogue_of(tiny_model()))
    store.require("tiny")
    monkeypatch.setattr("steadfast.models.verification.matches", lambda *_: pytest.fail("read again"))
    store.require("tiny")


def test_a_changed_file_is_noticed_even_if_its_date_was_set_back(offline: ModelSettings) -> None:
    store = ModelStore(offline, catalogue_of(tiny_model()))
    path = store.require("tiny")
    before = path.stat()
    damage(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert store.state("tiny") is ModelState.DAMAGED
