"""The inbox hands pieces over as they came and stops the socket when nobody reads."""

import asyncio

from tests.unit.api.asgi import run

from steadfast.api.inbox import HIGH_WATER_BYTES, Inbox


class Tap:
    """Remembers whether the socket is read."""

    def __init__(self) -> None:
        self.is_open = True

    def pause_reading(self) -> None:
        self.is_open = False

    def resume_reading(self) -> None:
        self.is_open = True


def test_reading_stops_at_the_high_water_mark_and_goes_on_when_it_is_emptied() -> None:
    async def fill() -> None:
        tap = Tap()
        inbox = Inbox(tap, asyncio.get_running_loop())
        inbox.put(b"x" * HIGH_WATER_BYTES)
        seen = [tap.is_open]
        inbox.put(b"y")
        seen.append(tap.is_open)
        inbox.take()
        seen.append(tap.is_open)
        assert seen == [True, False, True]

    run(fill())


def test_a_reader_wakes_for_a_piece_the_end_and_a_broken_connection() -> None:
    async def wake(what: str) -> Inbox:
        loop = asyncio.get_running_loop()
        inbox = Inbox(Tap(), loop)
        loop.call_soon(lambda: inbox.put(b"x") if what == "put" else getattr(inbox, what)())
        await asyncio.wait_for(inbox.wait(), 60)
        return inbox

    assert run(wake("put")).take() == b"x"
    assert run(wake("complete")).is_complete
    assert run(wake("break_off")).is_broken


def test_a_connection_that_ends_after_the_last_byte_breaks_nothing() -> None:
    async def end() -> None:
        inbox = Inbox(Tap(), asyncio.get_running_loop())
        inbox.complete()
        inbox.break_off()
        assert not inbox.is_broken

    run(end())


def test_a_client_that_waits_for_leave_gets_it_when_its_body_is_wanted() -> None:
    async def ask() -> None:
        said: list[str] = []
        inbox = Inbox(Tap(), asyncio.get_running_loop())
        inbox.go_ahead = lambda: said.append("100")
        assert said == []
        inbox.complete()
        await inbox.wait()
        await inbox.wait()
        assert said == ["100"]

    run(ask())
