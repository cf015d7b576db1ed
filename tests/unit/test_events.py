"""Whoever states a fact is harmed by nobody who listens."""

import logging

import pytest

from steadfast.admission.events import ConcurrencyChanged
from steadfast.events import Event, FrequentEvent, publish, subscribe, subscribe_to


class Told(FrequentEvent, kw_only=True, frozen=True, gc=False):
    number: int


FACT = ConcurrencyChanged(task="t", limit=1, workers=1)


def test_everyone_hears_a_fact_until_they_stop_listening() -> None:
    heard: list[Event] = []
    end = subscribe(heard.append)
    publish(FACT)
    end()
    publish(FACT)
    assert heard == [FACT]


def test_a_frequent_fact_is_heard_by_those_alone_who_asked_for_its_kind() -> None:
    everything: list[Event] = []
    told: list[Told] = []
    ends = [subscribe(everything.append), subscribe_to(Told, told.append)]
    publish(Told(number=1))
    publish(FACT)
    for end in ends:
        end()
    publish(Told(number=2))
    assert (told, everything) == ([Told(number=1)], [FACT])


def test_a_listener_that_fails_harms_neither_the_speaker_nor_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError

    heard: list[Event] = []
    ends = [subscribe(fail), subscribe_to(ConcurrencyChanged, fail), subscribe(heard.append)]
    with caplog.at_level(logging.ERROR):
        publish(FACT)
    for end in ends:
        end()
    assert heard == [FACT]
    assert [record.message for record in caplog.records] == ["event subscriber failed"] * 2
