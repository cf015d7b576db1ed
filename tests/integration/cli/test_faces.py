"""`steadfast faces` lists what is there and draws it, and a picture without a face is an answer too."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from steadfast.cli.application import run
from steadfast.errors import ExitCode
from steadfast.media.pictures import read_picture

pytestmark = pytest.mark.usefixtures("loaded")


def listed(capsys: pytest.CaptureFixture[str], arguments: Sequence[str]) -> dict[str, Any]:
    assert run(["faces", *arguments, "--json"]) is ExitCode.OK
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_faces_are_numbered_from_left_to_right(
    tmp_path: Path, hopper_path: Path, collins_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hopper, collins = cv2.imread(str(hopper_path)), cv2.imread(str(collins_path))
    assert hopper is not None
    assert collins is not None
    couple = tmp_path / "couple.png"
    cv2.imwrite(str(couple), np.hstack([collins, hopper[:512]]))
    answer = listed(capsys, [str(couple)])
    assert answer["engine"] == "embedded"
    assert answer["embedding_space"] == "dlib_resnet"
    assert [face["index"] for face in answer["faces"]] == [0, 1]
    assert answer["faces"][0]["box"]["right"] < 512 < answer["faces"][1]["box"]["left"]
    assert "embedding" not in answer["faces"][0]


def test_full_json_has_every_landmark_and_the_embedding(
    hopper_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (face,) = listed(capsys, [str(hopper_path), "--full"])["faces"]
    assert len(face["landmarks"]) == 68
    assert len(face["embedding"]["vector"]) == 128


def test_the_standard_engine_lists_with_the_shared_models(
    shared_models: Path,
    hopper_path: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()  # the real choice of an engine
    monkeypatch.setenv("STEADFAST_MODELS__DIR", str(tmp_path / "models"))
    monkeypatch.setenv("STEADFAST_MODELS__MIRROR", shared_models.as_uri())
    answer = listed(capsys, [str(hopper_path), "--engine", "standard"])
    assert answer["engine"] == "standard"
    assert answer["landmarks"] == "mediapipe_468"
    assert len(answer["faces"]) == 1


def test_the_table_names_the_picture_its_faces_and_the_engine(
    hopper_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["faces", str(hopper_path)]) is ExitCode.OK
    shown = capsys.readouterr().out
    for word in ("grace_hopper.jpg", "512 × 600", "1 face", "Yaw", "sharp", "embedded", "dlib_resnet"):
        assert word in shown


def test_the_drawing_is_a_picture_with_the_face_marked(
    tmp_path: Path, hopper_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "drawn.png"
    listed(capsys, [str(hopper_path), "--draw", str(output)])
    drawn, original = read_picture(output), read_picture(hopper_path)
    assert (drawn.width, drawn.height) == (original.width * 2, original.height * 2)
    enlarged = cv2.resize(original.pixels, (drawn.width, drawn.height), interpolation=cv2.INTER_CUBIC)
    different = (drawn.pixels != enlarged).any(axis=2)
    assert 0.005 < different.mean() < 0.1
    assert not different[:100].any()


def test_a_picture_without_a_face_is_an_answer_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "grey.png"
    cv2.imwrite(str(path), np.full((300, 300, 3), 90, np.uint8))
    assert listed(capsys, [str(path)])["faces"] == []
    assert run(["faces", str(path)]) is ExitCode.OK
    assert "No face was found" in capsys.readouterr().out
