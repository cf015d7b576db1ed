"""What is wrong is kept aside once, and told."""

from tests.unit.models.mirrors import catalogue_of, damage, tiny_model

from steadfast.events import Event
from steadfast.models.facts import ModelQuarantined
from steadfast.models.store import ModelStore
from steadfast.models.verification import digest
from steadfast.settings import ModelSettings


def test_only_the_latest_of_the_damaged_copies_is_kept(offline: ModelSettings) -> None:
    store = ModelStore(offline, catalogue_of(tiny_model()))
    for content in (b"first", b"second"):
        store.require("tiny").write_bytes(content)
        store.require("tiny")
    assert [p.read_bytes() for p in (offline.dir / "quarantine").iterdir()] == [b"second"]


def test_the_event_says_what_was_found_and_where_it_lies(offline: ModelSettings, facts: list[Event]) -> None:
    store = ModelStore(offline, catalogue_of(tiny_model()))
    damage(store.require("tiny"))
    found = digest(store.path("tiny"))
    store.require("tiny")
    told = next(fact for fact in facts if isinstance(fact, ModelQuarantined))
    assert (told.model, told.file) == ("tiny", "tiny.onnx")
    assert found in told.reason
    assert digest(told.moved_to) == found
