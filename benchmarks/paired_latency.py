"""What probes do to requests: two services side by side, one that looks after itself and one that does not.

Requests go to the one and the other in turns, in pairs whose order changes, so whatever else the machine does
falls on both alike. The worker sleeps for a fixed time, so the time beside it is the service's own.
"""

import http.client
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray
from tests.faulty_faces import act
from tests.serving_house import FAULTY, ServingHouse, serving

BAR = 0.01
"""By how much a request may be slower, at the 99th part of a hundred."""
_WORK_S = 0.02
_WARM_UP_S = 5.0
_BLOCKS = 50
_RESAMPLES = 2000
_BOUNDARY = "pairs"


@dataclass(frozen=True, kw_only=True)
class Paired:
    """Milliseconds of the same requests with probes and without, in the order in which they came."""

    with_ms: NDArray[np.float64]
    without_ms: NDArray[np.float64]

    def slower_by(self, part: float) -> float:
        """How much slower at that quantile, as a part; negative: faster."""
        return float(np.quantile(self.with_ms, part) / np.quantile(self.without_ms, part) - 1)

    def interval(self, part: float) -> tuple[float, float]:
        """Where that lies with 95 %, by resampling stretches of the run, because neighbours are alike."""
        dice = np.random.default_rng(7)
        blocks = np.array_split(np.arange(len(self.with_ms)), _BLOCKS)
        found = []
        for _ in range(_RESAMPLES):
            chosen = np.concatenate([blocks[index] for index in dice.integers(0, _BLOCKS, _BLOCKS)])
            found.append(
                Paired(with_ms=self.with_ms[chosen], without_ms=self.without_ms[chosen]).slower_by(part)
            )
        low, high = np.quantile(found, [0.025, 0.975])
        return float(low), float(high)


def measure_pairs(folder: Path, seconds: float) -> Paired:
    """Asks both for that long."""
    quiet = FAULTY | {"STEADFAST_LOGS__LEVEL": "warning", "STEADFAST_RUNTIME__WORKERS": "1"}
    with ExitStack() as both:
        asked = [
            _asked(both.enter_context(serving(folder / name, quiet | {"STEADFAST_HEALTH__ENABLED": enabled})))
            for name, enabled in (("with", "true"), ("without", "false"))
        ]
        times: tuple[list[float], list[float]] = ([], [])
        dice, began_s = Random(7), time.monotonic()
        while (passed_s := time.monotonic() - began_s) < seconds + _WARM_UP_S:
            for index in dice.sample((0, 1), 2):
                took_ms = next(asked[index])
                if passed_s > _WARM_UP_S:
                    times[index].append(took_ms)
    count = min(map(len, times))
    return Paired(with_ms=np.array(times[0][:count]), without_ms=np.array(times[1][:count]))


def _asked(house: ServingHouse) -> Iterator[float]:
    """One request after the other over one connection, and the milliseconds that each took."""
    part = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="%s"; filename="x"\r\n\r\n'
    picture = act("echo", seconds=_WORK_S).decode()
    body = f"{part % 'source'}a source\r\n{part % 'target'}{picture}\r\n--{_BOUNDARY}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
    connection = http.client.HTTPConnection(house.url.removeprefix("http://"))
    while True:
        began_s = time.perf_counter()
        connection.request("POST", "/v1/swap", body, headers)
        answer = connection.getresponse()
        answer.read()
        yield (time.perf_counter() - began_s) * 1000
        assert answer.status == 200, answer.status


def print_pairs(pairs: Paired) -> bool:
    """One table; whether the bar is held."""
    print(f"\n{len(pairs.with_ms)} pairs of requests that take {_WORK_S * 1000:.0f} ms in a worker")
    print(f"{'quantile':10}{'without ms':>12}{'with ms':>10}{'slower by':>11}{'95 % interval':>20}")
    for part in (0.5, 0.9, 0.99):
        low, high = pairs.interval(part)
        print(
            f"{f'p{part * 100:g}':10}{np.quantile(pairs.without_ms, part):12.3f}"
            f"{np.quantile(pairs.with_ms, part):10.3f}{pairs.slower_by(part):11.2%}"
            f"{f'{low:.2%} … {high:.2%}':>20}"
        )
    is_held = pairs.slower_by(0.99) <= BAR
    print(f"bar: at most {BAR:.0%} slower at p99: {'holds' if is_held else 'MISSED'}")
    return is_held
