"""Jobs of the entailment task: many sentences about one picture, in segments that may be done by any worker.

A batch of many pictures is a job of many items, one picture each; the result of an item is JSON Lines.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from steadfast.entailment.answer import ANSWERS
from steadfast.entailment.hygiene import CleanText, clean_sentence
from steadfast.entailment.model import EntailmentModel, Judgement, Pixels, Question
from steadfast.errors import InvalidOption, PinLost, SteadfastError
from steadfast.media.limits import MediaLimits
from steadfast.media.output import write_bytes_aside
from steadfast.media.pictures import read_picture
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

_PER_SEGMENT = 64
_TOGETHER = 16
_FAILED = '{"error":'
"""How a line begins that is no answer."""
_DIGITS = 6
"""Of a probability; fewer than batches of another size could change."""


class EntailJobOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of one item: its only input is the picture."""

    texts: tuple[str, ...]
    """Sentences in English; each gets a line of the result, in order."""
    caption: str | None = None
    """What is known of the picture beside its pixels."""
    segment_s: float = 4.0
    """Not used: segments are counted in sentences."""


EntailJobInput = Job[EntailJobOptions]


@dataclass(frozen=True, kw_only=True, slots=True)
class EntailJobs:
    """What a worker with this model does of jobs."""

    model: EntailmentModel
    limits: MediaLimits

    @property
    def pin(self) -> dict[str, str]:
        """A job ends with the model it was begun with."""
        return {"model": self.model.name, "revision": self.model.revision}

    def plan(self, job: EntailJobInput, progress: Progress) -> StepResult:
        """Cuts the sentences; a picture that cannot be read fails the item here, before anything waits."""
        if len(job.inputs) != 1:
            raise InvalidOption(f"One picture belongs to a question, not {len(job.inputs)}.")
        if not job.options.texts:
            raise InvalidOption("There is no sentence.", remedy="Give at least one in texts.")
        picture = read_picture(job.inputs[0], self.limits, name="The image")
        progress(1, 1)
        count = len(job.options.texts)
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
        picture = read_picture(job.inputs[0], self.limits, name="The image")
        first, count = int.from_bytes(order.segment.brief, "big"), order.segment.units
        texts = job.options.texts[first : first + count]
        caption = None if job.options.caption is None else clean_sentence(job.options.caption, name="caption")
        lines: list[str] = []
        for start in range(0, count, _TOGETHER):
            group = texts[start : start + _TOGETHER]
            lines += self._lines(picture.pixels, group, caption, untouched=order.untouched)
            progress(len(lines), count)
        file = job.folder / "answers.jsonl"
        write_bytes_aside(file, "".join(lines).encode())
        failed = sum(line.startswith(_FAILED) for line in lines)
        done = SegmentDone(units=count, report={"answered": count - failed, "failed": failed})
        return StepResult(fields=done, file=file, cost={"pixels": float(picture.width * picture.height)})

    def _lines(
        self, pixels: Pixels, texts: Sequence[str], caption: CleanText | None, *, untouched: bool
    ) -> list[str]:
        asked: list[Question | SteadfastError] = []
        for text in texts:
            try:
                if untouched:
                    raise InvalidOption("The segment failed too often and was left out, as the job wants.")
                clean = clean_sentence(text)
                self.model.check(clean, caption)
                asked.append(Question(pixels=pixels, text=clean, caption=caption))
            except SteadfastError as error:
                asked.append(error)
        questions = [one for one in asked if isinstance(one, Question)]
        judgements = iter(self.model.judge(questions) if questions else [])
        return [
            _answered(text, one, next(judgements)) if isinstance(one, Question) else _failed(text, one)
            for text, one in zip(texts, asked, strict=True)
        ]

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


def _answered(text: str, question: Question, judgement: Judgement) -> str:
    shares = zip(ANSWERS, judgement.probabilities, strict=True)
    return _line(
        {
            "text": text,
            "answer": judgement.answer.value,
            "probabilities": {answer.value: round(share, _DIGITS) for answer, share in shares},
            "in_domain": judgement.in_domain,
            "warnings": [*question.text.warnings, *judgement.warnings],
        }
    )


def _failed(text: str, error: SteadfastError) -> str:
    told = {"code": error.code, "detail": error.detail, "remedy": error.remedy}
    return _line({"error": told, "text": text})


def _line(document: dict[str, object]) -> str:
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace").decode() + "\n"
