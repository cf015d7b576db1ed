"""A converted OFA, served by ONNX Runtime: no torch, no modelscope, no fairseq."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from steadfast.entailment.hygiene import CleanText
from steadfast.entailment.model import Judgement, Question, checked_probabilities
from steadfast.entailment.ofa.manifest import OfaManifest, check_files, read_manifest
from steadfast.entailment.ofa.preparation import patch_image, prompt_ids
from steadfast.entailment.ofa.tokenizer import END, PAD, BytePairTokenizer
from steadfast.errors import ConfigError
from steadfast.inference.outputs import require_shape
from steadfast.inference.sessions import SessionCache

_INT8 = "The model computes in 8 bits; what that costs in accuracy is not known."


class OfaModel:
    """One converted folder."""

    domain = ""
    is_calibrated = False

    def __init__(self, folder: Path, sessions: SessionCache, *, precision: str = "fp32") -> None:
        """Verifies every file. Raises what `read_manifest` and `check_files` raise, and `ConfigError`."""
        self.manifest = read_manifest(folder)
        check_files(folder, self.manifest)
        graph = self.manifest.graphs.get(precision)
        if graph is None:
            raise ConfigError(
                f"{folder} has no graph of precision {precision}.",
                remedy="Convert it with `--int8`, or set entailment.precision to fp32.",
            )
        self.name = f"ofa:{self.manifest.source}" + ("" if precision == "fp32" else f":{precision}")
        self.revision = next(file.sha256 for file in self.manifest.files if file.name == graph)
        self._warnings = () if precision == "fp32" else (_INT8,)
        self._tokenizer = BytePairTokenizer.of_folder(folder)
        self._session = sessions.get(self.name, folder / graph)

    def check(self, question_text: CleanText, caption: CleanText | None) -> None:
        """Refuses what has more tokens than the model reads."""
        self._ids(question_text, caption)

    def judge(self, questions: Sequence[Question]) -> list[Judgement]:
        """All of them in one run, or one after the other where answers have several tokens."""
        images = [patch_image(self.manifest, question.pixels) for question in questions]
        ids = [self._ids(question.text, question.caption) for question in questions]
        if self.manifest.places:
            rows = [self._spelled(image, row) for image, row in zip(images, ids, strict=True)]
        else:
            rows = list(self._scored(np.stack(images), ids))
        return [
            Judgement(
                probabilities=checked_probabilities(_shares(row), model=self.name), warnings=self._warnings
            )
            for row in rows
        ]

    def log_probabilities(self, questions: Sequence[Question]) -> NDArray[np.float32]:
        """(questions, 3): as `judge`, before they are made shares; for who compares with the reference."""
        images = np.stack([patch_image(self.manifest, question.pixels) for question in questions])
        return self._scored(images, [self._ids(question.text, question.caption) for question in questions])

    def _ids(self, text: CleanText, caption: CleanText | None) -> list[int]:
        return prompt_ids(
            self.manifest, self._tokenizer, text.text, None if caption is None else caption.text
        )

    def _scored(self, images: NDArray[np.float32], ids: list[list[int]]) -> NDArray[np.float32]:
        answers = np.array([answer[0] for answer in self.manifest.answers], np.int64)
        found = self._session.run({"image": images, "ids": _filled_up(ids), "answers": answers})["logprobs"]
        return require_shape(found, (len(ids), len(answers)), model=self.name, output="logprobs")

    def _spelled(self, image: NDArray[np.float32], ids: list[int]) -> NDArray[np.float32]:
        """The sum, over the places where answers part, of what each answer's next token gets there."""
        places = self.manifest.places
        feeds: dict[str, NDArray[np.float32] | NDArray[np.int64]] = {
            "image": image[None],
            "ids": np.array([ids], np.int64),
            "prefixes": _filled_up([list(place.prefix) or [PAD] for place in places]),
            "allowed": _filled_up([list(place.choices) for place in places]),
        }
        found = self._session.run(feeds)["logprobs"]
        shape = (len(places), max(len(place.choices) for place in places))
        table = require_shape(found, shape, model=self.name, output="logprobs")
        return np.array([_score_of(answer, self.manifest, table) for answer in self.manifest.answers])


def _score_of(answer: tuple[int, ...], manifest: OfaManifest, table: NDArray[np.float32]) -> float:
    ended = (*answer, END)
    return sum(
        float(row[place.choices.index(ended[len(place.prefix)])])
        for place, row in zip(manifest.places, table, strict=True)
        if ended[: len(place.prefix)] == place.prefix and len(place.prefix) < len(ended)
    )


def _shares(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    raised = np.exp(scores.astype(np.float64) - float(scores.max()))
    return np.asarray(raised / raised.sum())


def _filled_up(rows: list[list[int]]) -> NDArray[np.int64]:
    table = np.full((len(rows), max(map(len, rows))), PAD, np.int64)
    for row, numbers in zip(table, rows, strict=True):
        row[: len(numbers)] = numbers
    return table
