"""Questions about picture files: what the command line asks, without a service."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from steadfast.entailment.answer import ANSWERS
from steadfast.entailment.hygiene import clean_sentence
from steadfast.entailment.model import EntailmentModel, Judgement, Question
from steadfast.errors import SteadfastError
from steadfast.media.limits import MediaLimits
from steadfast.media.pictures import read_picture


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A question as it was given."""

    image: Path
    text: str
    caption: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class EntailReport:
    """What was answered."""

    asked: Asked
    judgement: Judgement
    model: str
    domain: str
    is_calibrated: bool
    warnings: tuple[str, ...]
    seconds: float
    """Of all questions that were asked together."""

    def as_dict(self) -> dict[str, Any]:
        """Plain data, as HTTP answers it."""
        shares = zip(ANSWERS, self.judgement.probabilities, strict=True)
        return {
            "image": str(self.asked.image),
            "text": self.asked.text,
            "caption": self.asked.caption,
            "answer": self.judgement.answer.value,
            "probabilities": {answer.value: round(share, 6) for answer, share in shares},
            "model": self.model,
            "domain": self.domain or None,
            "in_domain": self.judgement.in_domain,
            "calibrated": self.is_calibrated,
            "warnings": list(self.warnings),
            "seconds": round(self.seconds, 4),
        }


def entail_files(
    model: EntailmentModel, asked: Sequence[Asked], limits: MediaLimits
) -> list[EntailReport | SteadfastError]:
    """One answer or error per question, in order; the model runs once for all that can be asked."""
    began_s = perf_counter()
    read = [_question(model, one, limits) for one in asked]
    questions = [question for question in read if isinstance(question, Question)]
    judgements = iter(model.judge(questions) if questions else [])
    took_s = perf_counter() - began_s
    return [
        _report(model, one, question, next(judgements), took_s)
        if isinstance(question, Question)
        else question
        for one, question in zip(asked, read, strict=True)
    ]


def _question(model: EntailmentModel, asked: Asked, limits: MediaLimits) -> Question | SteadfastError:
    try:
        text = clean_sentence(asked.text)
        caption = None if asked.caption is None else clean_sentence(asked.caption, name="caption")
        model.check(text, caption)
        return Question(pixels=read_picture(asked.image, limits).pixels, text=text, caption=caption)
    except SteadfastError as error:
        return error


def _report(
    model: EntailmentModel, asked: Asked, question: Question, judgement: Judgement, took_s: float
) -> EntailReport:
    captions = () if question.caption is None else question.caption.warnings
    warnings = (*question.text.warnings, *captions, *judgement.warnings)
    return EntailReport(
        asked=asked,
        judgement=judgement,
        model=model.name,
        domain=model.domain,
        is_calibrated=model.is_calibrated,
        warnings=tuple(dict.fromkeys(warnings)),
        seconds=took_s,
    )
