"""What is given up when memory runs out costs no answer, with the real model that is shipped."""

from pathlib import Path

import cv2
import numpy as np

from steadfast.entailment.shapes.evaluation import FRESH_SEED, cases, drawn
from steadfast.task import Request
from steadfast.tasks.entail_messages import EntailAnswer, EntailRequest
from steadfast.tasks.visual_entailment import VisualEntailmentTask


def test_every_step_of_the_ladder_gives_the_same_answers(tmp_path: Path) -> None:
    scene, sentence = cases(FRESH_SEED, 1)[0]
    drawing = cv2.imencode(".png", drawn(scene))[1].tobytes()
    task = VisualEntailmentTask(
        {"models": {"dir": str(tmp_path)}, "inference": {"providers": ["cuda", "cpu"]}}
    )
    said: list[tuple[float, float, float]] = []
    for point in task.operating_points():
        task.load(point)
        asked = Request(fields=EntailRequest(text=sentence.text), blobs=(memoryview(drawing),))
        answer = task.run(asked, lambda _done, _total=None: None).fields
        assert isinstance(answer, EntailAnswer)
        assert answer.probabilities is not None
        said.append((answer.probabilities.yes, answer.probabilities.no, answer.probabilities.maybe))
    assert len(said) == 4  # the last of them on the CPU, whatever the others ran on
    assert np.ptp(said, axis=0).max() <= 1e-3
