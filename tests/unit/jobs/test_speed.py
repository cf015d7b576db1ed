"""Speed is that of the last seconds."""

from steadfast.jobs.speed import SpeedMeter


class Seen:
    """A meter that is told of one job, second by second."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.meter = SpeedMeter(lambda: self.now_s)

    def note(self, units: int, *, after_s: float = 1.0) -> None:
        self.now_s += after_s
        self.meter.note("a", units)


def test_speed_is_that_of_the_last_seconds() -> None:
    seen = Seen()
    for second in range(4):
        seen.note(30 * second)
    assert seen.meter.per_s("a") == 30.0
    for second in range(1, 40):
        seen.note(90 + 10 * second)
    assert seen.meter.per_s("a") == 10.0
    seen.meter.forget("a")
    assert seen.meter.per_s("a") is None


def test_what_is_left_is_foretold_only_once_enough_was_seen() -> None:
    seen = Seen()
    seen.note(0)
    seen.note(200, after_s=0.5)  # a burst
    assert (seen.meter.per_s("a"), seen.meter.left_s("a", 1000)) == (None, None)
    for second in range(1, 4):
        seen.note(200 + 10 * second)
    assert seen.meter.per_s("a") is not None
    assert seen.meter.left_s("a", 1000) is None
    for second in range(4, 40):
        seen.note(200 + 10 * second)
    assert seen.meter.left_s("a", 1000) == 100.0


def test_the_time_before_the_first_frame_is_no_slowness() -> None:
    seen = Seen()
    for _ in range(20):
        seen.note(0)
    for second in range(1, 10):
        seen.note(30 * second)
    assert seen.meter.per_s("a") == 30.0


def test_a_job_that_another_server_has_ended_is_forgotten_in_silence() -> None:
    seen = Seen()
    for second in range(4):
        seen.note(30 * second)
    assert seen.meter.forget_silent() == {"a"}
    seen.now_s += 20.0
    assert seen.meter.forget_silent() == frozenset()
    assert seen.meter.per_s("a") is None
