"""Jitter goes, motion stays where it is."""

import numpy as np
import pytest
from numpy.typing import NDArray

from steadfast.faces.canonical import canonical_face
from steadfast.faces.face import Points, Topology
from steadfast.faces.smoothing import LandmarkSmoother

SHAPE = canonical_face(Topology.IBUG_68).points[:, :2].astype(np.float64) * 80
FRAME_S = 1 / 30


def noise(frames: int, sigma_px: float = 0.08) -> NDArray[np.float64]:
    """What a landmarker adds: to every point on its own, and to all together."""
    random = np.random.default_rng(5)
    each = random.normal(0, sigma_px, (frames, 68, 2))
    return np.asarray(each + random.normal(0, sigma_px, (frames, 1, 2)))


def smoothed(
    sequence: NDArray[np.float64], *, step_s: float = FRAME_S, flow: NDArray[np.float32] | None = None
) -> NDArray[np.float64]:
    smoother = LandmarkSmoother()
    answers = [smoother.update(p.astype(np.float32), i * step_s, flow) for i, p in enumerate(sequence)]
    return np.asarray(np.array(answers), dtype=np.float64)


def moving(frames: int, speed: tuple[float, float]) -> NDArray[np.float64]:
    return np.asarray(SHAPE + 200 + np.arange(frames)[:, None, None] * np.array(speed))


def jitter(sequence: NDArray[np.float64]) -> float:
    """Root mean square of the second difference, px: white noise of 1 px gives 2.4."""
    return float(np.sqrt(np.mean(np.diff(sequence, 2, axis=0) ** 2)))


def test_jitter_on_a_still_face_falls_to_a_third() -> None:
    trembling = moving(60, (0, 0)) + noise(60)
    assert jitter(smoothed(trembling)[10:]) < jitter(trembling[10:]) / 3


def test_a_steady_motion_is_not_trailed_by_half_a_frame() -> None:
    truth = moving(60, (3, -1.5))
    answer = smoothed(truth + noise(60))
    late = (truth[30:] - answer[30:]).mean(axis=(0, 1)) / np.array((3, -1.5))
    assert np.abs(late).max() < 0.2  # frames


def test_a_sudden_move_is_followed_at_once() -> None:
    truth = moving(40, (0, 0))
    truth[20:] += (12, 5)
    answer = smoothed(truth + noise(40))
    assert np.abs((answer[20] - truth[20]).mean(axis=0)).max() < 1


def test_an_opening_mouth_is_followed_at_once() -> None:
    truth = moving(40, (0, 0))
    truth[20:, 55:60, 1] += 8  # the lower lip
    answer = smoothed(truth + noise(40))
    assert np.abs(answer[20, 55:60, 1] - truth[20, 55:60, 1]).mean() < 1.5
    assert np.abs(answer[24, 55:60, 1] - truth[24, 55:60, 1]).mean() < 0.5


def test_the_flow_carries_a_face_through_frames_in_which_the_landmarker_errs() -> None:
    truth = moving(40, (4, 0))
    flow = np.array([[1, 0, 4], [0, 1, 0]], dtype=np.float32)
    with_flow, without = (smoothed(truth + noise(40, 0.2), flow=given) for given in (flow, None))
    assert jitter(with_flow.mean(axis=1)[10:]) < 0.5 * jitter(without.mean(axis=1)[10:])
    assert np.abs((with_flow - truth)[10:].mean(axis=1)).max() < 0.4


def test_a_flow_that_is_wrong_does_not_carry_the_face_away() -> None:
    truth = moving(60, (0, 0))
    wrong = np.array([[1, 0, 6], [0, 1, 0]], dtype=np.float32)
    answer = smoothed(truth, flow=wrong)
    assert np.abs(answer - truth).max() < 3


def test_turning_past_half_a_circle_does_not_jump() -> None:
    angles = np.radians(np.linspace(150, 215, 60))
    turn = np.array([[np.cos(angles), np.sin(angles)], [-np.sin(angles), np.cos(angles)]])
    truth = SHAPE @ turn.transpose(2, 0, 1) + 200
    assert np.abs(smoothed(truth) - truth).max() < 1.5


def test_the_first_frame_and_one_after_a_long_pause_are_taken_as_they_are() -> None:
    smoother = LandmarkSmoother()
    here, there = (SHAPE + 100).astype(np.float32), (SHAPE * 1.5 + 300).astype(np.float32)
    np.testing.assert_array_equal(smoother.update(here, 0), here)
    np.testing.assert_array_equal(smoother.update(there, 5.0), there)


def test_a_restart_forgets_the_past() -> None:
    smoother = LandmarkSmoother()
    smoother.update((SHAPE + 100).astype(np.float32), 0)
    smoother.restart()
    there = (SHAPE + 103).astype(np.float32)
    np.testing.assert_array_equal(smoother.update(there, FRAME_S), there)


def test_time_that_stands_still_or_runs_back_is_taken_as_a_fresh_start() -> None:
    smoother = LandmarkSmoother()
    smoother.update((SHAPE + 100).astype(np.float32), 1.0)
    there = (SHAPE + 103).astype(np.float32)
    np.testing.assert_array_equal(smoother.update(there, 1.0), there)
    np.testing.assert_array_equal(smoother.update(there, 0.5), there)


def test_the_speed_of_a_face_is_known_for_the_next_frame() -> None:
    smoother = LandmarkSmoother()
    for i, points in enumerate(moving(30, (3, -2))):
        smoother.update(points.astype(np.float32), i * FRAME_S)
    assert smoother.predicted_shift(30 * FRAME_S) == pytest.approx((3, -2), abs=0.1)
    assert smoother.predicted_shift(31 * FRAME_S) == pytest.approx((6, -4), abs=0.2)
    assert smoother.predicted_shift(90 * FRAME_S) == (0, 0)


@pytest.mark.parametrize("rate_fps", [12.5, 60.0])
def test_other_frame_rates_are_smoothed_as_well(rate_fps: float) -> None:
    trembling = moving(60, (0, 0)) + noise(60)
    answer = smoothed(trembling, step_s=1 / rate_fps)
    assert jitter(answer[10:]) < 0.6 * jitter(trembling[10:])


def test_a_face_is_carried_by_the_flow_alone_while_it_cannot_be_measured() -> None:
    smoother = LandmarkSmoother()
    flow = np.array([[1, 0, 4], [0, 1, -1]], dtype=np.float32)
    start = (SHAPE + 100).astype(np.float32)
    smoother.update(start, 0)
    for i in range(1, 6):
        carried = smoother.carry(flow, i * FRAME_S)
        assert carried is not None
        np.testing.assert_allclose(carried, start + np.array((4 * i, -i)), atol=1e-3)
    assert smoother.predicted_shift(6 * FRAME_S) == pytest.approx((4, -1), abs=0.01)


def test_without_a_past_there_is_nothing_to_carry() -> None:
    assert LandmarkSmoother().carry(np.eye(2, 3, dtype=np.float32), 1.0) is None


def test_points_that_coincide_raise_nothing() -> None:
    smoother = LandmarkSmoother()
    same: Points = np.full((68, 2), 5, dtype=np.float32)
    for i in range(3):
        assert np.isfinite(smoother.update(same, i * FRAME_S)).all()
