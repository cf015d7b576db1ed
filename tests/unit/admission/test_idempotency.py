"""A request with an Idempotency-Key is carried out once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from tests.databases import Clock

from steadfast.admission.idempotency import Claim, IdempotencyStore, Replay
from steadfast.database.database import Database
from steadfast.errors import IdempotencyInProgress, IdempotencyMismatch

HOLD = timedelta(seconds=30)


class Asking:
    """Sends the same request again and again."""

    def __init__(self, store: IdempotencyStore) -> None:
        self.store = store

    def ask(self, *, owner: str = "key1", key: str = "order-1", fingerprint: str = "aa") -> Claim | Replay:
        return self.store.claim(owner=owner, idempotency_key=key, fingerprint=fingerprint, hold=HOLD)

    def claim(self) -> Claim:
        """Asks, and is the first."""
        claim = self.ask()
        assert isinstance(claim, Claim)
        return claim


@pytest.fixture
def asking(database: Database, clock: Clock) -> Asking:
    return Asking(IdempotencyStore(database, now=clock))


def test_the_second_request_gets_the_answer_of_the_first(asking: Asking) -> None:
    claim = asking.claim()
    assert asking.store.complete(claim, status=200, content_type="image/png", response_ref="blob/1")
    assert asking.ask() == Replay(status=200, content_type="image/png", response_ref="blob/1")


def test_while_the_first_runs_the_second_is_told_so(asking: Asking) -> None:
    asking.claim()
    with pytest.raises(IdempotencyInProgress):
        asking.ask()


def test_what_a_server_had_claimed_that_is_over_is_carried_out_at_once(
    database: Database, clock: Clock
) -> None:
    over: set[str] = set()
    gone, here = (
        Asking(IdempotencyStore(database, now=clock, claimed_by=name, is_over=over.__contains__))
        for name in ("gone", "here")
    )
    late, done = gone.claim(), gone.ask(key="done")
    assert isinstance(done, Claim)
    gone.store.complete(done, status=200)
    here.ask(key="runs")
    with pytest.raises(IdempotencyInProgress):
        here.ask()
    over.add("gone")
    assert isinstance(here.ask(), Claim)
    assert not gone.store.complete(late, status=200)
    assert here.ask(key="done") == Replay(status=200, content_type=None, response_ref=None)
    with pytest.raises(IdempotencyInProgress):
        here.ask(key="runs")


def test_a_start_gives_back_what_those_had_claimed_that_are_over(database: Database, clock: Clock) -> None:
    def claim(name: str) -> None:
        Asking(IdempotencyStore(database, now=clock, claimed_by=name)).ask(key=name)

    for name in ("dead", "alive"):
        claim(name)
    store = IdempotencyStore(database, now=clock, claimed_by="new", is_over=lambda name: name == "dead")
    assert store.end_claims() == 1
    claim("dead")
    with pytest.raises(IdempotencyInProgress):
        claim("alive")


def test_an_answer_whose_body_is_lost_is_made_again(asking: Asking) -> None:
    asking.store.complete(asking.claim(), status=200, response_ref="answer-1")
    lost = asking.ask()
    assert isinstance(lost, Replay)
    asking.store.forget(lost)
    asking.claim()


def test_another_request_under_the_same_key_is_refused(asking: Asking) -> None:
    claim = asking.claim()
    for is_done in (False, True):
        if is_done:
            asking.store.complete(claim, status=200)
        with pytest.raises(IdempotencyMismatch):
            asking.ask(fingerprint="bb")


def test_keys_of_different_owners_are_different_keys(asking: Asking) -> None:
    assert isinstance(asking.ask(owner="key1"), Claim)
    assert isinstance(asking.ask(owner="key2"), Claim)


def test_an_abandoned_request_may_be_tried_again(asking: Asking) -> None:
    claim = asking.claim()
    assert asking.store.abandon(claim)
    assert isinstance(asking.ask(), Claim)


def test_a_claim_whose_owner_died_is_taken_over_and_its_late_answer_refused(
    asking: Asking, clock: Clock
) -> None:
    dead = asking.claim()
    clock.turn(seconds=30)
    alive = asking.claim()
    assert asking.store.complete(dead, status=500) is False
    assert asking.store.abandon(dead) is False
    assert asking.store.complete(alive, status=200) is True
    assert asking.ask() == Replay(status=200, content_type=None, response_ref=None)


def test_an_answer_is_given_once_and_not_taken_back(asking: Asking) -> None:
    claim = asking.claim()
    assert asking.store.complete(claim, status=200)
    assert asking.store.complete(claim, status=500) is False
    assert asking.store.abandon(claim) is False
    assert asking.ask() == Replay(status=200, content_type=None, response_ref=None)


def test_after_its_day_a_key_is_new_and_its_body_is_named_for_removal(asking: Asking, clock: Clock) -> None:
    asking.store.complete(asking.claim(), status=200, response_ref="blob/1")
    clock.turn(hours=23, minutes=59)
    assert asking.store.forget_expired() == []
    clock.turn(minutes=1)
    assert isinstance(asking.ask(fingerprint="bb"), Claim)
    assert asking.store.forget_expired() == ["blob/1"]
    with pytest.raises(IdempotencyInProgress):
        asking.ask(fingerprint="bb")


def test_forgetting_names_every_body_that_is_past_its_time(asking: Asking, clock: Clock) -> None:
    asking.store.complete(asking.claim(), status=200, response_ref="blob/1")
    clock.turn(hours=24)
    assert asking.store.forget_expired() == ["blob/1"]
    assert asking.store.forget_expired() == []


def test_of_many_that_ask_at_once_exactly_one_carries_it_out(asking: Asking) -> None:
    def ask(_: int) -> bool:
        try:
            return isinstance(asking.ask(), Claim)
        except IdempotencyInProgress:
            return False

    with ThreadPoolExecutor(8) as threads:
        claimed = list(threads.map(ask, range(24)))
    assert claimed.count(True) == 1
