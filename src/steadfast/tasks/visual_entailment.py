"""Visual entailment in a worker: pictures are decoded and models asked here, in a process that may die."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any

from steadfast.entailment.canary import check_model
from steadfast.entailment.hygiene import CleanText, clean_sentence
from steadfast.entailment.loading import EMBEDDED, load_model
from steadfast.entailment.model import EntailmentModel, Judgement, Pixels, Question
from steadfast.errors import EmptyInput, InvalidOption, ModelDamaged, SteadfastError
from steadfast.inference.sessions import SessionCache
from steadfast.inference.threads import owned_cores
from steadfast.media.limits import MediaLimits
from steadfast.media.pictures import read_picture
from steadfast.models.store import ModelState, ModelStore
from steadfast.settings.entailment import EntailmentWorkSettings
from steadfast.spans import RECORDER
from steadfast.task import Blob, CanaryVerdict, OperatingPoint, Progress, Request, Response, Rung, Task
from steadfast.task_steps import Job, JoinOrder, SegmentOrder, StepResult
from steadfast.tasks.entail_jobs import EntailJobOptions, EntailJobs
from steadfast.tasks.entail_messages import EntailAnswer, EntailRequest, Probabilities

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
        self._readers = ThreadPoolExecutor(owned_cores(), "read")

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
        self._point = point

    def validate(self, request: Request[EntailRequest]) -> None:
        """Checks that there is one picture, and that the model can read the sentence."""
        if len(request.blobs) != 1:
            raise InvalidOption(f"One picture belongs to a question, not {len(request.blobs)}.")
        self._loaded.check(*_texts(request.fields))

    def run(self, request: Request[EntailRequest], progress: Progress) -> Response:
        """One answer."""
        answer = self.run_batch([request], progress)[0]
        if isinstance(answer, SteadfastError):
            raise answer
        return answer

    def run_batch(
        self, requests: Sequence[Request[EntailRequest]], progress: Progress
    ) -> Sequence[Response | SteadfastError]:
        """All questions in one run of the model; a picture that cannot be read costs nobody else anything."""
        began_s = perf_counter()
        read = self._read(requests, progress)
        questions = [question for question in read if isinstance(question, Question)]
        decoded_s = perf_counter()
        judgements = iter(self._judge(questions))
        ended_s = perf_counter()
        RECORDER.note("decode", began_s, decoded_s)
        RECORDER.note("infer", decoded_s, ended_s)
        seconds = {"decode": decoded_s - began_s, "infer": ended_s - decoded_s}
        answers = [
            self._response(question, next(judgements), seconds)
            if isinstance(question, Question)
            else question
            for question in read
        ]
        if self._point.rung is not Rung.FULL:
            self.release_memory()
        return answers

    def _read(
        self, requests: Sequence[Request[EntailRequest]], progress: Progress
    ) -> list[Question | SteadfastError]:
        """Every picture is opened once, however many sentences are about it, and several at a time."""
        contents = [_content(request.blobs[0]) for request in requests]
        distinct = list(dict.fromkeys(contents))
        # Decoding lets go of Python's lock, and takes longer than a small model does.
        every = map if len(distinct) == 1 else self._readers.map
        opened: dict[bytes, Pixels | SteadfastError] = {}
        for content, pixels in zip(distinct, every(self._pixels, distinct), strict=True):
            opened[content] = pixels
            progress(len(opened), len(distinct) + 1)
        return [
            _question(request, opened[content]) for request, content in zip(requests, contents, strict=True)
        ]

    def _pixels(self, content: bytes) -> Pixels | SteadfastError:
        try:
            if not content:
                raise EmptyInput("The picture is empty.")
            return read_picture(content, self._limits, name="The image").pixels
        except SteadfastError as error:
            return error

    def _judge(self, questions: Sequence[Question]) -> list[Judgement]:
        if not questions:
            return []
        assert self._sessions is not None
        with self._sessions.work():
            return self._loaded.judge(questions)

    def _response(self, question: Question, judgement: Judgement, seconds: dict[str, float]) -> Response:
        model = self._loaded
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
        return Response(fields=answer, cost={"pixels": float(width_px * height_px)})

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
        return EntailJobs(model=self._loaded, limits=self._limits)

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


def _question(request: Request[EntailRequest], pixels: Pixels | SteadfastError) -> Question | SteadfastError:
    if isinstance(pixels, SteadfastError):
        return pixels
    try:
        text, caption = _texts(request.fields)
    except SteadfastError as error:
        return error
    return Question(pixels=pixels, text=text, caption=caption)


def _texts(fields: EntailRequest) -> tuple[CleanText, CleanText | None]:
    caption = None if fields.caption is None else clean_sentence(fields.caption, name="caption")
    return clean_sentence(fields.text), caption


def _content(blob: Blob) -> bytes:
    return blob.read_bytes() if isinstance(blob, Path) else bytes(blob)
