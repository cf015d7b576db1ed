"""A ticket knows for whom it is, without anybody passing that through."""

import asyncio

from steadfast.runtime.caller import CALLER, NOBODY, Caller, acting_for
from steadfast.runtime.ticket import Ticket


def ticket() -> Ticket:
    loop = asyncio.new_event_loop()
    future = loop.create_future()
    loop.close()
    return Ticket(id=1, task="t", fields=b"", blobs=(), deadline_at_s=1, arrived_at_s=0, future=future)


def test_what_is_submitted_for_somebody_says_so_in_its_shape() -> None:
    with acting_for(Caller("a request", "a job")):
        shape = ticket().shape(now_s=1.0)
    assert (shape.request_id, shape.job_id) == ("a request", "a job")
    assert CALLER.get() is NOBODY
    assert ticket().shape(now_s=1.0).request_id == ""


def test_two_tasks_do_not_see_each_others_callers() -> None:
    async def ask(name: str) -> str:
        with acting_for(Caller(name)):
            await asyncio.sleep(0)
            return ticket_name()

    def ticket_name() -> str:
        return CALLER.get().request_id

    async def both() -> list[str]:
        return list(await asyncio.gather(ask("a"), ask("b")))

    assert asyncio.run(both()) == ["a", "b"]
