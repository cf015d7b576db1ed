"""For whom something is submitted: whoever takes requests or jobs in says it, a ticket keeps it.

So a death can be told with the requests and jobs that it touched, by the names that their owners know.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """Names as their owners know them; as a client chose them, so they are not for every log."""

    request_id: str = ""
    job_id: str = ""
    traceparent: str = ""
    """W3C Trace Context, where the stages of the work are wanted for a trace."""


NOBODY = Caller()
CALLER: ContextVar[Caller] = ContextVar("caller", default=NOBODY)
"""Of the asyncio task that submits."""


@contextmanager
def acting_for(caller: Caller) -> Iterator[None]:
    """What is submitted inside is for this caller."""
    token = CALLER.set(caller)
    try:
        yield
    finally:
        CALLER.reset(token)
