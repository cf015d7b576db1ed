"""The faces task as a worker runs it, with real engines on real pictures."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest

from steadfast.errors import (
    EmptyInput,
    InvalidModelOutput,
    InvalidOption,
    ModelDamaged,
    NoFace,
    UnsupportedMedia,
)
from steadfast.faces.analyse import analyse
from steadfast.inference.providers import Provider
from steadfast.media.pictures import read_picture
from steadfast.models import verification
from steadfast.models.store import ModelStore
from steadfast.settings import FaceSettings, FaceWorkSettings, ModelSettings, Settings
from steadfast.task import Request, Response, Rung
from steadfast.tasks.face_ladder import SMALLER_SIDE_PX, ladder_of, providers_here
from steadfast.tasks.face_messages import (
    VOUCHED,
    FaceAnswer,
    FaceJob,
    FaceRequest,
    PictureType,
    worker_config,
)
from steadfast.tasks.face_task import FaceTask
from steadfast.tasks.picture_swap import swap_picture


def config(tmp_path: Path, shared_models: Path, engine: str = "auto") -> dict[str, Any]:
    models = ModelSettings(dir=tmp_path, mirror=(shared_models.as_uri(),))
    return worker_config(Settings(models=models, faces=FaceSettings.model_validate({"engine": engine})))


@pytest.fixture(scope="module")
def models_folder(tmp_path_factory: pytest.TempPathFactory, shared_models: Path) -> Path:
    folder = tmp_path_factory.mktemp("models")
    store = ModelStore(ModelSettings(dir=folder, mirror=(shared_models.as_uri(),)))
    for name in ("yunet_n_dynamic", "face_landmark", "mobilefacenet"):
        store.require(name)
    return folder


@pytest.fixture(scope="module")
def task(models_folder: Path, shared_models: Path) -> FaceTask:
    made = FaceTask(config(models_folder, shared_models))
    made.load(made.operating_points()[0])
    return made


@pytest.fixture(scope="module")
def blobs(hopper_path: Path, collins_path: Path) -> tuple[memoryview, memoryview]:
    return memoryview(collins_path.read_bytes()), memoryview(hopper_path.read_bytes())


def asked(task: FaceTask, fields: FaceRequest, *blobs: memoryview | Path) -> tuple[FaceAnswer, Response]:
    request: Request[FaceRequest] = Request(fields=fields, blobs=blobs)
    task.validate(request)
    response = task.run(request, lambda *_: None)
    assert isinstance(response.fields, FaceAnswer)
    return response.fields, response


def test_a_swap_answers_a_picture_in_the_target_s_format_with_its_identity(
    task: FaceTask, blobs: tuple[memoryview, memoryview]
) -> None:
    answer, response = asked(task, FaceRequest(job=FaceJob.SWAP, sources=1), *blobs)
    picture = read_picture(bytes(response.blobs[0]))
    before = read_picture(bytes(blobs[1]))
    assert (answer.engine, answer.format) == ("standard", "jpeg")
    assert (answer.faces_found, answer.faces_swapped) == (1, 1)
    assert picture.pixels.shape == before.pixels.shape
    assert answer.identity is not None
    assert answer.identity > 0.4
    assert response.degraded == ()
    assert response.cost["pixels"] == before.width * before.height
    assert {"read", "sources", "analyse", "swap", "write"} <= answer.seconds.keys()


def test_a_reference_says_whose_face_is_meant(task: FaceTask, blobs: tuple[memoryview, memoryview]) -> None:
    fields = FaceRequest(job=FaceJob.SWAP, sources=1, has_reference=True, format=PictureType.PNG)
    answer, response = asked(task, fields, blobs[0], blobs[1], blobs[1])
    assert answer.faces_swapped == 1
    assert bytes(response.blobs[0][:4]) == b"\x89PNG"


def test_a_listing_is_json(task: FaceTask, blobs: tuple[memoryview, memoryview], collins_path: Path) -> None:
    answer, response = asked(task, FaceRequest(job=FaceJob.LIST, full=True), collins_path)
    document = msgspec.json.decode(response.blobs[0])
    assert answer.faces_found == len(document["faces"]) == 1
    assert len(document["faces"][0]["landmarks"]) == 468
    assert str(collins_path) not in str(document)


def test_the_canary_passes_with_each_engine(models_folder: Path, shared_models: Path) -> None:
    for engine in ("standard", "embedded"):
        made = FaceTask(config(models_folder, shared_models, engine))
        made.load(made.operating_points()[0])
        assert made.canary().passed, engine


def test_the_canary_notices_an_engine_that_is_blind_or_sees_double(
    task: FaceTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not task.canary().detail
    whole = analyse
    spoiled: list[Callable[..., Any]] = [
        lambda *_: [],
        lambda canvas, engine: whole(canvas, engine) * 2,
    ]
    for spoil in spoiled:
        monkeypatch.setattr("steadfast.tasks.face_canary.analyse", spoil)
        verdict = task.canary()
        assert not verdict.passed
        assert "One face was expected" in verdict.detail


def test_a_smaller_step_of_the_ladder_scales_the_target_down_and_confesses(
    models_folder: Path, shared_models: Path, blobs: tuple[memoryview, memoryview]
) -> None:
    made = FaceTask(config(models_folder, shared_models))
    (smaller,) = [point for point in made.operating_points() if point.rung is Rung.SMALLER_SIDE]
    assert smaller.degraded
    made.load(smaller)
    large = cv2.resize(read_picture(bytes(blobs[1])).pixels, (2048, 2400))
    target = memoryview(cv2.imencode(".jpg", large)[1].tobytes())
    answer, _ = asked(made, FaceRequest(job=FaceJob.SWAP, sources=1, measure=False), blobs[0], target)
    assert max(answer.width_px, answer.height_px) == SMALLER_SIDE_PX
    assert answer.identity is None


def test_one_accelerator_after_the_other_is_given_up_and_the_cpu_comes_last() -> None:
    points = ladder_of([Provider.TENSORRT, Provider.CUDA, Provider.CPU])
    rungs = [point.rung for point in points]
    assert rungs == [Rung.FULL, Rung.RELEASED_CACHES, Rung.SMALLER_SIDE, Rung.NEXT_PROVIDER, Rung.CPU]
    assert [point.provider for point in points] == ["", "", "", "cuda", "cpu"]
    assert all(point.degraded for point in points[1:])


@pytest.mark.parametrize("engine", ["embedded", "standard"])
def test_where_the_cpu_works_already_it_is_no_step_of_the_ladder(engine: str) -> None:
    settings = FaceWorkSettings.model_validate(
        {"faces": {"engine": engine}, "inference": {"providers": ["cpu"]}}
    )
    assert Rung.CPU not in [point.rung for point in ladder_of(providers_here(settings))]


def test_a_face_of_one_flat_colour_is_never_answered_whatever_is_measured(
    task: FaceTask, blobs: tuple[memoryview, memoryview], monkeypatch: pytest.MonkeyPatch
) -> None:
    def flat(target: Any, *arguments: Any, **options: Any) -> Any:
        done = swap_picture(target, *arguments, **options)
        return replace(done, picture=replace(done.picture, pixels=np.full_like(target.pixels, 128)))

    monkeypatch.setattr("steadfast.tasks.face_task.swap_picture", flat)
    with pytest.raises(InvalidModelOutput, match="flat colour"):
        asked(task, FaceRequest(job=FaceJob.SWAP, sources=1, measure=False), *blobs)


def test_a_damaged_model_is_named_once_and_then_done_without(
    tmp_path: Path, shared_models: Path, collins_path: Path
) -> None:
    store = ModelStore(ModelSettings(dir=tmp_path, mirror=(shared_models.as_uri(),)))
    for name in ("yunet_n_dynamic", "face_landmark", "mobilefacenet"):
        store.require(name)
    store.path("mobilefacenet").write_bytes(b"noise")
    made = FaceTask(config(tmp_path, shared_models))
    with pytest.raises(ModelDamaged) as refused:
        made.load(made.operating_points()[0])
    assert refused.value.model == "mobilefacenet"
    made.load(made.operating_points()[0])  # nobody could mend it
    assert made.canary().passed
    portrait = memoryview(collins_path.read_bytes())
    answer, response = asked(made, FaceRequest(job=FaceJob.LIST), portrait)
    assert answer.engine == "embedded"
    assert "mobilefacenet" in " ".join(response.degraded)


def test_an_engine_that_answers_nonsense_at_its_load_fails_the_canary_and_is_no_unknown_error(
    models_folder: Path, shared_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = FaceTask(config(models_folder, shared_models, "standard"))

    def overflow(*_: Any) -> Any:
        raise OverflowError("Python int too large to convert to C long")

    monkeypatch.setattr("steadfast.tasks.face_canary.analyse", overflow)
    made.load(made.operating_points()[0])
    verdict = made.canary()
    assert not verdict.passed
    assert "OverflowError" in verdict.detail


def test_files_that_the_server_vouches_for_are_read_only_when_there_is_doubt(
    models_folder: Path, shared_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = config(models_folder, shared_models, "standard")
    store = ModelStore(ModelSettings(dir=models_folder))
    for name in ("yunet_n_dynamic", "face_landmark", "mobilefacenet"):
        assert store.state(name).is_usable
    made = FaceTask(settings | {VOUCHED: store.vouched()})
    read: list[str] = []
    whole = verification.digest

    def reading(path: Path) -> str:
        read.append(path.stem)
        return whole(path)

    monkeypatch.setattr(verification, "digest", reading)
    made.load(made.operating_points()[0])
    assert read == []
    made.load(made.operating_points()[0])
    assert len(read) == 3


@pytest.mark.parametrize(
    ("fields", "count", "error"),
    [
        (FaceRequest(job=FaceJob.SWAP, sources=1), 1, InvalidOption),
        (FaceRequest(job=FaceJob.SWAP, sources=0), 1, InvalidOption),
        (FaceRequest(job=FaceJob.LIST), 2, InvalidOption),
        (FaceRequest(job=FaceJob.SWAP, sources=1, faces="like:/etc/passwd"), 2, InvalidOption),
        (FaceRequest(job=FaceJob.SWAP, sources=1, faces="everybody"), 2, InvalidOption),
        (FaceRequest(job=FaceJob.SWAP, sources=1, quality=0), 2, InvalidOption),
    ],
)
def test_a_request_that_cannot_be_served_is_refused(
    task: FaceTask,
    blobs: tuple[memoryview, memoryview],
    fields: FaceRequest,
    count: int,
    error: type[Exception],
) -> None:
    with pytest.raises(error):
        asked(task, fields, *[blobs[0]] * count)


def test_bad_bytes_are_declared_errors_that_tell_no_path(
    task: FaceTask, blobs: tuple[memoryview, memoryview], tmp_path: Path
) -> None:
    blank = tmp_path / "blank.png"
    cv2.imwrite(str(blank), np.full((64, 64, 3), 128, np.uint8))
    empty = tmp_path / "empty.png"
    empty.write_bytes(b"")
    cases: list[tuple[memoryview | Path, type[Exception]]] = [
        (memoryview(b"text"), UnsupportedMedia),
        (empty, EmptyInput),
        (blank, NoFace),
    ]
    with pytest.raises(NoFace, match=r"the source photo number 1\."):
        asked(task, FaceRequest(job=FaceJob.SWAP, sources=1), memoryview(blank.read_bytes()), blobs[0])
    for target, error in cases:
        with pytest.raises(error) as refused:
            asked(task, FaceRequest(job=FaceJob.SWAP, sources=1), blobs[0], target)
        assert str(tmp_path) not in str(refused.value)


def test_a_sampled_swap_is_measured_as_it_was_delivered(
    task: FaceTask, blobs: tuple[memoryview, memoryview]
) -> None:
    lossy = FaceRequest(job=FaceJob.SWAP, sources=1, sample=True, format=PictureType.JPEG, quality=80)
    exact = FaceRequest(job=FaceJob.SWAP, sources=1, sample=True, format=PictureType.PNG)

    def looked_at(fields: FaceRequest) -> dict[str, float]:
        look = task.run(Request(fields=fields, blobs=blobs), lambda *_: None).afterwards
        return {} if look is None else look().readings

    lossy_readings, exact_readings = looked_at(lossy), looked_at(exact)
    assert exact_readings["psnr_outside"] == 100.0
    assert exact_readings["ssim_outside"] > 0.999
    assert 30 < lossy_readings["psnr_outside"] < 60
    for readings in (lossy_readings, exact_readings):
        assert readings["identity"] > 0.4
        assert readings["mask_overlap"] > 0.8
    assert looked_at(FaceRequest(job=FaceJob.SWAP, sources=1)) == {}
