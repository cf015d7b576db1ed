"""A swap from file to file keeps its promises with a real engine: who gets whose face, and what is said."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from steadfast.app import App, open_app
from steadfast.errors import (
    FaceNotMatched,
    InvalidOption,
    NoFace,
    OutputUnwritable,
    TooManyFaces,
    UnsupportedMedia,
)
from steadfast.faces.analyse import analyse
from steadfast.faces.face import Face
from steadfast.faces.roles import Engine, EngineName
from steadfast.faces.selection import Selection, SelectionRule
from steadfast.faces.similarity import similarity
from steadfast.media.canvas import ArrayCanvas
from steadfast.media.provenance import DigitalSourceType, read_mark
from steadfast.settings import ModelSettings, Settings
from steadfast.tasks.cast import CastRequest
from steadfast.tasks.face_swap import SwapRequest
from steadfast.tasks.showcase import render_clip

Ask = Callable[..., SwapRequest]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    return open_app(Settings(models=ModelSettings(dir=tmp_path_factory.mktemp("models"))))


@pytest.fixture(scope="module")
def engine(app: App) -> Engine:
    return app.open_engine(EngineName.EMBEDDED)


@pytest.fixture(scope="module")
def couple(tmp_path_factory: pytest.TempPathFactory, hopper_path: Path, collins_path: Path) -> Path:
    """Hopper at the left, Collins at the right, in one lossless picture."""
    hopper, collins = cv2.imread(str(hopper_path)), cv2.imread(str(collins_path))
    assert hopper is not None
    assert collins is not None
    path = tmp_path_factory.mktemp("couple") / "couple.png"
    cv2.imwrite(str(path), np.hstack([hopper[:512], collins]))
    return path


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    def request(target: Path, *sources: Path, **cast: object) -> SwapRequest:
        return SwapRequest(
            cast=replace(CastRequest(sources=sources), **cast),  # type: ignore[arg-type]
            target=target,
            output=tmp_path / "out.png",
        )

    return request


def pixels(path: Path) -> NDArray[np.uint8]:
    image = cv2.imread(str(path))
    assert image is not None
    return np.asarray(image, dtype=np.uint8)


def faces_of(path: Path, engine: Engine) -> list[Face]:
    return analyse(ArrayCanvas(pixels(path)), engine)


def likeness(face: Face, person: Face) -> float:
    assert face.embedding is not None
    assert person.embedding is not None
    return similarity(face.embedding, person.embedding)


def test_the_largest_face_becomes_the_source_and_the_other_stays_bit_identical(
    app: App, engine: Engine, ask: Ask, couple: Path, collins_path: Path
) -> None:
    report = app.swap(ask(couple, collins_path), engine)
    assert (report.faces_found, report.faces_swapped) == (2, 1)
    before, after = pixels(couple), pixels(report.output)
    np.testing.assert_array_equal(before[:, 512:], after[:, 512:])
    collins, (left, _) = faces_of(collins_path, engine)[0], faces_of(report.output, engine)
    hopper = faces_of(couple, engine)[0]
    assert likeness(left, collins) > likeness(left, hopper)


def test_a_map_gives_each_face_its_own_source(
    app: App, engine: Engine, ask: Ask, couple: Path, hopper_path: Path, collins_path: Path
) -> None:
    report = app.swap(ask(couple, by_index={0: collins_path, 1: hopper_path}), engine)
    assert report.faces_swapped == 2
    left, right = faces_of(report.output, engine)
    hopper, collins = faces_of(couple, engine)
    assert likeness(left, collins) > likeness(left, hopper)
    assert likeness(right, hopper) > likeness(right, collins)


def test_left_to_right_hands_out_the_sources_in_order(
    app: App, engine: Engine, ask: Ask, couple: Path, hopper_path: Path, collins_path: Path
) -> None:
    order = Selection(rule=SelectionRule.LEFT_TO_RIGHT)
    mapped = app.swap(ask(couple, by_index={0: collins_path, 1: hopper_path}), engine)
    expected = pixels(mapped.output)
    ordered = app.swap(ask(couple, collins_path, hopper_path, selection=order), engine)
    np.testing.assert_array_equal(pixels(ordered.output), expected)


def test_a_face_is_found_by_its_likeness_to_a_photo(
    app: App, engine: Engine, ask: Ask, couple: Path, hopper_path: Path, collins_path: Path
) -> None:
    like = Selection(rule=SelectionRule.LIKE, reference=collins_path)
    report = app.swap(ask(couple, hopper_path, selection=like), engine)
    assert report.faces_swapped == 1
    before, after = pixels(couple), pixels(report.output)
    np.testing.assert_array_equal(before[:, :512], after[:, :512])
    assert (before[:, 512:] != after[:, 512:]).any()


def test_photos_of_two_people_as_one_source_are_told(
    app: App, engine: Engine, ask: Ask, hopper_path: Path, collins_path: Path
) -> None:
    report = app.swap(ask(collins_path, hopper_path, collins_path), engine)
    assert any("someone else" in note for note in report.notes)


def test_the_output_says_what_it_is_unless_told_not_to(
    app: App, engine: Engine, ask: Ask, hopper_path: Path, collins_path: Path
) -> None:
    request = ask(collins_path, hopper_path)
    mark = read_mark(app.swap(request, engine).output)
    assert mark is not None
    assert mark.source_type is DigitalSourceType.COMPOSITE_SYNTHETIC
    assert mark.engine == "embedded"
    assert read_mark(app.swap(replace(request, mark=False), engine).output) is None


@pytest.mark.parametrize(
    ("cast", "error", "says"),
    [
        ({"selection": Selection(rule=SelectionRule.ONE)}, TooManyFaces, "2 were found"),
        (
            {"selection": Selection(rule=SelectionRule.INDEX, indices=(2,))},
            FaceNotMatched,
            "no face 2",
        ),
        ({"sources": ()}, InvalidOption, "no source"),
        ({"by_index": {0: Path("a.jpg")}}, InvalidOption, "both for all faces and for single ones"),
    ],
)
def test_a_cast_that_cannot_be_filled_is_one_clear_error(
    app: App,
    engine: Engine,
    ask: Ask,
    couple: Path,
    hopper_path: Path,
    cast: dict[str, object],
    error: type[Exception],
    says: str,
) -> None:
    request = ask(couple, **{"sources": (hopper_path,), **cast})
    with pytest.raises(error, match=says):
        app.swap(request, engine)
    assert not request.output.exists()


def test_a_picture_without_a_face_is_named(
    app: App, engine: Engine, ask: Ask, tmp_path: Path, hopper_path: Path
) -> None:
    wall = tmp_path / "wall.png"
    cv2.imwrite(str(wall), np.full((200, 200, 3), 128, dtype=np.uint8))
    with pytest.raises(NoFace, match=r"wall\.png"):
        app.swap(ask(wall, hopper_path), engine)
    with pytest.raises(NoFace, match=r"source photo wall\.png"):
        app.swap(ask(hopper_path, wall), engine)


def test_an_output_that_cannot_be_written_is_refused_before_anything_is_read(
    app: App, engine: Engine, ask: Ask, tmp_path: Path
) -> None:
    request = replace(ask(tmp_path / "missing.png"), output=tmp_path / "no" / "such" / "out.png")
    with pytest.raises(OutputUnwritable, match="does not exist"):
        app.swap(request, engine)


@pytest.mark.parametrize("role", ["source", "target"])
def test_no_input_is_replaced_by_the_output_under_any_of_its_names(
    app: App, engine: Engine, ask: Ask, role: str, hopper_path: Path, collins_path: Path, tmp_path: Path
) -> None:
    kept, same = tmp_path / "kept.png", tmp_path / "same.png"
    shutil.copy(collins_path, kept)
    same.symlink_to(kept)
    source, target = (kept, hopper_path) if role == "source" else (hopper_path, kept)
    request = replace(ask(target, source), output=same)
    with pytest.raises(InvalidOption, match="would be lost"):
        app.swap(request, engine)
    assert kept.read_bytes() == collins_path.read_bytes()


def test_a_text_file_named_like_a_picture_is_told(
    app: App, engine: Engine, ask: Ask, tmp_path: Path, hopper_path: Path
) -> None:
    text = tmp_path / "face.jpg"
    text.write_text("this is no picture\n" * 10)
    with pytest.raises(UnsupportedMedia, match="text file"):
        app.swap(ask(text, hopper_path), engine)


def test_the_quality_report_says_whose_face_it_is_and_that_the_rest_is_untouched(
    app: App, engine: Engine, ask: Ask, hopper_path: Path, collins_path: Path
) -> None:
    report = app.swap(replace(ask(collins_path, hopper_path), measure_quality=True), engine)
    assert report.quality is not None
    (face,) = report.quality["faces"]
    assert face["similarity_to_source"] > face["similarity_to_target"]
    assert 0 < face["landmark_error"] < 0.1
    assert report.quality["outside_is_identical"] is True


def test_the_quality_report_of_a_video_says_how_calm_it_is(
    app: App, engine: Engine, ask: Ask, tmp_path: Path, hopper_path: Path, collins_path: Path
) -> None:
    clip = tmp_path / "clip.mp4"
    render_clip(pixels(collins_path), clip, seconds=0.5, size=(320, 240))
    request = replace(ask(clip, hopper_path), output=tmp_path / "out.mp4", measure_quality=True)
    report = app.swap(request, engine)
    assert report.quality is not None
    assert report.quality["frames_with_face"] == 15
    assert report.quality["swapped_share"] == 1.0
    assert 0.2 < report.quality["flicker"] < 3
    assert report.quality["similarity_to_source"] > report.quality["similarity_to_target"]


def test_glasses_of_the_target_stay_in_front_where_that_is_asked_for(
    app: App, engine: Engine, ask: Ask, hopper_path: Path, collins_path: Path
) -> None:
    settings = app.settings.model_copy(
        update={"faces": app.settings.faces.model_copy(update={"glasses": "keep"})}
    )
    keeping = open_app(settings)
    before = pixels(hopper_path)
    bridge = (slice(195, 203), slice(255, 268))  # of Hopper's frame, over her nose: brown, no skin
    kept = pixels(keeping.swap(ask(hopper_path, collins_path), keeping.open_engine(engine.name)).output)
    removed = pixels(app.swap(ask(hopper_path, collins_path), engine).output)

    def change(after: NDArray[np.uint8]) -> float:
        return float(np.abs(after[bridge].astype(int) - before[bridge]).mean())

    assert change(kept) < change(removed) / 2
