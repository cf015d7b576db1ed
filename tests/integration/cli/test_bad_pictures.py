"""A picture that cannot be used gives a sentence, a remedy and its exit status, and nothing is written."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from tests import picture_files as files
from tests.integration.cli.failures import Failure
from tests.small_disks import mounted_tmpfs

from steadfast.errors import ExitCode

pytestmark = pytest.mark.usefixtures("loaded")


def grey_png(height: int = 200, width: int = 200) -> bytes:
    return cv2.imencode(".png", np.full((height, width, 3), 120, np.uint8))[1].tobytes()


BAD = {
    "empty.jpg": (b"", "empty_input", "is empty"),
    "text.jpg": (b"not a picture at all\n", "unsupported_media", "is a text file"),
    "cut.jpg": (files.encoded("JPEG")[:500], "damaged_media", "cut off or corrupt"),
    "cut.png": (files.encoded("PNG")[:300], "damaged_media", "cut off or corrupt"),
    "cut.heic": (files.encoded("HEIF")[:450], "damaged_media", "cut off or corrupt"),
    "bomb.png": (files.bomb("PNG"), "media_too_large", "30000 × 30000"),
    "bomb.jpg": (files.bomb("JPEG"), "media_too_large", "30000 × 30000"),
    "float.tiff": (files.encoded("TIFF", "F"), "unsupported_media", "32 bits"),
}
FACELESS = {
    "1x1.png": grey_png(1, 1),
    "grey.png": grey_png(),
    "cmyk.jpg": files.encoded("JPEG", "CMYK"),
    "deep.png": files.deep(".png"),
    "rgba.png": files.encoded("PNG", "RGBA"),
    "palette.gif": files.encoded("GIF", "P"),
    "turned.jpg": files.turned(6),
    "photo.heic": files.encoded("HEIF"),
}


@pytest.mark.parametrize("role", ["faces", "target", "source"])
@pytest.mark.parametrize("name", sorted(BAD))
def test_a_bad_picture_is_refused_wherever_it_is_given(
    tmp_path: Path, hopper_path: Path, failure: Failure, name: str, role: str
) -> None:
    content, code, sentence = BAD[name]
    path = tmp_path / name
    path.write_bytes(content)
    good, output = str(hopper_path), str(tmp_path / "out.png")
    arguments = {
        "faces": ["faces", str(path), "--draw", output],
        "target": ["swap", "-s", good, "-t", str(path), "-o", output],
        "source": ["swap", "-s", str(path), "-t", good, "-o", output],
    }[role]
    error = failure(arguments)
    assert error["code"] == code
    assert error["exit_code"] == ExitCode.BAD_INPUT
    assert sentence in str(error["detail"])
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", sorted(FACELESS))
def test_a_fine_picture_without_a_face_is_told_from_a_bad_one(
    tmp_path: Path, hopper_path: Path, failure: Failure, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(FACELESS[name])
    error = failure(["swap", "-s", str(hopper_path), "-t", str(path), "-o", str(tmp_path / "out.png")])
    assert error["code"] == "no_face"
    assert error["exit_code"] == ExitCode.BAD_INPUT
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_two_faces_where_one_was_asked_for_are_told_with_what_to_say_instead(
    tmp_path: Path, hopper_path: Path, failure: Failure
) -> None:
    person = cv2.imread(str(hopper_path))
    assert person is not None
    cv2.imwrite(str(tmp_path / "two.png"), np.hstack([person, person[:, ::-1]]))
    output = str(tmp_path / "out.png")
    target = ["-t", str(tmp_path / "two.png"), "-o", output]
    error = failure(["swap", "-s", str(hopper_path), *target, "--faces", "one"])
    assert (error["code"], error["exit_code"]) == ("too_many_faces", ExitCode.BAD_INPUT)
    assert "--faces largest" in error["remedy"]
    assert [p.name for p in tmp_path.iterdir()] == ["two.png"]


def test_a_face_too_small_to_use_is_told_with_the_size_it_needs(
    tmp_path: Path, hopper_path: Path, failure: Failure
) -> None:
    tiny = cv2.resize(cv2.imread(str(hopper_path)), (34, 40), interpolation=cv2.INTER_AREA)  # type: ignore[arg-type]
    wall = np.full((400, 400, 3), 120, np.uint8)
    wall[100:140, 100:134] = tiny
    cv2.imwrite(str(tmp_path / "tiny.png"), wall)
    target = ["-t", str(tmp_path / "tiny.png"), "-o", str(tmp_path / "out.png")]
    error = failure(["swap", "-s", str(hopper_path), *target])
    assert error["code"] in {"no_face", "face_too_small"}
    assert error["exit_code"] == ExitCode.BAD_INPUT
    assert "pixels" in error["remedy"]
    assert [p.name for p in tmp_path.iterdir()] == ["tiny.png"]


@pytest.mark.parametrize(
    ("output", "code", "exit_code"),
    [
        ("missing/out.png", "output_unwritable", ExitCode.CANNOT_CREATE),
        (".", "output_unwritable", ExitCode.CANNOT_CREATE),
        ("out.xyz", "invalid_option", ExitCode.USAGE),
    ],
)
def test_an_output_that_cannot_be_written_is_refused(
    tmp_path: Path,
    hopper_path: Path,
    failure: Failure,
    output: str,
    code: str,
    exit_code: int,
) -> None:
    arguments = ["swap", "-s", str(hopper_path), "-t", str(hopper_path), "-o", str(tmp_path / output)]
    error = failure(arguments)
    assert (error["code"], error["exit_code"]) == (code, exit_code)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_has_an_exit_status_of_its_own(tmp_path: Path, failure: Failure) -> None:
    error = failure(["faces", str(tmp_path / "missing.jpg")])
    assert (error["code"], error["exit_code"]) == ("input_missing", ExitCode.NO_INPUT)


@pytest.mark.parametrize(
    ("options", "code", "exit_code"),
    [
        ("size=64k", "disk_full", ExitCode.DISK_FULL),
        ("ro", "output_unwritable", ExitCode.CANNOT_CREATE),
    ],
)
def test_a_full_and_a_read_only_disk_are_said_and_nothing_stays(
    tmp_path: Path,
    hopper_path: Path,
    collins_path: Path,
    failure: Failure,
    options: str,
    code: str,
    exit_code: int,
) -> None:
    with mounted_tmpfs(tmp_path / "disk", options) as disk:
        output = str(disk / "out.png")
        error = failure(["swap", "-s", str(hopper_path), "-t", str(collins_path), "-o", output])
        assert (error["code"], error["exit_code"]) == (code, exit_code)
        assert list(disk.iterdir()) == []
