"""A model with restrictive terms is used only after somebody accepted them."""

import json
from pathlib import Path

import pytest
from tests.unit.models.mirrors import (
    CONTENT,
    catalogue_of,
    restricted_model,
    tiny_model,
)

from steadfast.errors import (
    LicenseNotAccepted,
)
from steadfast.events import Event
from steadfast.models.catalogue import CommercialUse
from steadfast.models.facts import LicenseAccepted, ModelPulled
from steadfast.models.licenses import FILE_NAME, LicenseRecord
from steadfast.models.store import ModelState, ModelStore
from steadfast.settings import ModelSettings


def test_a_restricted_model_is_refused_until_its_licence_was_accepted_once(
    offline: ModelSettings, facts: list[Event]
) -> None:
    store = ModelStore(offline, catalogue_of(restricted_model()))
    assert store.state("tiny") is ModelState.LICENSE_NEEDED
    for refused in (store.require, store.pull):
        with pytest.raises(LicenseNotAccepted, match="forbids commercial use"):
            refused("tiny")
    store.pull("tiny", accept_license=True)
    assert ModelStore(offline, catalogue_of(restricted_model())).require("tiny").read_bytes() == CONTENT
    assert [type(fact) for fact in facts] == [LicenseAccepted, ModelPulled]


def test_an_unknown_licence_is_treated_like_a_forbidding_one(offline: ModelSettings) -> None:
    model = tiny_model(commercial=CommercialUse.UNKNOWN)
    with pytest.raises(LicenseNotAccepted, match="may forbid"):
        ModelStore(offline, catalogue_of(model)).pull("tiny")


def test_the_record_says_which_licence_was_accepted_and_when(offline: ModelSettings) -> None:
    ModelStore(offline, catalogue_of(restricted_model())).pull("tiny", accept_license=True)
    entry = json.loads((offline.dir / FILE_NAME).read_text())[0]
    assert entry["model"] == "tiny"
    assert entry["license"] == "Test licence"
    assert entry["accepted_at"].endswith("+00:00")


def test_other_terms_must_be_accepted_anew(offline: ModelSettings) -> None:
    ModelStore(offline, catalogue_of(restricted_model())).pull("tiny", accept_license=True)
    (offline.dir / FILE_NAME).write_text(
        (offline.dir / FILE_NAME).read_text().replace("Test licence", "Terms of last year")
    )
    with pytest.raises(LicenseNotAccepted):
        ModelStore(offline, catalogue_of(restricted_model())).require("tiny")


def test_a_record_that_cannot_be_read_only_asks_again(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('{"half": ')
    record = LicenseRecord(tmp_path)
    assert not record.covers(restricted_model())
    record.accept(restricted_model())
    assert record.covers(restricted_model())
