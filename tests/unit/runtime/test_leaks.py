"""Growth without end is told from warm-up, plateaus and sawteeth."""

import random

from steadfast.runtime.leaks import MIB, LeakDetector, fit_line


def test_a_leak_of_20_mb_per_request_is_seen_within_a_few_requests() -> None:
    detector = LeakDetector()
    seen_after = 0
    for requests in range(1, 100):
        detector.add(requests, (100 + 20 * requests) * MIB)
        if detector.leak:
            seen_after = requests
            break
    assert 16 <= seen_after <= 30


def test_a_slow_leak_is_seen_in_the_end() -> None:
    detector = LeakDetector()
    rng = random.Random(1)
    for requests in range(1, 40_000):
        detector.add(requests, 200 * MIB + requests * 8192 + rng.randrange(4 * MIB))
    assert detector.leak


def test_a_leak_that_begins_late_is_seen_as_soon_as_one_that_was_always_there() -> None:
    detector = LeakDetector()
    rng = random.Random(3)
    seen_after = 0
    for requests in range(1, 3000):
        leaked = max(0, requests - 2000) * 24 * MIB
        detector.add(requests, 300 * MIB + leaked + rng.randrange(10 * MIB))
        if detector.leak:
            seen_after = requests
            break
    assert 2010 <= seen_after <= 2024


def test_warm_up_is_no_leak() -> None:
    detector = LeakDetector()
    for requests in range(1, 500):
        detector.add(requests, min(requests, 12) * 50 * MIB)
    assert not detector.leak


def test_a_step_to_a_new_plateau_is_no_leak() -> None:
    detector = LeakDetector()
    for requests in range(1, 2000):
        detector.add(requests, (200 if requests < 900 else 500) * MIB)
    assert not detector.leak


def test_a_sawtooth_is_no_leak() -> None:
    detector = LeakDetector()
    for requests in range(1, 3000):
        detector.add(requests, (200 + (requests * 37) % 300) * MIB)
    assert not detector.leak


def test_noise_around_a_level_is_no_leak() -> None:
    detector = LeakDetector()
    rng = random.Random(2)
    for requests in range(1, 5000):
        detector.add(requests, 300 * MIB + rng.randrange(150 * MIB))
    assert not detector.leak


def test_a_line_is_found_as_it_was_drawn() -> None:
    growth = fit_line([(x, 7 * x + 3) for x in range(10)])
    assert abs(growth.bytes_per_request - 7) < 1e-9
    assert abs(growth.fit - 1) < 1e-9
    assert abs(growth.total_bytes - 63) < 1e-9
