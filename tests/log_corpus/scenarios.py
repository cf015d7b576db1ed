"""Whole logs with known causes, one after the other from a seed."""

# ruff: noqa: E501 — lines of programs are as long as they are

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from tests.log_corpus import formats, plants, traffic

from steadfast.health.log_diagnosis.findings import FindingKind as Kind

_BEGIN_S = 1_795_000_000.0
_MEASURED = (Kind.SLOW_REQUESTS, Kind.MEMORY_CREEP, Kind.QUEUE_JAM, Kind.CRASH_LOOP)
ALL_KINDS = (*plants.PLANTS, *_MEASURED)
_INDEPENDENT = (
    (Kind.DISK_FULL, Kind.PROVIDER_FALLBACK),
    (Kind.DEVICE_OUT_OF_MEMORY, Kind.LIBRARY_MISSING),
    (Kind.PRECISION_MISMATCH, Kind.DISK_FULL),
    (Kind.SEGFAULT, Kind.MODEL_MISSING),
    (Kind.DRIVER_MISMATCH, Kind.TOO_MANY_OPEN_FILES),
    (Kind.HOST_OUT_OF_MEMORY, Kind.PRECISION_MISMATCH),
    (Kind.MODEL_DAMAGED, Kind.LIBRARY_MISSING),
    (Kind.DOWNLOAD_CUT, Kind.PROVIDER_FALLBACK),
    (Kind.SLOW_REQUESTS, Kind.LIBRARY_MISSING),
    (Kind.MEMORY_CREEP, Kind.PRECISION_MISMATCH),
    (Kind.DEVICE_FAULT, Kind.MODEL_MISSING),
)
"""Pairs of which neither brings the other about."""
_DEADLY = (
    Kind.DEVICE_OUT_OF_MEMORY,
    Kind.HOST_OUT_OF_MEMORY,
    Kind.SEGFAULT,
    Kind.DEVICE_FAULT,
    Kind.MODEL_DAMAGED,
    Kind.MODEL_MISSING,
    Kind.LIBRARY_MISSING,
    Kind.DRIVER_MISMATCH,
    Kind.DISK_FULL,
    Kind.PRECISION_MISMATCH,
)
"""Causes after which a service may die again and again."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One log and what is wrong in it."""

    name: str
    lines: tuple[str, ...]
    causes: frozenset[Kind]

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


def scenarios(count: int, seed: int = 1) -> Iterator[Scenario]:
    """Six of ten with one cause, one and a half with two, the rest clean."""
    for index in range(count):
        random = Random(f"{seed}-{index}")
        part = index % 20
        if part < 12:
            cause = ALL_KINDS[index % len(ALL_KINDS)] if part < 11 else random.choice(ALL_KINDS)
            yield _Writer(random).scenario(f"{index}-{cause.value}", (cause,))
        elif part < 15:
            pair = _INDEPENDENT[(index // 20 * 3 + part) % len(_INDEPENDENT)]
            yield _Writer(random).scenario(f"{index}-{pair[0].value}+{pair[1].value}", pair)
        else:
            yield _Writer(random).scenario(f"{index}-clean", ())


class _Writer:
    def __init__(self, random: Random) -> None:
        self._random = random
        self._inner = random.choice(list(formats.INNER.values()))
        self._outer = random.choice(formats.OUTER)
        self._behaviour = traffic.healthy(random)
        self._timed = random.choice(list(traffic.TIMED))
        self._has_times = random.random() < 0.7
        self._lines: list[tuple[float, str]] = []
        self._span_s = random.choice((900.0, 7200.0, 86400.0))

    def scenario(self, name: str, causes: tuple[Kind, ...]) -> Scenario:
        for cause in causes:
            self._plant(cause)
        self._traffic()
        self._chatter()
        if not causes and self._random.random() < 0.5:
            self._rollout()
        self._lines.sort(key=lambda entry: entry[0])
        lines = tuple(self._outer(at_s, line) for at_s, line in self._lines)
        return Scenario(name=name, lines=lines, causes=frozenset(causes))

    def _plant(self, cause: Kind) -> None:
        if cause in plants.PLANTS:
            self._plant_text(cause)
        elif cause is Kind.CRASH_LOOP:
            self._plant_crash_loop(0.4, self._random.choice(plants.CRASH_REASONS))
        elif cause is Kind.MEMORY_CREEP:
            self._plant_creep()
        elif cause is Kind.QUEUE_JAM:
            self._plant_jam()
        else:
            self._plant_slowness()

    def _plant_text(self, cause: Kind) -> None:
        burst = self._random.choice(plants.PLANTS[cause])
        begin = self._random.uniform(0.1, 0.6)
        for _ in range(self._random.choice((1, 1, 2, 6, 25))):
            self._burst(burst, self._at(self._random.uniform(begin, min(1.0, begin + 0.3))))
        if cause in _DEADLY and self._random.random() < 0.35:
            self._plant_crash_loop(begin, burst)
        if cause is Kind.PROVIDER_FALLBACK and self._random.random() < 0.6:
            self._behaviour = replace(self._behaviour, slow_from=begin, slow_by=self._random.uniform(3, 12))
            self._has_times = True
        if cause in _DEADLY and self._random.random() < 0.2:
            for _ in range(8):
                self._say(
                    self._at(begin) + self._random.uniform(5, 200),
                    "error",
                    self._random.choice(plants.SLOW_TEXTS),
                )

    def _plant_crash_loop(self, begin: float, reason: tuple[str, ...]) -> None:
        death = self._random.choice(plants.CRASH_TEXTS)
        at_s = self._at(begin)
        for count in range(self._random.randint(7, 20)):
            self._burst(reason, at_s)
            self._burst(tuple(line.format(count=count + 4) for line in death), at_s + 0.5)
            at_s += self._random.uniform(3, 40)

    def _plant_creep(self) -> None:
        self._timed, self._has_times = self._random.choice(traffic.WITH_MEMORY), True
        leak_mb = self._behaviour.base_mb * self._random.uniform(0.6, 2.0) + 150
        creep_to = self._random.choice((1.0, 1.0, 2.5))
        self._behaviour = replace(
            self._behaviour, leak_mb=leak_mb, creep_to=creep_to, workers=("4711",), sawtooth_mb=10.0
        )

    def _plant_jam(self) -> None:
        if self._random.random() < 0.5:
            jam_ms = max(900.0, 4 * self._behaviour.median_ms)
            self._timed, self._has_times = self._random.choice(traffic.WITH_QUEUE), True
            self._behaviour = replace(self._behaviour, jam_from=self._random.uniform(0.3, 0.7), jam_ms=jam_ms)
            return
        text, begin_s = self._random.choice(plants.QUEUE_TEXTS), self._at(self._random.uniform(0.2, 0.7))
        for _ in range(self._random.randint(10, 60)):
            self._say(begin_s + self._random.uniform(0, 200), "warning", text)

    def _plant_slowness(self) -> None:
        if self._random.random() < 0.6:
            self._has_times = True
            begin = self._random.uniform(0.2, 0.7)
            end = 2.0 if self._random.random() < 0.7 else begin + 0.25
            by = self._random.uniform(2.5, 8.0)
            median_ms = max(self._behaviour.median_ms, 45.0)
            self._behaviour = replace(
                self._behaviour, median_ms=median_ms, slow_from=begin, slow_to=end, slow_by=by
            )
            return
        text, begin_s = self._random.choice(plants.SLOW_TEXTS), self._at(self._random.uniform(0.2, 0.7))
        for _ in range(self._random.randint(8, 40)):
            self._say(begin_s + self._random.uniform(0, 300), "warning", text)

    def _traffic(self) -> None:
        count = self._random.choice((250, 600, 1200))
        write = traffic.TIMED[self._timed] if self._has_times else traffic.uvicorn
        for index in range(count):
            at_s = self._at(index / count)
            request = self._behaviour.request(index, count, at_s, self._random)
            self._lines.append((at_s, write(request, self._random)))

    def _chatter(self) -> None:
        for _ in range(self._random.randint(20, 120)):
            self._say(self._at(self._random.random()), "info", self._random.choice(plants.CHATTER))

    def _rollout(self) -> None:
        """A deployment: one orderly stop and start per worker; and now and then a single slow request or retry."""
        at_s = self._at(self._random.random())
        for worker in range(self._random.randint(1, 4)):
            for text in (
                "Shutting down",
                f"Finished server process [{worker + 70}]",
                f"Started server process [{worker + 80}]",
            ):
                self._say(at_s + worker * 9, "info", text)
        self._say(at_s, "warning", self._random.choice(plants.SLOW_TEXTS[2:4]))

    def _burst(self, texts: tuple[str, ...], at_s: float) -> None:
        for offset, text in enumerate(texts):
            at = at_s + offset * 1e-3
            if text.startswith(plants.KERNEL):
                self._lines.append((at, formats.kernel(at, text.removeprefix(plants.KERNEL), self._random)))
            elif text.startswith((" ", "Traceback")) or not text:
                self._lines.append(
                    (
                        at,
                        text
                        if self._inner not in (formats.structlog_json, formats.json_message)
                        else self._inner(at, "error", text),
                    )
                )
            else:
                self._say(at, "error", text)

    def _say(self, at_s: float, level: str, text: str) -> None:
        self._lines.append((at_s, self._inner(at_s, level, text)))

    def _at(self, share: float) -> float:
        return _BEGIN_S + share * self._span_s
