"""Endurance: mixed traffic and a random fault every few seconds, as an outside client sees it.

    python -m benchmarks.soak --minutes 30 --every 10 --seed 1 [--write]   the development run
    python -m benchmarks.soak --minutes 480 --every 10                     eight hours, for your own machine
    python -m benchmarks.soak --minutes 3                                  whether it works at all

Starts a private server as `steadfast drill` does (guardian, server, real workers), plays the drill's mix
of photos, questions and video jobs against it at a third of what the machine can do, and injects the
drill's own faults in an order that the seed decides. For five sixths of the time faults hit workers,
models, memory, disks, stores and traffic, and the server process is never restarted, so that what it
leaks can be seen; then faults hit the server and the guardian. The two are told apart. `--write` puts the
result into docs/reliability.md.
"""

import argparse
import asyncio
import dataclasses
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.soak_figures import Asked, Injected
from benchmarks.soak_report import Report, page_of, report, write
from steadfast.drill.building import Builder
from steadfast.drill.detection import detection, incident_kinds
from steadfast.drill.fault import Fault, Group, NotHere, Scene
from steadfast.drill.house import HouseKind, PrivateServer
from steadfast.drill.materials import Materials, built_in_materials
from steadfast.drill.observer import Observer
from steadfast.drill.registry import known_faults
from steadfast.drill.traffic import Traffic
from steadfast.errors import ServiceError
from steadfast.settings import Settings

_SHARE_OF_CAPACITY = 0.3
_SERVER_SHARE = 1 / 6
"""Part of the time in which faults hit the server itself."""
_SETTLE_S = 30.0
"""Between the two stretches, so that what one has left is not told of the other."""
_SAMPLE_S = 1.0
_WHOLE_WITHIN_S = 60.0
_MIB = 1 << 20
_SLOWER = frozenset({"latency_regression", "saturation", "stuck_queue", "throughput_cliff"})
_CONSEQUENCES: dict[Group, frozenset[str]] = {
    Group.WORKER: _SLOWER | {"worker_died"},
    Group.MODEL: _SLOWER | {"worker_died", "reloading"},
    Group.MEMORY: _SLOWER | {"worker_died", "stepped_down", "reloading", "memory", "worker_memory"},
    Group.DISK: frozenset({"disk_space", "disk_space_trend", "database"}),
    Group.STORE: frozenset({"database", "probe_failed"}),
    Group.TRAFFIC: _SLOWER | {"error_rate"},
    Group.SERVER: _SLOWER | {"server_died", "task_proof", "loop_lag"},
    Group.SURROUNDINGS: frozenset({"worker_died"}),  # those that kill one, so that there is something to tell
}
"""Incidents that any fault of that group explains, beside those that it names itself; `flapping` is explained
by faults every few seconds. That the loop lags, no slow disk or store explains, and nothing that befalls
workers; that a worker dies, nothing that clients send but the poisonous picture."""
_REFUSED_ENTRY = frozenset({"overloaded", "rate_limited"})
"""What a request that carries a fault may be told before it reaches any worker: then nothing was broken."""
_ALONE = frozenset({"disk-full"})
"""Others cannot begin meanwhile: their orders are files on that disk."""
_UNUSUAL = frozenset({"cuda-oom-real"})


@dataclass(kw_only=True)
class Samples:
    """Memory and descriptors, by seconds since the run began."""

    server_mib: list[tuple[float, float]] = field(default_factory=list)
    all_mib: list[tuple[float, float]] = field(default_factory=list)
    server_descriptors: list[tuple[float, float]] = field(default_factory=list)
    all_descriptors: list[tuple[float, float]] = field(default_factory=list)

    def take(self, house: PrivateServer, at_s: float) -> None:
        """One of each."""
        mib = descriptors = 0.0
        for process in _family(house):
            with suppress(psutil.Error, OSError):
                size, files = process.memory_info().rss / _MIB, process.num_fds()
                mib, descriptors = mib + size, descriptors + files
                if " ".join(process.cmdline()).startswith("steadfast: server"):
                    self.server_mib.append((at_s, size))
                    self.server_descriptors.append((at_s, files))
        self.all_mib.append((at_s, mib))
        self.all_descriptors.append((at_s, descriptors))


def _family(house: PrivateServer) -> list[psutil.Process]:
    with suppress(psutil.Error):
        if house.process is not None:
            root = psutil.Process(house.process.pid)
            return [root, *root.children(recursive=True)]
    return []


@dataclass(kw_only=True)
class Stretch:
    """One of the two parts of the run."""

    faults: list[Injected] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    not_run: Counter[str] = field(default_factory=Counter)
    carriers: Counter[str] = field(default_factory=Counter)
    """Answers to requests that carried a fault."""
    broken: list[str] = field(default_factory=list)
    outages: list[tuple[str, float]] = field(default_factory=list)
    """Of faults of the server: for how long the port was silent."""


class Soak:
    """One run."""

    def __init__(self, house: PrivateServer, materials: Materials, *, every_s: float, seed: int) -> None:
        self.house = house
        self.every_s = every_s
        self.dice = random.Random(seed)
        self.materials = materials
        self.traffic = Traffic(endpoint=house.endpoint, materials=materials, rate_per_s=1.0)
        self.observer = Observer(house=house)
        self.samples = Samples()
        self.usual, self.of_server = Stretch(), Stretch()
        self.rate_per_s = 0.0
        self.began_s = 0.0
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self, minutes: float) -> None:
        """All of it. Raises `ServiceError` where the service does not come up."""
        await self.traffic.learn()
        self.rate_per_s = self.traffic.rate_per_s = await self._measure()
        faults = [kind for name, kind in known_faults().items() if self._fits(name, kind)]
        usual = [kind for kind in faults if kind.group is not Group.SERVER]
        of_server = [kind for kind in faults if kind.group is Group.SERVER]
        self.began_s = time.monotonic()
        sampling = asyncio.create_task(self._sample())
        async with self.observer, self.traffic:
            await self._stretch(self.usual, usual, minutes * 60 * (1 - _SERVER_SHARE))
            sampling.cancel()
            await self._stretch(self.of_server, of_server, minutes * 60 * _SERVER_SHARE)
            self.traffic.submit_jobs = False
            await self.traffic.jobs_end(self.traffic.jobs, 180.0)

    def _fits(self, name: str, kind: type[Fault]) -> bool:
        return kind.house in (HouseKind.USUAL, self.house.blueprint.kind) and name not in _UNUSUAL

    async def _measure(self) -> float:
        flood = Traffic(
            endpoint=self.house.endpoint,
            materials=self.materials,
            rate_per_s=1000.0,
            concurrency=8,
            submit_jobs=False,
        )
        async with flood:
            await asyncio.sleep(5.0)
            done = sum(one.answer.is_good for one in flood.sent)
        return max(0.5, round(done / 5.0 * _SHARE_OF_CAPACITY, 2))

    async def _sample(self) -> None:
        while True:
            self.samples.take(self.house, time.monotonic() - self.began_s)
            await asyncio.sleep(_SAMPLE_S)

    # --- faults -----------------------------------------------------------------------------------------

    async def _stretch(self, stretch: Stretch, kinds: list[type[Fault]], seconds: float) -> None:
        """Faults in rounds, each in an order of its own; those of the server wait until all is whole."""
        begin_s = time.monotonic()
        deck: list[type[Fault]] = []
        due_s = begin_s + self.every_s
        while due_s < begin_s + seconds:
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            if stretch is self.of_server:
                await self._until_quiet()
            due_s = max(due_s, time.monotonic()) + self.every_s
            if not deck:
                deck = self.dice.sample(kinds, len(kinds))
            kind = deck.pop()
            task = asyncio.create_task(self._suffer(stretch, kind))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            if kind.name in _ALONE:
                await task
        await self._until_quiet()
        await asyncio.sleep(min(_SETTLE_S, seconds / 10))
        seen = self.traffic.between(begin_s, time.monotonic())
        stretch.asked = [
            Asked(
                begin_s=one.answer.sent_at_s,
                end_s=one.answer.ended_at_s,
                is_good=one.answer.is_good,
                words=one.answer.words(),
                code=one.answer.code,
                is_wrong=one.is_wrong,
            )
            for one in seen
            if one.answer.sent_at_s >= begin_s
        ]

    async def _until_quiet(self) -> None:
        await asyncio.gather(*self._under_way)
        await self._until_whole_again()

    async def _suffer(self, stretch: Stretch, kind: type[Fault]) -> None:
        """One fault from its injection to its end, and what was seen of it."""
        fault = kind()
        scene = Scene(
            house=self.house,
            traffic=self.traffic,
            materials=self.materials,
            dice=random.Random(self.dice.getrandbits(32)),
        )
        if why := fault.missing(self.house):
            stretch.not_run[f"{kind.name}: {why}"] += 1
            return
        before = self.observer.looks[-1].workers
        begin_s = time.monotonic()
        self._say(kind, "begins")
        try:
            await fault.inject(scene)
            end_s = await self._heal(fault, scene, begin_s)
            noticed = await self._noticed(fault, scene, begin_s, before)
            await asyncio.gather(*scene.running, return_exceptions=True)
            if scene.carriers and all(answer.code in _REFUSED_ENTRY for answer in scene.carriers):
                raise NotHere("its request was refused, there was too much to do")
        except (NotHere, ServiceError, OSError) as why:
            self._say(kind, f"not run: {why}")
            stretch.not_run[f"{kind.name}: {why}"] += 1
            with suppress(NotHere, ServiceError, OSError):
                await fault.heal(scene)
            return
        finally:
            with suppress(ServiceError):
                await scene.lift()
        stretch.carriers += Counter(f"{kind.name}: {answer.words()}" for answer in scene.carriers)
        stretch.broken += [f"{kind.name}: {sentence}" for sentence in scene.broken]
        if kind.group is Group.SERVER:
            await self._until_whole_again()
            silence_s = self.observer.longest_silence_s(begin_s, time.monotonic())
            stretch.outages.append((kind.name, silence_s))
        stretch.faults.append(_injected(fault, begin_s, end_s, noticed))
        told = ", ".join(f"{answer.words()} after {answer.took_ms:.0f} ms" for answer in scene.carriers)
        self._say(kind, f"is over, noticed by {noticed or 'nothing'}{' (' + told + ')' if told else ''}")

    def _say(self, kind: type[Fault], words: str) -> None:
        print(f"{time.monotonic() - self.began_s:7.1f} s  {kind.name} {words}", flush=True)

    async def _heal(self, fault: Fault, scene: Scene, begin_s: float) -> float:
        """When it was over: at once, where it is only a moment."""
        if not fault.lasts_s:
            return begin_s
        await asyncio.sleep(max(0.0, begin_s + fault.lasts_s - time.monotonic()))
        await fault.heal(scene)
        await scene.lift()
        return time.monotonic()

    async def _until_whole_again(self) -> None:
        until_s = time.monotonic() + _WHOLE_WITHIN_S
        while time.monotonic() < until_s and not self.observer.looks[-1].is_whole:
            await asyncio.sleep(0.1)

    async def _noticed(self, fault: Fault, scene: Scene, begin_s: float, before: frozenset[str]) -> str:
        """The sign; an incident of the right kind that is still open counts too: it is told only once."""
        expected = fault.expect()
        kinds = incident_kinds(expected)
        until_s = max(time.monotonic(), begin_s + expected.detect_within_s)
        while expected.signs:
            found = detection(scene, self.observer, expected, begin_s, before)
            if found is not None:
                return found[1]
            lasting = kinds & self.observer.looks[-1].incidents
            if lasting:
                return f"{next(iter(lasting))} (still open)"
            if time.monotonic() > until_s:
                return ""
            await asyncio.sleep(0.1)
        return ""


def _injected(fault: Fault, begin_s: float, end_s: float, noticed: str) -> Injected:
    expected = fault.expect()
    return Injected(
        name=fault.name,
        group=fault.group.value,
        begin_s=begin_s,
        end_s=end_s,
        incident_kinds=incident_kinds(expected),
        side_kinds=frozenset(expected.side_signs) | _CONSEQUENCES[fault.group] | {"flapping"},
        refusals=frozenset(expected.refusals),
        noticed_by=noticed,
        must_be_noticed=bool(expected.signs),
        tell_until_s=begin_s + expected.detect_within_s,
    )


async def soak_for(minutes: float, *, every_s: float, seed: int, engine: str, folder: Path) -> Report:
    """Starts a house, soaks it, ends it."""
    this = asyncio.current_task()
    assert this is not None
    # The house must not outlive us.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    settings = Settings()
    builder = Builder(settings, folder, engine=engine, workers=2)
    try:
        house = builder.build(HouseKind.SMALL_DISK)
    except NotHere:
        house = builder.build(HouseKind.USUAL)
    try:
        house.start()
        await house.until_whole()
        soak = Soak(house, built_in_materials(), every_s=every_s, seed=seed)
        await soak.run(minutes)
    finally:
        for name in ("server", "guardian"):
            Path(tempfile.gettempdir(), f"steadfast-soak-{name}.log").write_text(house.log(name))
        await house.stop()
    return report(soak, minutes=minutes, seed=seed)


def main() -> None:
    """Prints the table; the logs of server and guardian stay in the folder for temporary files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--every", type=float, default=10.0, help="seconds between faults")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", default="embedded")
    parser.add_argument("--json", type=Path, help="writes everything there")
    parser.add_argument("--write", action="store_true", help="into docs/reliability.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="steadfast-soak-") as folder:
        found = asyncio.run(
            soak_for(
                options.minutes,
                every_s=options.every,
                seed=options.seed,
                engine=options.engine,
                folder=Path(folder),
            )
        )
    section = page_of(found)
    print(section)
    for words, count in sorted(found.carriers.items()):
        print(f"carrier {words}: {count}")
    if options.json:
        options.json.write_text(json.dumps(_plain(found), indent=1))
    if options.write:
        write(section)
    sys.exit(bool(found.jobs_lost or found.missed or found.imagined or found.usual.availability < 0.9999))


def _plain(found: Report) -> dict[str, Any]:
    return dict(json.loads(json.dumps(dataclasses.asdict(found))))


if __name__ == "__main__":
    main()
