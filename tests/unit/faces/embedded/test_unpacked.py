"""The detector that is kept unpacked is dlib's own, and nobody else's bytes are ever taken for it."""

from pathlib import Path

import pytest
from tests.unit.faces.real_pictures import load

from steadfast.faces.embedded import unpacked
from steadfast.faces.embedded.dlib_runtime import as_rgb, dlib_module
from steadfast.faces.embedded.unpacked import FILE_NAME, keep_frontal_detector, open_frontal_detector


def test_a_kept_detector_finds_what_dlib_s_own_finds(tmp_path: Path, hopper_path: Path) -> None:
    assert keep_frontal_detector(tmp_path)
    image = as_rgb(load(hopper_path))
    found = [
        hog.run(image, 0, -0.5) for hog in (open_frontal_detector(tmp_path), open_frontal_detector(None))
    ]
    assert list(found[0][0]) == list(found[1][0])
    assert list(found[0][1]) == list(found[1][1])
    assert found[0][0]


def test_other_bytes_are_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"planted")
    asked: list[str] = []
    monkeypatch.setattr(dlib_module(), "get_frontal_face_detector", lambda: asked.append("dlib"))
    open_frontal_detector(tmp_path)
    assert asked == ["dlib"]


def test_a_detector_that_is_not_known_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacked, "_SHA256", "0" * 64)
    assert not keep_frontal_detector(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_may_not_be_written_to_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert not keep_frontal_detector(tmp_path / "file" / "folder")
