"""Faces in a worker: pictures are decoded, searched, changed and encoded here, in a process that may die."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from steadfast.errors import EmptyInput, InvalidOption, ModelDamaged
from steadfast.faces.engines import choose_engine
from steadfast.faces.roles import Engine, EngineName
from steadfast.faces.selection import Selection, SelectionRule, parse_selection
from steadfast.inference.device_memory import HeldMemory
from steadfast.inference.sessions import SessionCache
from steadfast.media.limits import MediaLimits
from steadfast.media.picture_encoders import ENCODERS
from steadfast.media.picture_scaling import scaled_down
from steadfast.media.picture_writer import encode_picture
from steadfast.media.pictures import Picture, read_picture
from steadfast.media.sniff import FileFormat
from steadfast.models.store import ModelStore
from steadfast.readings import Sampled
from steadfast.settings import FaceWorkSettings
from steadfast.task import Blob, CanaryVerdict, OperatingPoint, Progress, Request, Response, Rung, Task
from steadfast.task_steps import Job, JoinOrder, SegmentOrder, StepResult
from steadfast.tasks.cast import cast_pictures
from steadfast.tasks.face_canary import canary_picture, check_engine, warm_up_and_check
from steadfast.tasks.face_checks import identity_of, refuse_nonsense
from steadfast.tasks.face_job_options import FaceJobOptions
from steadfast.tasks.face_ladder import ladder_of, providers_here
from steadfast.tasks.face_listing import list_faces
from steadfast.tasks.face_messages import VOUCHED, FaceAnswer, FaceJob, FaceRequest
from steadfast.tasks.job_photos import naming_inputs
from steadfast.tasks.output_mark import mark_of
from steadfast.tasks.picture_swap import PictureSwap, swap_picture
from steadfast.tasks.quality_sample import QualitySampler
from steadfast.tasks.stop_watch import StopWatch
from steadfast.tasks.verified_models import VerifiedModels

if TYPE_CHECKING:
    from steadfast.tasks.face_jobs import FaceJobs


class FaceTask(Task[FaceRequest]):
    """Swaps and lists faces with the best engine that works here."""

    request_type = FaceRequest
    job_type = FaceJobOptions

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self._vouched = dict(config.get(VOUCHED, {}))
        self._were_whole = frozenset(self._vouched)
        self._settings = FaceWorkSettings(**{name: config[name] for name in config if name != VOUCHED})
        self._limits = MediaLimits.of(self._settings.media)
        self._canary = canary_picture()
        self._complained: set[str] = set()
        self._point = OperatingPoint()
        self._sessions: SessionCache | None = None
        self._engine: Engine | None = None
        self._verdict_of_load: CanaryVerdict | None = None
        self._held = HeldMemory()
        self._sampler: QualitySampler | None = None
        self._jobs: FaceJobs | None = None

    def operating_points(self) -> Sequence[OperatingPoint]:
        """Caches, then the size of pictures, then the accelerator."""
        return ladder_of(providers_here(self._settings))

    def load(self, point: OperatingPoint) -> None:
        """Loads the best engine from verified files; raises `ModelDamaged` where one can be mended first."""
        self._engine = self._jobs = None
        self._release_sessions()
        inference = self._settings.inference
        if point.provider:
            inference = inference.model_copy(update={"providers": (point.provider,)})
        self._sessions = SessionCache(inference)
        self._engine = self._best_engine(self._sessions)
        self._point = point
        self._verdict_of_load = warm_up_and_check(self._engine, self._canary)

    def _best_engine(self, sessions: SessionCache) -> Engine:
        # Only once: whoever loads again has reason to doubt, and reads every byte.
        vouched, self._vouched = self._vouched, {}
        models = VerifiedModels(ModelStore(self._settings.models).believing(vouched), self._were_whole)
        wanted = self._settings.faces.engine
        name = None if wanted == "auto" else EngineName(wanted)
        try:
            engine = choose_engine(name, models, sessions, self._settings)
        except Exception:
            self._complain_of(models.damaged)
            raise
        self._complain_of(models.damaged)
        return engine

    def _complain_of(self, damaged: Sequence[str]) -> None:
        """Once per model and process: what could not be mended then is done without."""
        for model in damaged:
            if model not in self._complained:
                self._complained.add(model)
                raise ModelDamaged(f"A file of the model {model} is damaged.", model=model)

    def validate(self, request: Request[FaceRequest]) -> None:
        """Checks that the blobs are those that were announced."""
        fields = request.fields
        wanted = fields.sources + fields.has_reference + 1 if fields.job is FaceJob.SWAP else 1
        if len(request.blobs) != wanted or (fields.job is FaceJob.SWAP and fields.sources < 1):
            raise InvalidOption(f"{wanted} pictures were announced and {len(request.blobs)} came.")

    def run(self, request: Request[FaceRequest], progress: Progress) -> Response:
        """A swapped picture, or a listing as JSON."""
        assert self._sessions is not None
        with self._sessions.work():
            work = self._swap if request.fields.job is FaceJob.SWAP else self._list
            response = work(request, progress)
        if self._point.rung is not Rung.FULL:
            self.release_memory()
        return response

    def _list(self, request: Request[FaceRequest], progress: Progress) -> Response:
        watch = StopWatch()
        picture = self._read(request.blobs[0], "The picture", name="the picture")
        progress(1, 2)
        watch.lap("read")
        listing = list_faces(picture, self._loaded)
        watch.lap("analyse")
        document = listing.as_dict(full=request.fields.full)
        return Response(
            fields=self._answer(watch, picture, faces_found=len(listing.faces)),
            blobs=(msgspec.json.encode(document),),
            cost=_cost(picture, len(listing.faces)),
            degraded=self._second_best,
        )

    def _swap(self, request: Request[FaceRequest], progress: Progress) -> Response:
        fields, engine, watch = request.fields, self._loaded, StopWatch()
        *blobs, last = request.blobs
        target = scaled_down(self._read(last, "The target", name="the target"), self._point.max_side_px)
        progress(1)
        sources = [
            self._read(blob, f"Source {number}", name=f"number {number}")
            for number, blob in enumerate(blobs[: fields.sources], start=1)
        ]
        reference = (
            self._read(blobs[-1], "The reference", name="the reference") if fields.has_reference else None
        )
        progress(2)
        watch.lap("read")
        cast = cast_pictures(sources, engine, _selection(fields), reference)
        progress(3)
        watch.lap("sources")
        done = swap_picture(
            target, cast, engine, enhance=fields.enhance, on_analysed=lambda: watch.lap("analyse")
        )
        refuse_nonsense(done)
        identity = identity_of(done, engine) if fields.measure else None
        progress(4)
        watch.lap("swap")
        wanted = _format_for(fields, target)
        content, notes = encode_picture(done.picture, wanted, quality=fields.quality, mark=mark_of(engine))
        watch.lap("write")
        answer = self._answer(
            watch,
            target,
            format=wanted.value,
            faces_found=done.faces_found,
            faces_swapped=len(done.swapped),
            identity=identity,
            notes=(*engine.notes, *target.notes, *cast.notes, *notes),
        )
        cost = _cost(target, done.faces_found, swapped=len(done.swapped))
        return Response(
            fields=answer,
            blobs=(content,),
            cost=cost,
            degraded=self._second_best,
            afterwards=(lambda: self._look_at(target, done, content)) if fields.sample else None,
        )

    def _look_at(self, target: Picture, done: PictureSwap, content: bytes) -> Sampled:
        assert self._sessions is not None
        with self._sessions.work():
            readings = self._quality.measure(target, done, content)
        if self._point.rung is not Rung.FULL:
            self.release_memory()
        return Sampled(engine=self._loaded.name.value, readings=readings)

    @property
    def _quality(self) -> QualitySampler:
        """One for requests and jobs: the more faces, the sooner there is a distance."""
        if self._sampler is None or self._sampler.engine is not self._loaded:
            self._sampler = QualitySampler(self._loaded, batch=self._settings.faces.distance_batch)
        return self._sampler

    # --- jobs -------------------------------------------------------------------------------------------

    def plan(self, job: Job[FaceJobOptions], progress: Progress) -> StepResult:
        """Looks at the target and says where to cut it."""
        return self._at_jobs(job, lambda jobs: jobs.plan(job, progress))

    def run_segment(self, job: Job[FaceJobOptions], order: SegmentOrder, progress: Progress) -> StepResult:
        """Does one run of frames, or a picture or GIF as a whole."""
        return self._at_jobs(job, lambda jobs: jobs.run_segment(job, order, progress))

    def join(
        self, job: Job[FaceJobOptions], order: JoinOrder, parts: Sequence[Path], progress: Progress
    ) -> StepResult:
        """Makes one file of them."""
        return self._at_jobs(job, lambda jobs: jobs.join(job, order, parts, progress))

    def _at_jobs(self, job: Job[FaceJobOptions], work: Callable[["FaceJobs"], StepResult]) -> StepResult:
        assert self._sessions is not None
        with self._sessions.work(), naming_inputs(job):
            result = replace(work(self._job_work()), degraded=self._second_best)
        if self._point.rung is not Rung.FULL:
            self.release_memory()
        return result

    def _job_work(self) -> "FaceJobs":
        from steadfast.tasks.face_jobs import FaceJobs, pin_of  # noqa: PLC0415 — most workers never need FFmpeg

        assert self._sessions is not None
        if self._jobs is None:
            is_embedded = self._loaded.name is EngineName.EMBEDDED  # which needs no ONNX Runtime
            provider = "cpu" if is_embedded else self._sessions.providers().taken[0].value
            self._jobs = FaceJobs(
                engine=self._loaded,
                limits=self._limits,
                pin=pin_of(self._loaded, self._sum_of, provider=provider),
                on_accelerator=provider != "cpu",
                sampler=self._quality,
            )
        return self._jobs

    def _sum_of(self, model: str) -> str:
        catalogue = ModelStore(self._settings.models).catalogue
        if all(known.name != model for known in catalogue):  # HOG, which is part of dlib
            return "built in"
        files = catalogue[model].files
        return " ".join(file.sha256 for file in files)

    def canary(self) -> CanaryVerdict:
        """Finds the face of the built-in picture; right after a load, what the load found."""
        verdict, self._verdict_of_load = self._verdict_of_load, None
        return verdict or check_engine(self._loaded, self._canary)

    def device_memory_bytes(self) -> int:
        """What NVML says; it decides whether a spare fits beside this worker, and shows a leak."""
        return self._held.read_bytes()

    def release_memory(self) -> None:
        """Unloads what is not running; it is loaded again when it is next needed."""
        if self._sessions is not None:
            self._sessions.release()

    # --- small things -----------------------------------------------------------------------------------

    @property
    def _loaded(self) -> Engine:
        assert self._engine is not None, "the runtime loads before it runs"
        return self._engine

    @property
    def _second_best(self) -> tuple[str, ...]:
        """What an answer confesses when a better engine was to work and its files could not be mended."""
        return self._loaded.notes if self._complained else ()

    def _read(self, blob: Blob, label: str, *, name: str) -> Picture:
        """The picture; `label` names it at the beginning of a sentence, `name` inside one."""
        # By its bytes also where it is a file: messages about files tell paths, and this one is ours.
        content = blob.read_bytes() if isinstance(blob, Path) else bytes(blob)
        if not content:
            raise EmptyInput(f"{label} is empty.")
        return replace(read_picture(content, self._limits, name=label), name=name)

    def _answer(self, watch: StopWatch, picture: Picture, **found: Any) -> FaceAnswer:
        engine = self._loaded
        return FaceAnswer(
            engine=engine.name.value,
            models=engine.models,
            width_px=picture.width,
            height_px=picture.height,
            seconds=watch.laps,
            **found,
        )

    def _release_sessions(self) -> None:
        if self._sessions is not None:
            self._sessions.release()
            self._sessions = None


def _selection(fields: FaceRequest) -> Selection:
    if fields.has_reference:
        return Selection(
            rule=SelectionRule.LIKE, reference=Path("reference"), min_similarity=fields.min_similarity
        )
    if fields.faces.strip().startswith("like:"):
        raise InvalidOption(
            "A person is meant by a photo of theirs.", remedy="Send it as the part reference."
        )
    return parse_selection(fields.faces)


def _format_for(fields: FaceRequest, target: Picture) -> FileFormat:
    if fields.format is not None:
        return FileFormat(fields.format.value)
    return target.format if target.format in ENCODERS else FileFormat.JPEG


def _cost(picture: Picture, faces: int, swapped: int = 0) -> dict[str, float]:
    pixels = float(picture.width * picture.height)
    return {"pixels": pixels, "faces": float(faces), "swapped": float(swapped)}
