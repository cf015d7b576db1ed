"""Landmarks of one face without their jitter, and without lagging behind its motion.

What a landmark does from frame to frame is the motion of the head (shift, turn, size) plus a change of shape
(speech, blinks) plus the network's noise. The first is predicted, from the optical flow of the face where it
was measured and else from the speed, so a moving head is not trailed; the second is held still as long as it
stays within the noise. Both open up at once where a change is larger than noise can be: the idea of the
one-euro filter (Casiez, Roussel & Vogel 2012), driven by what the prediction missed instead of by speed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steadfast.faces.alignment import Transform
from steadfast.faces.face import Points, Topology

_FRAME_S = 1 / 30  # the rate at which the gains were chosen; others are converted to it


@dataclass(frozen=True, kw_only=True, slots=True)
class SmoothingOptions:
    """How much is noise; lengths in widths of the face."""

    noise_shift: float = 0.002  # of the head's place
    noise_size: float = 0.002  # of the logarithm of its size
    noise_turn_rad: float = 0.003  # of its tilt
    noise_shape: float = 0.002  # of one landmark beside the motion of the head
    calm_gain: float = 0.25  # share of a new measurement that is taken while nothing exceeds the noise
    flow_gain: float = 0.1  # the same for the head's motion where the flow has predicted it
    flow_trust: float = 2.0  # by how much more a measurement must then differ to be believed at once
    longest_gap_s: float = 0.5  # after a longer pause it starts anew

    @staticmethod
    def for_topology(topology: Topology) -> "SmoothingOptions":
        """What suits a landmarker: measured on faces of 60 px, so that shape lags by half a frame at most."""
        # dlib's regression trees jump between leaves; FaceMesh trembles half as much.
        return SmoothingOptions(noise_shape=0.0035 if topology is Topology.IBUG_68 else 0.002)


class LandmarkSmoother:
    """The memory of one face; give it every frame in order."""

    def __init__(self, options: SmoothingOptions | None = None) -> None:
        self._options = options or SmoothingOptions()
        self._time_s = 0.0
        self._shape: NDArray[np.complex128] | None = None  # centred, in widths of the face, level
        self._motion = np.zeros(4)  # x px, y px, log px per width, turn in radians
        self._speed = np.zeros(4)  # of each, per frame of _FRAME_S

    def restart(self) -> None:
        """Forgets the past: the next points are taken as they are."""
        self._shape = None

    def update(self, points: Points, time_s: float, flow: Transform | None = None) -> Points:
        """The points, N × 2 px, without jitter; `time_s` is the frame's own time and must grow.

        `flow` is the motion of the face since the last update, if it was measured (see `motion`).
        """
        frames = (time_s - self._time_s) / _FRAME_S
        self._time_s = time_s
        place = np.asarray(points @ np.array((1, 1j)), dtype=np.complex128)
        if self._shape is None or not 0 < frames <= self._options.longest_gap_s / _FRAME_S:
            return self._start(place, points)
        measured, shape = _fit(self._shape, place, self._motion[3])
        self._follow_motion(measured, flow, frames)
        self._follow_shape(shape, frames)
        return self._points()

    def carry(self, flow: Transform, time_s: float) -> Points | None:
        """The points moved by the flow alone, where no measurement can be trusted; None without a past."""
        frames = (time_s - self._time_s) / _FRAME_S
        self._time_s = time_s
        if self._shape is None or not 0 < frames <= self._options.longest_gap_s / _FRAME_S:
            self._shape = None
            return None
        before = self._motion
        self._motion = _carried(before, flow)
        self._speed = (self._motion - before) / frames
        return self._points()

    def predicted_shift(self, time_s: float) -> tuple[float, float]:
        """How far (x, y) in px the face has probably moved by `time_s` since the last update."""
        frames = (time_s - self._time_s) / _FRAME_S
        if self._shape is None or not 0 < frames <= self._options.longest_gap_s / _FRAME_S:
            return 0.0, 0.0
        return float(self._speed[0] * frames), float(self._speed[1] * frames)

    def _start(self, place: NDArray[np.complex128], points: Points) -> Points:
        middle = place.mean()
        width = max(float(np.ptp(points[:, 0])), float(np.ptp(points[:, 1])), 1e-3)
        self._shape = (place - middle) / width
        self._motion = np.array((middle.real, middle.imag, np.log(width), 0.0))
        self._speed = np.zeros(4)
        return points.astype(np.float32)

    def _follow_motion(self, measured: NDArray[np.float64], flow: Transform | None, frames: float) -> None:
        o = self._options
        width = float(np.exp(self._motion[2]))
        noise = np.array((o.noise_shift * width, o.noise_shift * width, o.noise_size, o.noise_turn_rad))
        before = self._motion
        predicted = before + self._speed * frames if flow is None else _carried(before, flow)
        missed = measured - predicted
        amount = np.abs(missed) / (noise if flow is None else noise * o.flow_trust)
        amount[:2] = amount[:2].max()  # a face does not stop in y while it moves in x
        gain = _gain(amount, o.calm_gain if flow is None else o.flow_gain, frames)
        self._motion = predicted + gain * missed
        if flow is None:  # Benedict & Bordner (1962): the speed's gain that goes with the place's
            self._speed = self._speed + gain**2 / (2 - gain) * missed / frames
        else:
            self._speed = (self._motion - before) / frames

    def _follow_shape(self, shape: NDArray[np.complex128], frames: float) -> None:
        assert self._shape is not None
        missed = shape - self._shape
        gain = _gain(np.abs(missed) / self._options.noise_shape, self._options.calm_gain, frames)
        self._shape = self._shape + gain * missed

    def _points(self) -> Points:
        assert self._shape is not None
        x, y, log_width, turn = self._motion
        place = self._shape * np.exp(log_width + 1j * turn) + complex(x, y)
        return np.stack((place.real, place.imag), axis=1).astype(np.float32)


def _gain(amount: NDArray[np.float64], calm: float, frames: float) -> NDArray[np.float64]:
    """From `calm` where the change is within the noise (amount ≤ 1) to 1 where it is five times as large."""
    opening = np.clip((amount - 1) / 4, 0, 1)
    gain = calm + (1 - calm) * opening
    return np.asarray(1 - (1 - gain) ** frames if frames < 1 else gain, dtype=np.float64)


def _carried(motion: NDArray[np.float64], flow: Transform) -> NDArray[np.float64]:
    """The motion after the flow."""
    factor = complex(flow[0, 0], flow[1, 0])
    place = factor * complex(motion[0], motion[1]) + complex(flow[0, 2], flow[1, 2])
    return np.array((place.real, place.imag, motion[2] + np.log(abs(factor)), motion[3] + np.angle(factor)))


def _fit(
    shape: NDArray[np.complex128], place: NDArray[np.complex128], last_turn: float
) -> tuple[NDArray[np.float64], NDArray[np.complex128]]:
    """The motion that takes the shape nearest to the points (least squares), and the points' own shape."""
    middle = place.mean()
    center = shape.mean()
    factor = np.vdot(shape - center, place - middle) / max(
        np.vdot(shape - center, shape - center).real, 1e-12
    )
    factor = factor if abs(factor) > 1e-9 else 1e-9 + 0j
    origin = middle - center * factor
    turn = last_turn + np.angle(factor * np.exp(-1j * last_turn))  # counted on, so it never jumps by 360°
    motion = np.array((origin.real, origin.imag, np.log(abs(factor)), turn))
    return motion, (place - origin) / factor
