"""Visual entailment in a worker: pictures are decoded and models asked here, in a process that may die."""

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any

from steadfast.entailment.canary import check_model
from steadfast.entailment.loading import EMBEDDED, load_model
from steadfast.entailment.model import EntailmentModel, Judgement, Question
from steadfast.errors import InvalidOption, ModelDamaged, SteadfastError
from steadfast.inference.sessions import SessionCache
from steadfast.media.limits import MediaLimits
from steadfast.models.store import ModelState, ModelStore
from steadfast.readings import Sampled
from steadfast.settings.entailment import EntailmentWorkSettings
from steadfast.spans import RECORDER
from steadfast.task import CanaryVerdict, OperatingPoint, Progress, Request, Response, Rung, Task
from steadfast.task_steps import Job, JoinOrder, SegmentOrder, StepResult
from steadfast.tasks.entail_jobs import EntailJobOptions, EntailJobs
from steadfast.tasks.entail_messages import EntailAnswer, EntailRequest, Probabilities
from steadfast.tasks.entail_reading import QuestionReader, texts_of
from steadfast.tasks.entail_sample import EntailmentSampler, Finding

_ACCELERATORS = frozenset({"tensorrt", "cuda", "rocm", "openvino", "coreml", "directml"})
_ON_CPU = "The CPU works instead of an accelerator."


def ladder_of(settings: EntailmentWorkSettings) -> tuple[OperatingPoint, ...]:
    """What is given up in turn when memory runs out; batches and caches cost no answer its quality."""
    batch = settings.entailment.max_batch
    points = [OperatingPoint(batch=batch), OperatingPoint(rung=Rung.RELEASED_CACHES, batch=batch)]
    if batch > 1:
        points.append(OperatingPoint(rung=Rung.SMALLER_BATCH, batch=1))
    if _ACCELERATORS.intersection(settings.inference.providers):
        points.append(OperatingPoint(rung=Rung.CPU, batch=1, provider="cpu", degraded=(_ON_CPU,)))
    return tuple(points)


class VisualEntailmentTask(Task[EntailRequest]):
    """Answers whether sentences follow from pictures."""

    request_type = EntailRequest
    job_type = EntailJobOptions

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self._settings = EntailmentWorkSettings(**config)
        self._limits = MediaLimits.of(self._settings.media)
        self._point = OperatingPoint()
        self._sessions: SessionCache | None = None
        self._model: EntailmentModel | None = None
        self._sampler: EntailmentSampler | None = None
        self._reader = QuestionReader(self._limits)

    def operating_points(self) -> Sequence[OperatingPoint]:
        """Caches, then batches, then the accelerator."""
        return ladder_of(self._settings)

    def load(self, point: OperatingPoint) -> None:
        """Loads the model from verified files; raises `ModelDamaged` where the one that comes with us is."""
        self._model = None
        self._release_sessions()
        inference = self._settings.inference
        if point.provider:
            inference = inference.model_copy(update={"providers": (point.provider,)})
        store = ModelStore(self._settings.models)
        if self._settings.entailment.backend == "embedded" and store.state(EMBEDDED) is ModelState.DAMAGED:
            raise ModelDamaged(f"The file of the model {EMBEDDED} is damaged.", model=EMBEDDED)
        self._sessions = SessionCache(inference)
        self._model = load_model(self._settings.entailment, store, self._sessions, precision=point.precision)
        self._sampler = EntailmentSampler(self._model)
        self._point = point

    def validate(self, request: Request[EntailRequest]) -> None:
        """Checks that there is one picture, and that the model can read the sentence."""
        if len(request.blobs) != 1:
            raise InvalidOption(f"One picture belongs to a question, not {len(request.blobs)}.")
        self._loaded.check(*texts_of(request.fields))

    def run(self, request: Request[EntailRequest], progress: Progress) -> Response:
        """One answer."""
        answer = self.run_batch([request], progress)[0]
        if isinstance(answer, SteadfastError):
            raise answer
        return answer

    def run_batch(
        self, requests: Sequence[Request[EntailRequest]], progress: Progress
    ) -> Sequence[Response | SteadfastError]:
        """All questions in one run of the model, or in several where their pictures are too large together; a
        picture that cannot be read costs nobody else anything.
        """
        opened = count(1)

        def on_opened() -> None:
            progress(next(opened), len(requests) + 1)

        answers = [
            answer
            for portion in self._reader.portions(requests)
            for answer in self._run_together(portion, on_opened)
        ]
        if self._point.rung is not Rung.FULL:
            self.release_memory()
        return answers

    def _run_together(
        self, requests: Sequence[Request[EntailRequest]], on_opened: Callable[[], None]
    ) -> list[Response | SteadfastError]:
        began_s = perf_counter()
        read = self._reader.read(requests, on_opened)
        decoded_s = perf_counter()
        judgements = iter(self._judge([question for question in read if isinstance(question, Question)]))
        found = [one if isinstance(one, SteadfastError) else (one, next(judgements)) for one in read]
        ended_s = perf_counter()
        RECORDER.note("decode", began_s, decoded_s)
        RECORDER.note("infer", decoded_s, ended_s)
        seconds = {"decode": decoded_s - began_s, "infer": ended_s - decoded_s}
        sampled = [
            one
            for request, one in zip(requests, found, strict=True)
            if request.fields.sample and not isinstance(one, SteadfastError)
        ]

        def look() -> Sampled:
            return self._measure(sampled, took_s=ended_s - decoded_s)

        return [
            one
            if isinstance(one, SteadfastError)
            # The first of those that are sampled tells what was measured of all.
            else self._response(one, seconds, look if sampled and one is sampled[0] else None)
            for one in found
        ]

    def _judge(self, questions: Sequence[Question]) -> list[Judgement]:
        if not questions:
            return []
        assert self._sessions is not None
        with self._sessions.work():
            return self._loaded.judge(questions)

    def _measure(self, sampled: Sequence[Finding], *, took_s: float) -> Sampled:
        assert self._sampler is not None
        assert self._sessions is not None
        with self._sessions.work():
            readings = self._sampler.measure(sampled, took_s=took_s)
        if self._point.rung is not Rung.FULL:
            self.release_memory()
        return Sampled(engine=self._loaded.name, readings=readings)

    def _response(
        self, found: Finding, seconds: dict[str, float], look: Callable[[], Sampled] | None
    ) -> Response:
        model = self._loaded
        question, judgement = found
        height_px, width_px = question.pixels.shape[:2]
        warnings = (*question.text.warnings, *judgement.warnings)
        if question.caption is not None:
            warnings = (*warnings, *question.caption.warnings)
        yes, no, maybe = judgement.probabilities
        answer = EntailAnswer(
            answer=judgement.answer,
            probabilities=Probabilities(yes=yes, no=no, maybe=maybe),
            model=model.name,
            domain=model.domain,
            in_domain=judgement.in_domain,
            calibrated=model.is_calibrated,
            warnings=tuple(dict.fromkeys(warnings)),
            seconds=seconds,
        )
        return Response(fields=answer, cost={"pixels": float(width_px * height_px)}, afterwards=look)

    # --- jobs -------------------------------------------------------------------------------------------

    def plan(self, job: Job[Any], progress: Progress) -> StepResult:
        """Many sentences about one picture, in runs."""
        return self._jobs.plan(job, progress)

    def run_segment(self, job: Job[Any], order: SegmentOrder, progress: Progress) -> StepResult:
        """One run of sentences."""
        assert self._sessions is not None
        with self._sessions.work():
            return self._jobs.run_segment(job, order, progress)

    def join(self, job: Job[Any], order: JoinOrder, parts: Sequence[Path], progress: Progress) -> StepResult:
        """All lines, in order."""
        return self._jobs.join(job, order, parts, progress)

    @property
    def _jobs(self) -> EntailJobs:
        return EntailJobs(model=self._loaded, limits=self._limits, sampler=self._sampler)

    def canary(self) -> CanaryVerdict:
        """Asks what is known of a built-in picture."""
        return check_model(self._loaded)

    def release_memory(self) -> None:
        """Unloads the sessions; the next question loads them again."""
        if self._sessions is not None:
            self._sessions.release()

    @property
    def _loaded(self) -> EntailmentModel:
        assert self._model is not None, "the runtime loads before it asks"
        return self._model

    def _release_sessions(self) -> None:
        if self._sessions is not None:
            self._sessions.release()
            self._sessions = None
