"""Jobs of the entailment task: many sentences about one picture, in segments that may be done by any worker.

A batch of many pictures is a job of many items, one picture each with a file of its sentences; the result of
an item is JSON Lines.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import msgspec

from steadfast.entailment.answer import ANSWERS
from steadfast.entailment.hygiene import clean_sentence
from steadfast.entailment.model import EntailmentModel, Judgement, Pixels, Question
from steadfast.errors import InvalidOption, PinLost, SteadfastError
from steadfast.media.limits import MediaLimits
from steadfast.media.output import write_bytes_aside
from steadfast.media.pictures import read_picture
from steadfast.readings import Readings
from steadfast.task import Progress
from steadfast.task_steps import (
    Job,
    JobPlan,
    JoinDone,
    JoinOrder,
    PlannedSegment,
    SegmentDone,
    SegmentOrder,
    StepResult,
)
from steadfast.tasks.entail_questions import Sentence, unpacked_sentences
from steadfast.tasks.entail_sample import EntailmentSampler, Finding

_PER_SEGMENT = 64
_TOGETHER = 16
_FAILED = '{"error":'
"""How a line begins that is no answer."""
_DIGITS = 6
"""Of a probability; fewer than batches of another size could change."""


class EntailJobOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of one item; its inputs are a file of sentences (`entail_questions`) and the picture."""

    segment_s: float = 4.0
    """Not used: segments are counted in sentences."""


EntailJobInput = Job[EntailJobOptions]


@dataclass(frozen=True, kw_only=True, slots=True)
class EntailJobs:
    """What a worker with this model does of jobs."""

    model: EntailmentModel
    limits: MediaLimits
    sampler: EntailmentSampler | None = None
    """Measures segments that are drawn for it; None: none is."""

    @property
    def pin(self) -> dict[str, str]:
        """A job ends with the model it was begun with."""
        return {"model": self.model.name, "revision": self.model.revision}

    def plan(self, job: EntailJobInput, progress: Progress) -> StepResult:
        """Cuts the sentences; a picture that cannot be read fails the item here, before anything waits."""
        count = len(_sentences(job))
        if not count:
            raise InvalidOption("There is no sentence.", remedy="Give at least one in texts.")
        picture = read_picture(job.inputs[-1], self.limits, name="The image")
        progress(1, 1)
        segments = tuple(
            PlannedSegment(
                index=index, units=min(_PER_SEGMENT, count - first), brief=first.to_bytes(8, "big")
            )
            for index, first in enumerate(range(0, count, _PER_SEGMENT))
        )
        facts: dict[str, str | int | float | bool | None] = {"width": picture.width, "height": picture.height}
        plan = JobPlan(
            segments=segments, pin=self.pin, suffix=".jsonl", content_type="application/jsonl", facts=facts
        )
        return StepResult(fields=plan)

    def run_segment(self, job: EntailJobInput, order: SegmentOrder, progress: Progress) -> StepResult:
        """A line for each of its sentences; one that cannot be asked has an error and stops no other."""
        if order.pin != self.pin:
            raise PinLost("The model that the job was begun with is not the one that works here.")
        picture = read_picture(job.inputs[-1], self.limits, name="The image")
        first, count = int.from_bytes(order.segment.brief, "big"), order.segment.units
        sentences = _sentences(job)[first : first + count]
        lines: list[str] = []
        readings: Readings = {}
        for start in range(0, count, _TOGETHER):
            group = sentences[start : start + _TOGETHER]
            began_s = perf_counter()
            found, told = self._answer(picture.pixels, group, untouched=order.untouched)
            lines += told
            if order.sample and self.sampler is not None and not readings:
                readings = self.sampler.measure(found, took_s=perf_counter() - began_s)
            progress(len(lines), count)
        file = job.folder / "answers.jsonl"
        write_bytes_aside(file, "".join(lines).encode())
        failed = sum(line.startswith(_FAILED) for line in lines)
        report: dict[str, int | float | str] = {"answered": count - failed, "failed": failed}
        done = SegmentDone(units=count, report=report, readings=readings)
        return StepResult(fields=done, file=file, cost={"pixels": float(picture.width * picture.height)})

    def _answer(
        self, pixels: Pixels, sentences: Sequence[Sentence], *, untouched: bool
    ) -> tuple[list[Finding], list[str]]:
        """What was found, and a line for each sentence."""
        asked = [self._question(pixels, sentence, untouched=untouched) for sentence in sentences]
        questions = [one for one in asked if isinstance(one, Question)]
        found = list(zip(questions, self.model.judge(questions) if questions else [], strict=True))
        answered = iter(found)
        lines = [
            _answered(sentence, *next(answered)) if isinstance(one, Question) else _failed(sentence, one)
            for sentence, one in zip(sentences, asked, strict=True)
        ]
        return found, lines

    def _question(self, pixels: Pixels, sentence: Sentence, *, untouched: bool) -> Question | SteadfastError:
        try:
            if untouched:
                raise InvalidOption("The segment failed too often and was left out, as the job wants.")
            text = clean_sentence(sentence.text)
            caption = None if sentence.caption is None else clean_sentence(sentence.caption, name="caption")
            self.model.check(text, caption)
            return Question(pixels=pixels, text=text, caption=caption)
        except SteadfastError as error:
            return error

    def join(
        self, job: EntailJobInput, order: JoinOrder, parts: Sequence[Path], progress: Progress
    ) -> StepResult:
        """One after the other."""
        content = b"".join(part.read_bytes() for part in parts)
        progress(1, 1)
        file = job.folder / "result.jsonl"
        write_bytes_aside(file, content)
        report: dict[str, int | float | str | list[str] | None] = {
            "model": order.pin.get("model"),
            "failed": sum(line.startswith(_FAILED.encode()) for line in content.splitlines()),
        }
        return StepResult(fields=JoinDone(units=content.count(b"\n"), report=report), file=file)


def _sentences(job: EntailJobInput) -> list[Sentence]:
    if len(job.inputs) != 2:
        raise InvalidOption(
            f"A file of sentences and a picture belong to an item, not {len(job.inputs)} files."
        )
    return unpacked_sentences(job.inputs[0].read_bytes())


def _asked(sentence: Sentence) -> dict[str, object]:
    named = {} if sentence.caption is None else {"caption": sentence.caption}
    return {"text": sentence.text, **named}


def _answered(sentence: Sentence, question: Question, judgement: Judgement) -> str:
    shares = zip(ANSWERS, judgement.probabilities, strict=True)
    captions = () if question.caption is None else question.caption.warnings
    return _line(
        {
            **_asked(sentence),
            "answer": judgement.answer.value,
            "probabilities": {answer.value: round(share, _DIGITS) for answer, share in shares},
            "in_domain": judgement.in_domain,
            "warnings": [*question.text.warnings, *captions, *judgement.warnings],
        }
    )


def _failed(sentence: Sentence, error: SteadfastError) -> str:
    told = {"code": error.code, "detail": error.detail, "remedy": error.remedy}
    return _line({"error": told, **_asked(sentence)})


def _line(document: dict[str, object]) -> str:
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace").decode() + "\n"
