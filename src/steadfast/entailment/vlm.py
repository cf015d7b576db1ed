"""Any local `transformers` folder of a picture-and-text model as a backend; not calibrated. Extra: `vlm`.

A classifier of three labels (ViLT) is read by its labels; a model that goes on with a text (Idefics 3,
SmolVLM) by how likely the words yes, no and maybe are to come next.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from steadfast.entailment.answer import ANSWERS, Answer
from steadfast.entailment.hygiene import CleanText
from steadfast.entailment.model import Judgement, Question, checked_probabilities
from steadfast.errors import EngineUnavailable, ModelUnsupported

_PROMPT = 'Does the image show that "{}"? Answer with one word: yes, no or maybe.'
_WITH_CAPTION = 'The image shows "{}". Does it follow that "{}"? Answer with one word: yes, no or maybe.'
_UNCALIBRATED = "This model was not held against known answers; its probabilities are no measure of anything."
_LABELS = {
    "entailment": Answer.YES,
    "contradiction": Answer.NO,
    "neutral": Answer.MAYBE,
    **{answer.value: answer for answer in ANSWERS},
}


class VlmModel:
    """One folder; nothing is fetched, and no code that lies in it is run."""

    domain = ""
    is_calibrated = False

    def __init__(self, folder: Path) -> None:
        try:
            import torch  # noqa: PLC0415 — the extra `vlm`
            import transformers  # noqa: PLC0415
        except ImportError as error:
            raise EngineUnavailable(
                "The backend vlm needs packages that are not installed.",
                remedy="Install them: `pip install 'steadfast[vlm]'`.",
            ) from error
        self._torch = torch
        self.name = f"vlm:{folder.name}"
        self.revision = str(folder)
        options = {"local_files_only": True, "trust_remote_code": False}
        try:
            config = transformers.AutoConfig.from_pretrained(folder, **options)
            self._processor = transformers.AutoProcessor.from_pretrained(folder, **options)
            self._order = _label_order(config)
            kind = (
                transformers.AutoModelForImageTextToText
                if self._order is None
                else transformers.AutoModelForVisualQuestionAnswering
            )
            self._model = kind.from_pretrained(folder, **options).eval()
        except (OSError, ValueError, KeyError) as error:
            raise ModelUnsupported(
                f"{folder} cannot be loaded as a picture-and-text model: {error}."
            ) from error
        self._answers = [] if self._order is not None else self._answer_tokens()

    def check(self, question_text: CleanText, caption: CleanText | None) -> None:
        """Takes any sentence that is clean."""

    def judge(self, questions: Sequence[Question]) -> list[Judgement]:
        """One after the other: such models are large."""
        return [self._judge(question) for question in questions]

    def _judge(self, question: Question) -> Judgement:
        image = Image.fromarray(np.ascontiguousarray(question.pixels[..., ::-1]))
        with self._torch.no_grad():
            logits = (
                self._classified(image, question) if self._order is not None else self._next(image, question)
            )
            shares = logits.float().softmax(-1).numpy()
        return Judgement(
            probabilities=checked_probabilities(shares, model=self.name), warnings=(_UNCALIBRATED,)
        )

    def _classified(self, image: Image.Image, question: Question) -> Any:
        asked = self._processor(images=image, text=question.text.text, return_tensors="pt")
        return self._model(**asked).logits[0][self._order]

    def _next(self, image: Image.Image, question: Question) -> Any:
        text = question.text.text
        prompt = _PROMPT.format(text)
        if question.caption is not None:
            prompt = _WITH_CAPTION.format(question.caption.text, text)
        turn = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": prompt}]}
        worded = self._processor.apply_chat_template([turn], add_generation_prompt=True)
        asked = self._processor(images=[image], text=worded, return_tensors="pt")
        return self._model(**asked).logits[0, -1][self._answers]

    def _answer_tokens(self) -> list[int]:
        """The first token of each answer, with the space before it where the vocabulary has one."""
        encode = self._processor.tokenizer.encode
        for form in (" {}", "{}"):
            first = [encode(form.format(answer.value), add_special_tokens=False)[0] for answer in ANSWERS]
            if len(set(first)) == len(ANSWERS):
                return first
        raise ModelUnsupported(f"{self.name} has no tokens that tell yes, no and maybe apart.")


def _label_order(config: Any) -> list[int] | None:
    """Where yes, no and maybe stand among the labels of a classifier; None: it is none."""
    named = getattr(config, "label2id", None) or {}
    places = {_LABELS[name.lower()]: place for name, place in named.items() if name.lower() in _LABELS}
    if len(places) == len(ANSWERS) == len(named):
        return [places[answer] for answer in ANSWERS]
    if "vilt" in str(getattr(config, "model_type", "")):
        raise ModelUnsupported(
            f"The labels {sorted(named)[:6]} are not entailment, contradiction and neutral."
        )
    return None
