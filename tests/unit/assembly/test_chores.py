"""Work beside requests goes on until the service ends, and leaves a line when it breaks."""

import asyncio
import logging

import pytest

from steadfast.assembly.chores import Chores


def test_a_chore_that_breaks_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    async def test() -> None:
        Chores().begin(broken())
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    with caplog.at_level(logging.ERROR):
        asyncio.run(test())
    (record,) = caplog.records
    assert record.message == "chore ended"
    assert record.exc_info is not None


def test_the_end_breaks_off_what_runs_and_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    ended: list[str] = []

    async def lasting() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("ended")

    async def test() -> None:
        chores = Chores()
        chores.begin(lasting())
        await asyncio.sleep(0)
        chores.end()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    with caplog.at_level(logging.ERROR):
        asyncio.run(test())
    assert ended == ["ended"]
    assert not caplog.records
