"""Row: a marked input faults inside native code; and what is answered when nothing is tried again."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.server.live_service import live_service
from tests.chaos.server.marks import marked
from tests.chaos.server.traffic import Answer, Load, face, send, swap


@dataclass(frozen=True, kw_only=True)
class NativeFault:
    """What came of one input sent again and again, and what the 16 others saw."""

    answers: tuple[Answer, ...]
    deaths: int
    traced: int
    """Deaths whose native traceback names the C call."""
    requests: int
    failed: int
    wrong: int

    @property
    def later_ms(self) -> float:
        """The longest time of the answers after the first."""
        return max(answer.took_ms for answer in self.answers[1:])

    def __str__(self) -> str:
        codes = " ".join(f"{answer.status}" for answer in self.answers)
        return (
            f"the input: {codes}, {self.deaths} deaths, {self.traced} with native traceback, "
            f"later ones answered in {self.later_ms:.1f} ms at most; "
            f"others: {self.requests} requests, {self.failed} failed, {self.wrong} wrong"
        )


async def send_poison(folder: Path, *, times: int, every_s: float = 0.5) -> NativeFault:
    """The same picture, which segfaults in C, `times` times under load."""
    with live_service(folder) as service:
        load = Load(port=service.port)
        await load.learn()
        poison = swap(marked(face(), "segfault"))
        answers = []
        async with load:
            for _ in range(times):
                answers.append(await send(service.port, poison))
                await asyncio.sleep(every_s)
        deaths = service.told("worker_died")
        return NativeFault(
            answers=tuple(answers),
            deaths=len(deaths),
            traced=sum("fall_in_native_code" in str(death["native_traceback"]) for death in deaths),
            requests=len(load.answers),
            failed=load.failed,
            wrong=load.wrong,
        )


@dataclass(frozen=True, kw_only=True)
class Crash:
    """What one crash is answered with."""

    answer: Answer
    detail: str

    def __str__(self) -> str:
        return f"{self.answer.status} {self.answer.code} after {self.answer.took_ms:.0f} ms: {self.detail}"


async def crash_without_retry(folder: Path) -> Crash:
    """One crash where one attempt is all that is allowed."""
    with live_service(folder, workers=1, runtime__max_attempts=1) as service:
        answer = await send(service.port, swap(marked(face(), "segfault")))
    return Crash(answer=answer, detail=answer.json()["detail"])
