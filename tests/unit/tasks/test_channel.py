"""A channel hands over in order, bounds what waits, and frees both sides when one goes."""

from threading import Thread

import pytest

from steadfast.tasks.channel import BrokenOff, Channel


def test_items_come_in_order_and_the_end_is_told() -> None:
    channel: Channel[int] = Channel(2)

    def fill() -> None:
        for number in range(100):
            channel.put(number)
        channel.close()

    producer = Thread(target=fill)
    producer.start()
    assert list(channel) == list(range(100))
    producer.join()


def test_no_more_than_its_capacity_waits() -> None:
    channel: Channel[int] = Channel(3)
    handed_over: list[int] = []

    def fill() -> None:
        for number in range(20):
            channel.put(number)
            handed_over.append(number)
        channel.close()

    producer = Thread(target=fill)
    producer.start()
    for taken, _ in enumerate(channel, start=1):
        assert len(handed_over) <= taken + 3
    producer.join()


def test_a_producer_that_waits_is_freed_when_the_consumer_goes() -> None:
    channel: Channel[int] = Channel(1)
    freed: list[bool] = []

    def fill() -> None:
        try:
            while True:
                channel.put(0)
        except BrokenOff:
            freed.append(True)

    producer = Thread(target=fill)
    producer.start()
    next(iter(channel))
    channel.break_off()
    producer.join(timeout=60)
    assert freed == [True]


def test_a_consumer_that_waits_is_freed_when_the_producer_goes() -> None:
    channel: Channel[int] = Channel(1)
    freed: list[bool] = []

    def drain() -> None:
        try:
            list(channel)
        except BrokenOff:
            freed.append(True)

    consumer = Thread(target=drain)
    consumer.start()
    channel.break_off()
    consumer.join(timeout=60)
    assert freed == [True]


def test_what_waits_is_dropped_when_the_channel_breaks() -> None:
    channel: Channel[int] = Channel(3)
    channel.put(1)
    channel.break_off()
    with pytest.raises(BrokenOff):
        next(iter(channel))
    with pytest.raises(BrokenOff):
        channel.put(2)
