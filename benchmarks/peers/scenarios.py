"""What is done to each server, and what is written down of it."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
import psutil
from tests.chaos.server.traffic import faces

from benchmarks.peers.crowd import PATIENCE_S, Crowd, HealthWatch, counted, flood, quantile_ms, words
from benchmarks.peers.function import marked, portrait
from benchmarks.peers.servers import DEADLINE_S, WORKERS, Running
from steadfast.drill.client import Answer, send

LEAK_MIB, LEAKS = 8, 240
"""1.9 GB in all: what an hour of one photo a second leaks that leaks half a megabyte each."""
HANGS = 4 * WORKERS
"""So many that every worker gets one, however a server hands requests out."""
OVERLOAD = 10
_LOOK_S = 0.05
_LAST_S = 8.0
"""The end of a watch, in which the pace is taken, …"""
_AT_WORK_S = 0.5
"""… and this much processor time says that a process works: three photos."""


class Throughput(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing amiss."""

    photos_per_s: dict[str, float]
    """By concurrency."""
    p50_ms: dict[str, float]
    cpu_ms_per_photo: dict[str, float]
    """Processor time of all processes of the server."""
    memory_mib: int
    started_in_s: float


class Disturbance(msgspec.Struct, frozen=True, kw_only=True):
    """A fault under four clients that never stop asking."""

    requests: int
    failed: int
    answers: dict[str, int]
    longest_silence_s: float
    """Without any good answer, after the fault."""
    whole_again_s: float | None
    """Until as many workers as before had loaded the models; None: not while it was watched."""
    red_after_s: float | None
    """Until health was not green; None: always green."""
    watched_s: float
    culprit: dict[str, int] = {}
    """Answers to the requests that carried the fault, if requests carried it."""
    culprit_s: float = 0.0
    """The longest of them took."""


class Hang(msgspec.Struct, frozen=True, kw_only=True):
    """Eight requests that never return, and four clients beside them."""

    hung: dict[str, int]
    """Answers to those requests."""
    hung_answered_s: float
    """The longest of them."""
    serving_again_s: float | None
    """Until the first good answer to somebody else once the workers were taken; None: not while watched."""
    pace_after: float
    """Good answers per second at the end of the watch, as a part of those before."""
    ended: int
    """Of the processes that hung, how many had ended or worked again by then: who uses no processor hangs."""
    red_after_s: float | None
    green_while_dead_s: float
    """Seconds in which health was green and nobody was answered."""
    requests: int
    failed: int
    answers: dict[str, int]
    watched_s: float


class Overload(msgspec.Struct, frozen=True, kw_only=True):
    """Ten times more than it can do, for ten seconds."""

    capacity_per_s: float
    offered_per_s: float
    in_time_per_s: float
    """Good answers within the deadline of 5 s, while the flood lasts."""
    good_p99_ms: float
    answers: dict[str, int]
    refused_median_ms: float | None
    memory_before_mib: int
    memory_peak_mib: int
    first_after_s: float
    """A request that is sent when the flood is over."""
    first_after: str


class Leak(msgspec.Struct, frozen=True, kw_only=True):
    """Every request leaks."""

    requests: int
    failed: int
    answers: dict[str, int]
    memory_before_mib: int
    memory_peak_mib: int
    memory_after_mib: int
    workers_replaced: int


class Hunger(msgspec.Struct, frozen=True, kw_only=True):
    """One request that asks for more memory than its process may have (RLIMIT_AS)."""

    answer: str
    degraded: str
    others: int
    others_failed: int
    serves_after: bool


async def throughput(server: Running, *, seconds: float = 6.0) -> Throughput:
    """Photos per second at three concurrencies."""
    rates, medians, cpu = {}, {}, {}
    for clients in (1, 4, 16):
        async with Crowd(server=server, clients=clients) as crowd:
            await asyncio.sleep(1.0)
            began_s, cpu_began_s = time.monotonic(), server.cpu_s()
            await asyncio.sleep(seconds)
            ended_s, cpu_ended_s = time.monotonic(), server.cpu_s()
        good = crowd.good_between(began_s, ended_s)
        key = str(clients)
        rates[key] = round(good / (ended_s - began_s), 2)
        medians[key] = round(quantile_ms(crowd.answers, 50), 1)
        cpu[key] = round((cpu_ended_s - cpu_began_s) / max(1, good) * 1000, 1)
    return Throughput(
        photos_per_s=rates,
        p50_ms=medians,
        cpu_ms_per_photo=cpu,
        memory_mib=server.resident_mib(),
        started_in_s=round(server.started_in_s, 1),
    )


# --- a worker ends, or stops ----------------------------------------------------------------------------


async def kill(server: Running) -> Disturbance:
    """SIGKILL of a busy worker."""
    return await _disturb(server, lambda: _signal_one(server, signal.SIGKILL), watch_s=25.0)


async def stop(server: Running) -> Disturbance:
    """SIGSTOP of a busy worker: frozen, not dead."""
    return await _disturb(server, lambda: _signal_one(server, signal.SIGSTOP), watch_s=25.0)


async def segfault(server: Running) -> Disturbance:
    """The same picture three times, which faults in native code."""
    culprits: list[Answer] = []

    async def poison() -> None:
        for _ in range(3):
            request = server.peer.as_request(marked(portrait(), "segfault"))
            culprits.append(await send(server.endpoint, request, within_s=PATIENCE_S))

    found = await _disturb(server, poison, watch_s=25.0)
    slowest_s = max(answer.took_ms for answer in culprits) / 1000
    return msgspec.structs.replace(found, culprit=counted(culprits), culprit_s=round(slowest_s, 2))


async def _signal_one(server: Running, signum: signal.Signals) -> None:
    os.kill(server.workers()[0], signum)


async def _disturb(server: Running, fault: Callable[[], Awaitable[None]], *, watch_s: float) -> Disturbance:
    async with HealthWatch(server=server) as health, Crowd(server=server, clients=4) as crowd:
        await asyncio.sleep(3.0)
        before = set(server.workers())
        began_s = time.monotonic()
        whole = asyncio.create_task(_until_whole(server, before, began_s + watch_s))
        await fault()
        whole_at_s = await whole
        await asyncio.sleep(max(0.0, began_s + min(watch_s, 10.0) - time.monotonic()))
        ended_s = time.monotonic()
    return Disturbance(
        requests=len(crowd.answers),
        failed=crowd.failed,
        answers=counted(crowd.answers),
        longest_silence_s=round(crowd.longest_silence_s(began_s, ended_s), 2),
        whole_again_s=None if whole_at_s is None else round(whole_at_s - began_s, 1),
        red_after_s=health.red_after_s(began_s),
        watched_s=round(ended_s - began_s, 1),
    )


async def _until_whole(server: Running, before: set[int], until_s: float) -> float | None:
    """The moment at which one of those was gone and as many had the models loaded again."""
    while time.monotonic() < until_s:
        now = set(server.workers())
        if not before <= now and len(now) >= len(before):
            return time.monotonic()
        await asyncio.sleep(_LOOK_S)
    return None


# --- inferences that never return -----------------------------------------------------------------------


async def hang_asleep(server: Running) -> Hang:
    """They sleep, and other threads of their process run."""
    return await _hang(server, "sleep")


async def hang_locked(server: Running) -> Hang:
    """They hold the interpreter's lock inside native code."""
    return await _hang(server, "hang")


async def _hang(server: Running, do: str, *, watch_s: float = 35.0) -> Hang:
    calm_s = 4.0
    async with (
        HealthWatch(server=server) as health,
        Crowd(server=server, clients=4, half_reconnects=True) as crowd,
    ):
        await asyncio.sleep(calm_s)
        before = {pid: psutil.Process(pid) for pid in server.workers()}
        began_s = time.monotonic()
        hanging = [
            asyncio.create_task(_ask(server, marked(portrait(), do, number=number)))
            for number in range(HANGS)
        ]
        await asyncio.sleep(watch_s - _LAST_S)
        cpu_s = {pid: _cpu_s(one) for pid, one in before.items()}
        await asyncio.sleep(_LAST_S)
        ended_s = time.monotonic()
        idle = [pid for pid, one in before.items() if 0 <= _cpu_s(one) < cpu_s[pid] + _AT_WORK_S]
    hung = await asyncio.gather(*hanging)
    pace = crowd.good_between(ended_s - _LAST_S, ended_s) / _LAST_S
    calm = max(1, crowd.good_between(began_s - calm_s + 1.0, began_s)) / (calm_s - 1.0)
    # What was in a worker's hands already, or stood before the hangs, says nothing.
    good = sorted(a.ended_at_s for a in crowd.answers if a.status == 200 and a.sent_at_s > began_s + 0.3)
    return Hang(
        hung=counted(hung),
        hung_answered_s=round(max(answer.took_ms for answer in hung) / 1000, 1),
        serving_again_s=round(good[0] - began_s, 1) if good else None,
        pace_after=round(pace / calm, 2),
        ended=len(before) - len(idle),
        red_after_s=health.red_after_s(began_s),
        green_while_dead_s=_green_while_dead_s(health, crowd, began_s, ended_s),
        requests=len(crowd.answers),
        failed=crowd.failed,
        answers=counted(crowd.answers),
        watched_s=watch_s,
    )


def _cpu_s(process: psutil.Process) -> float:
    """Processor time; less than nought where the process has ended."""
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return -1.0
        return float(sum(process.cpu_times()[:2]))
    except psutil.NoSuchProcess:
        return -1.0


def _green_while_dead_s(health: HealthWatch, crowd: Crowd, began_s: float, ended_s: float) -> float:
    """Time in which nobody had had a good answer for two seconds and health said 200."""
    good = sorted(answer.ended_at_s for answer in crowd.answers if answer.status == 200)
    looks = [(at_s, status) for at_s, status in health.seen if began_s <= at_s <= ended_s]
    total_s = 0.0
    for (at_s, status), (next_s, _) in zip(looks, [*looks[1:], (ended_s, 0)], strict=True):
        silent_s = at_s - max((moment for moment in good if moment <= at_s), default=began_s)
        total_s += (next_s - at_s) if status == 200 and silent_s > 2.0 else 0.0
    return round(total_s, 1)


async def _ask(server: Running, picture: bytes) -> Answer:
    return await send(server.endpoint, server.peer.as_request(picture), within_s=PATIENCE_S)


# --- too much -------------------------------------------------------------------------------------------


async def overload(server: Running, *, seconds: float = 10.0) -> Overload:
    """An open loop at ten times the pace that four clients had just before."""
    async with Crowd(server=server, clients=4) as calm:
        await asyncio.sleep(1.0)
        began_s = time.monotonic()
        await asyncio.sleep(4.0)
        capacity = calm.good_between(began_s, time.monotonic()) / 4.0
    memory_before = server.resident_mib()
    peaks = [memory_before]
    peak = asyncio.create_task(_note_memory(server, peaks))
    flood_began_s = time.monotonic()
    flooding = asyncio.create_task(flood(server, OVERLOAD * capacity, seconds))
    await asyncio.sleep(seconds + 0.2)
    first = await _ask(server, portrait())
    answers = await flooding
    peak.cancel()
    in_time = [a for a in answers if a.status == 200 and a.took_ms <= DEADLINE_S * 1000]
    in_time = [a for a in in_time if a.ended_at_s <= flood_began_s + seconds]
    refused = sorted(answer.took_ms for answer in answers if answer.status in (429, 503))
    return Overload(
        capacity_per_s=round(capacity, 2),
        offered_per_s=round(len(answers) / seconds, 1),
        in_time_per_s=round(len(in_time) / seconds, 2),
        good_p99_ms=round(quantile_ms(answers, 99), 0),
        answers=counted(answers),
        refused_median_ms=round(refused[len(refused) // 2], 1) if refused else None,
        memory_before_mib=memory_before,
        memory_peak_mib=max(peaks),
        first_after_s=round(first.took_ms / 1000, 2),
        first_after=words(first),
    )


async def _note_memory(server: Running, peaks: list[int]) -> None:
    while True:
        peaks.append(await asyncio.to_thread(server.resident_mib))
        await asyncio.sleep(0.5)


async def leak(server: Running) -> Leak:
    """Every request of four clients leaks 8 MiB in the worker that does it."""
    before, started = server.resident_mib(), set(server.workers())
    pictures = [marked(picture, "leak", mib=LEAK_MIB) for picture in faces(4)]
    peaks = [before]
    peak = asyncio.create_task(_note_memory(server, peaks))
    seen = set(started)
    async with Crowd(server=server, clients=4, requests=pictures) as crowd:
        until_s = time.monotonic() + 120.0
        while len(crowd.answers) < LEAKS and time.monotonic() < until_s:
            seen |= set(server.workers())
            await asyncio.sleep(0.2)
    peak.cancel()
    return Leak(
        requests=len(crowd.answers),
        failed=crowd.failed,
        answers=counted(crowd.answers),
        memory_before_mib=before,
        memory_peak_mib=max(peaks),
        memory_after_mib=server.resident_mib(),
        workers_replaced=len(seen - started),
    )


async def hunger(server: Running) -> Hunger:
    """One picture wants 2 GiB where its process is left 1."""
    async with Crowd(server=server, clients=4) as crowd:
        await asyncio.sleep(1.0)
        answer = await _ask(server, marked(portrait(), "hunger"))
        await asyncio.sleep(4.0)
    after = await _ask(server, portrait())
    return Hunger(
        answer=words(answer),
        degraded=answer.degraded,
        others=len(crowd.answers),
        others_failed=crowd.failed,
        serves_after=after.status == 200,
    )


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One of them."""

    name: str
    run: Callable[[Running], Awaitable[msgspec.Struct]]
    kind: type[msgspec.Struct]
    leaves_it_whole: bool = False
    """Whether the server may serve the next scenario too."""


SCENARIOS = (
    Scenario(name="throughput", run=throughput, kind=Throughput, leaves_it_whole=True),
    Scenario(name="hunger", run=hunger, kind=Hunger, leaves_it_whole=True),
    Scenario(name="overload", run=overload, kind=Overload),
    Scenario(name="kill", run=kill, kind=Disturbance),
    Scenario(name="segfault", run=segfault, kind=Disturbance),
    Scenario(name="stop", run=stop, kind=Disturbance),
    Scenario(name="hang-asleep", run=hang_asleep, kind=Hang),
    Scenario(name="hang-locked", run=hang_locked, kind=Hang),
    Scenario(name="leak", run=leak, kind=Leak),
)
