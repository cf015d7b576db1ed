"""Non-maximum suppression: of detections that cover the same face, only the best stays."""

import numpy as np
from numpy.typing import NDArray

from steadfast.faces.face import Box

Boxes = NDArray[np.float32]
"""N × 4: left, top, right, bottom in pixels."""


def overlap(box: NDArray[np.float32], boxes: Boxes) -> NDArray[np.float32]:
    """Intersection over union of one box (4) with each of N boxes, 0–1; empty boxes overlap nothing."""
    left_top = np.maximum(box[:2], boxes[:, :2])
    right_bottom = np.minimum(box[2:], boxes[:, 2:])
    shared = np.prod(np.clip(right_bottom - left_top, 0, None), axis=1)
    areas = np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None), axis=1)
    union = areas + float(np.prod(np.clip(box[2:] - box[:2], 0, None))) - shared
    return np.asarray(np.where(union > 0, shared / np.maximum(union, 1e-9), 0), dtype=np.float32)


def best_of_overlapping(boxes: Boxes, scores: NDArray[np.float32], *, max_overlap: float) -> NDArray[np.intp]:
    """Rows of the detections that stay, best score first; equal scores keep the order given."""
    waiting = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while waiting.size:
        best = int(waiting[0])
        kept.append(best)
        rest = waiting[1:]
        waiting = rest[overlap(boxes[best], boxes[rest]) <= max_overlap]
    return np.asarray(kept, dtype=np.intp)


def box_overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes, 0–1."""
    first, second = (np.array([b.left, b.top, b.right, b.bottom], dtype=np.float32) for b in (one, other))
    return float(overlap(first, second[None])[0])
