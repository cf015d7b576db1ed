"""Speed is that of the last seconds."""

from steadfast.jobs.speed import SpeedMeter


def test_speed_is_known_from_the_second_look_on_and_follows_changes() -> None:
    now = [0.0]
    meter = SpeedMeter(lambda: now[0])
    meter.note("a", 0)
    assert meter.per_s("a") is None
    now[0] = 1.0
    meter.note("a", 30)
    assert meter.per_s("a") == 30.0
    for second in range(2, 40):
        now[0] = float(second)
        meter.note("a", 30 + 10 * (second - 1))
    assert meter.per_s("a") == 10.0
    meter.forget("a")
    assert meter.per_s("a") is None
