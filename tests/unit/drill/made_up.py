"""Answers, requests and faults for tests of the drill; nothing runs."""

from typing import Any

from steadfast.drill.client import Answer
from steadfast.drill.fault import Expectation, Fault, Group, Scene
from steadfast.drill.mix import Kind
from steadfast.drill.traffic import FollowedJob, Sent

PROBLEM = {"content-type": "application/problem+json"}


def answer(
    status: int = 200, code: str = "", *, at_s: float = 0.0, took_ms: float = 100.0, **headers: str
) -> Answer:
    """What a request came to."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = f'{{"code": "{code}"}}'.encode() if code else b""
    return Answer(
        status=status, headers=named | (PROBLEM if code else {}), body=body, sent_at_s=at_s, took_ms=took_ms
    )


def sent(status: int = 200, code: str = "", *, is_wrong: bool = False, **more: Any) -> Sent:
    """An ordinary request."""
    return Sent(kind=Kind.SWAP, answer=answer(status, code, **more), is_wrong=is_wrong)


def job(
    state: str = "succeeded", *, submitted_at_s: float = 0.0, ended_at_s: float | None = 1.0
) -> FollowedJob:
    """A job that was confirmed."""
    return FollowedJob(id=f"job-{state}", submitted_at_s=submitted_at_s, ended_at_s=ended_at_s, state=state)


class Nothing(Fault):
    """Does no harm."""

    name = "nothing"
    what = "Nothing is done."
    group = Group.WORKER

    async def inject(self, scene: Scene) -> None:
        """Nothing."""

    def expect(self) -> Expectation:
        """Nothing."""
        return Expectation()


class Longer(Nothing):
    """Lasts."""

    name = "longer"
    lasts_s = 4.0


class Elsewhere(Nothing):
    """Needs a house of its own."""

    name = "elsewhere"
    house = "postgresql"
