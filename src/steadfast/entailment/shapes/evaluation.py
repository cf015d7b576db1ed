"""How good the embedded model is: its ONNX, as it is shipped, on scenes that nobody has seen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from steadfast.entailment.answer import ANSWERS
from steadfast.entailment.embedded import EmbeddedModel
from steadfast.entailment.hygiene import clean_sentence
from steadfast.entailment.model import Judgement, Pixels, Question
from steadfast.entailment.shapes.grammar import Sentence, Writer
from steadfast.entailment.shapes.rendering import render
from steadfast.entailment.shapes.world import ALL_PAIRS, HELD_OUT, TRAINED, Pair, Scene, random_scene
from steadfast.inference.sessions import SessionCache

FRESH_SEED = 424_242
"""No training uses it."""
_BINS = 15
_STEP = 64

Case = tuple[Scene, Sentence]
Show = Callable[[Scene], Pixels]


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """What came out of one trial."""

    name: str
    count: int
    right: float
    """Share of all answers."""
    right_by_answer: tuple[float, float, float]
    """Of the questions whose answer is yes, no, maybe."""
    calibration_error: float
    """Expected calibration error over 15 bins of confidence (Naeini, Cooper and Hauskrecht 2015)."""
    in_domain: float
    """Share of pictures and sentences taken for what the model knows."""


def cases(
    seed: int, count: int, *, pairs: frozenset[Pair] = TRAINED, featured: frozenset[Pair] = frozenset()
) -> list[Case]:
    """Fresh scenes with a sentence each, the answers in turn; each names one of `featured`, where given."""
    random = Random(seed)  # noqa: S311 — drawings, not secrets
    writer = Writer(random, pairs, featured=featured)
    found: list[Case] = []
    while len(found) < count:
        scene = random_scene(random, pairs, featured=featured)
        sentence = writer.write(scene, ANSWERS[len(found) % len(ANSWERS)])
        if sentence is not None:
            found.append((scene, sentence))
    return found


def evaluate(model: EmbeddedModel, count: int, through_jpeg: Callable[[Pixels], Pixels]) -> list[Score]:
    """All trials, `count` questions each; `through_jpeg` takes and gives blue, green, red."""
    fresh = cases(FRESH_SEED, count)
    held_out = cases(FRESH_SEED + 1, count, pairs=ALL_PAIRS, featured=HELD_OUT)
    order = np.random.default_rng(FRESH_SEED).permutation(count)
    shuffled = [(fresh[other][0], sentence) for (_, sentence), other in zip(fresh, order, strict=True)]
    return [
        _score("fresh scenes", model, fresh, drawn),
        _score("pairs never seen together", model, held_out, drawn),
        _score("256-px JPEG, quality 70", model, fresh, lambda scene: through_jpeg(drawn(scene, 256))),
        _score("pictures shuffled", model, shuffled, drawn),
        _score("blank pictures", model, fresh, lambda _: np.full((128, 128, 3), 225, np.uint8)),
    ]


def drawn(scene: Scene, side_px: int = 128) -> Pixels:
    """The scene in blue, green, red."""
    return np.ascontiguousarray(render(scene, side_px)[..., ::-1])


def _score(name: str, model: EmbeddedModel, asked: Sequence[Case], show: Show) -> Score:
    judgements = [
        judgement
        for first in range(0, len(asked), _STEP)
        for judgement in model.judge(
            [
                Question(pixels=show(scene), text=clean_sentence(sentence.text))
                for scene, sentence in asked[first : first + _STEP]
            ]
        )
    ]
    expected = np.array([ANSWERS.index(sentence.answer) for _, sentence in asked])
    return _scored(name, judgements, expected)


def _scored(name: str, judgements: Sequence[Judgement], expected: NDArray[np.int64]) -> Score:
    probabilities = np.array([judgement.probabilities for judgement in judgements])
    answered = np.array([ANSWERS.index(judgement.answer) for judgement in judgements])
    right = answered == expected
    yes, no, maybe = (float(right[expected == number].mean()) for number in range(3))
    return Score(
        name=name,
        count=len(expected),
        right=float(right.mean()),
        right_by_answer=(yes, no, maybe),
        calibration_error=_calibration_error(probabilities.max(1), right),
        in_domain=float(np.mean([judgement.in_domain for judgement in judgements])),
    )


def _calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    gaps = [
        abs(float(confidence[bins == number].mean()) - float(right[bins == number].mean()))
        * float((bins == number).mean())
        for number in np.unique(bins)
    ]
    return sum(gaps)


def open_embedded(path: Path) -> EmbeddedModel:
    """The model in a file, for who evaluates one."""
    return EmbeddedModel(SessionCache().get("shapes_entailment", path))


def table_of(scores: Sequence[Score]) -> str:
    """One line per trial."""
    lines = [f"{'trial':<28}{'n':>7}{'right':>9}{'yes':>9}{'no':>9}{'maybe':>9}{'ECE':>8}{'in domain':>11}"]
    lines += [
        f"{score.name:<28}{score.count:>7}{score.right:>9.2%}"
        + "".join(f"{share:>9.2%}" for share in score.right_by_answer)
        + f"{score.calibration_error:>8.2%}{score.in_domain:>11.2%}"
        for score in scores
    ]
    return "\n".join(lines)
