"""The last minutes of requests: right figures in a memory that does not grow."""

from steadfast.observability.requests import RequestEnded
from steadfast.observability.status.trend import TrafficTrend


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def ended(took_s: float, status: int = 200, code: str = "") -> RequestEnded:
    return RequestEnded(
        request_id="r", route="/v1/swap", task="face_swap", status=status, code=code, took_s=took_s
    )


def test_each_second_has_its_own_rate_and_a_quiet_one_has_no_duration() -> None:
    clock = Clock()
    trend = TrafficTrend(clock, steps=5)
    for took_s in (0.1, 0.1, 0.4):
        trend.hear(ended(took_s))
    clock.now_s += 2.0
    trend.hear(ended(0.2))
    clock.now_s += 1.0
    told = trend.status()
    assert told.rate == [0.0, 0.0, 3.0, 0.0, 1.0]
    assert told.p50_s[:2] == [None, None]
    assert told.p50_s[3] is None
    assert told.p50_s[2] is not None
    assert abs(told.p50_s[2] / 0.1 - 1) < 0.05
    assert told.p90_s[2] is not None
    assert abs(told.p90_s[2] / 0.4 - 1) < 0.05


def test_a_second_that_still_runs_is_not_taken_for_a_slow_one() -> None:
    clock = Clock()
    trend = TrafficTrend(clock, steps=3)
    trend.hear(ended(0.1))
    assert trend.status().rate == [0.0, 0.0, 0.0]


def test_what_is_our_fault_is_kept_apart_from_what_is_the_callers() -> None:
    clock = Clock()
    trend = TrafficTrend(clock, steps=3)
    trend.hear(ended(0.1, 500, "worker_crashed"))
    trend.hear(ended(0.1, 503, "overloaded"))
    trend.hear(ended(0.1, 504, "deadline_exceeded"))
    trend.hear(ended(0.1, 422, "no_face"))
    trend.hear(ended(0.1, 429, "rate_limited"))
    clock.now_s += 1.0
    told = trend.status()
    assert (told.requests, told.failures, told.refused) == (5, 3, 2)
    assert told.window_p50_s is None


def test_a_long_silence_empties_it_and_costs_nothing() -> None:
    clock = Clock()
    trend = TrafficTrend(clock, steps=4)
    trend.hear(ended(0.1))
    clock.now_s += 1e9
    told = trend.status()
    assert told.rate == [0.0] * 4
    assert told.requests == 0


def test_the_window_is_of_its_own_length() -> None:
    clock = Clock()
    trend = TrafficTrend(clock, steps=120)
    for _ in range(100):
        trend.hear(ended(1.0))
        clock.now_s += 1.0
    told = trend.status(window_s=60.0)
    assert (told.requests, told.window_s) == (60, 60.0)
    assert told.window_p99_s == 1.0
