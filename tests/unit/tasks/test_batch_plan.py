"""A batch decides everything before any work: which files, in which order, under which names."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests import picture_files as files

from steadfast.errors import InputMissing, InvalidOption, OutputUnwritable
from steadfast.tasks.batch_names import NamePattern
from steadfast.tasks.batch_plan import BatchJob, BatchOptions, Conflict, plan_batch

Put = Callable[..., Path]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    def put(name: str, content: bytes | None = None) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files.encoded("PNG") if content is None else content)
        return path

    return put


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def options(out: Path, name: str = "{folder}/{stem}_{source}{suffix}", **more: object) -> BatchOptions:
    return BatchOptions(folder=out, pattern=NamePattern(name), **more)  # type: ignore[arg-type]


def names(jobs: list[BatchJob], out: Path) -> list[str]:
    return [job.output.relative_to(out).as_posix() for job in jobs]


def test_every_target_meets_every_source(put: Put, out: Path) -> None:
    targets = [str(put("a.png")), str(put("b.png"))]
    sources = [str(put("x.png")), str(put("y.png"))]
    jobs = plan_batch(targets, sources, options(out))
    assert names(jobs, out) == ["a_x.png", "a_y.png", "b_x.png", "b_y.png"]
    assert [job.sources[0].stem for job in jobs] == ["x", "y", "x", "y"]


def test_several_photos_of_one_person_make_one_output_per_target(put: Put, out: Path) -> None:
    sources = [str(put("x.png")), str(put("y.png"))]
    jobs = plan_batch([str(put("a.png"))], sources, options(out, one_person=True))
    assert [tuple(path.stem for path in job.sources) for job in jobs] == [("x", "y")]


def test_a_folder_gives_its_media_by_content_and_in_natural_order(
    put: Put, out: Path, tmp_path: Path
) -> None:
    for name in ("in/img10.png", "in/img2.png", "in/sub/img1.png", "in/.hidden.png"):
        put(name)
    put("in/really-a-picture.dat")
    put("in/notes.jpg", b"some text, not a picture")
    put("in/clip.mkv", b"\x1a\x45\xdf\xa3" + bytes(64))
    source = [str(put("x.png"))]
    flat = plan_batch([str(tmp_path / "in")], source, options(out))
    assert names(flat, out) == ["clip_x.mkv", "img2_x.png", "img10_x.png", "really-a-picture_x.png"]
    deep = plan_batch([str(tmp_path / "in")], source, options(out, recursive=True))
    assert "sub/img1_x.png" in names(deep, out)


def test_of_a_folder_of_sources_only_pictures_are_taken(put: Put, out: Path, tmp_path: Path) -> None:
    put("people/x.png")
    put("people/clip.mkv", b"\x1a\x45\xdf\xa3" + bytes(64))
    jobs = plan_batch([str(put("a.png"))], [str(tmp_path / "people")], options(out))
    assert names(jobs, out) == ["a_x.png"]


def test_a_pattern_takes_what_it_matches_and_a_name_with_its_signs_is_a_name(
    put: Put, out: Path, tmp_path: Path
) -> None:
    put("p/a.png"), put("p/b.png"), put("p/odd [1].png")
    source = [str(put("x.png"))]
    matched = plan_batch([str(tmp_path / "p" / "?.png")], source, options(out))
    assert names(matched, out) == ["a_x.png", "b_x.png"]
    named = plan_batch([str(tmp_path / "p" / "odd [1].png")], source, options(out))
    assert names(named, out) == ["odd [1]_x.png"]


def test_a_file_that_two_arguments_lead_to_is_done_once(put: Put, out: Path, tmp_path: Path) -> None:
    target = str(put("in/a.png"))
    jobs = plan_batch([target, str(tmp_path / "in")], [str(put("x.png"))], options(out))
    assert len(jobs) == 1


def test_outputs_inside_the_folder_of_targets_are_not_targets_next_time(put: Put, tmp_path: Path) -> None:
    put("in/a.png")
    done = tmp_path / "in" / "done"
    done.mkdir()
    put("in/done/a_x.png")
    jobs = plan_batch([str(tmp_path / "in")], [str(put("x.png"))], options(done, recursive=True))
    assert [job.target.name for job in jobs] == ["a.png"]


@pytest.mark.parametrize("argument", ["missing.png", "missing/", "*.none", "empty"])
def test_an_argument_that_leads_to_nothing_is_an_error(
    put: Put, out: Path, tmp_path: Path, argument: str
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputMissing, match="leads to no"):
        plan_batch([str(tmp_path / argument)], [str(put("x.png"))], options(out))


def test_a_missing_output_folder_is_an_error(put: Put, tmp_path: Path) -> None:
    with pytest.raises(OutputUnwritable, match="does not exist"):
        plan_batch([str(put("a.png"))], [str(put("x.png"))], options(tmp_path / "missing"))


def test_two_outputs_of_one_name_are_refused(put: Put, out: Path) -> None:
    targets = [str(put("1/a.png")), str(put("2/a.png"))]
    with pytest.raises(InvalidOption, match="would both become") as caught:
        plan_batch(targets, [str(put("x.png"))], options(out))
    assert "{index}" in caught.value.remedy
    jobs = plan_batch(targets, [str(put("x.png"))], options(out, conflict=Conflict.NUMBER))
    assert names(jobs, out) == ["a_x.png", "a_x (2).png"]


def test_a_batch_does_not_replace_its_own_inputs(put: Put, tmp_path: Path) -> None:
    put("in/a.png")
    with pytest.raises(InvalidOption, match="is an input"):
        plan_batch(
            [str(tmp_path / "in")],
            [str(put("x.png"))],
            options(tmp_path / "in", "{stem}{suffix}", conflict=Conflict.OVERWRITE),
        )


@pytest.mark.parametrize("conflict", list(Conflict))
def test_an_output_that_is_there_is_dealt_with_as_asked(put: Put, out: Path, conflict: Conflict) -> None:
    (out / "a_x.png").write_bytes(b"old")
    (job,) = plan_batch([str(put("a.png"))], [str(put("x.png"))], options(out, conflict=conflict))
    expected = {
        Conflict.SKIP: ("a_x.png", True, False),
        Conflict.OVERWRITE: ("a_x.png", False, False),
        Conflict.NUMBER: ("a_x (2).png", False, False),
        Conflict.FAIL: ("a_x.png", False, True),
    }
    assert (job.output.name, job.is_done, job.problem is not None) == expected[conflict]


@pytest.mark.parametrize(
    ("name", "content", "output"),
    [
        ("photo.JPG", files.encoded("JPEG"), "photo.JPG"),
        ("photo", files.encoded("JPEG"), "photo.jpg"),
        ("photo.bin", files.encoded("HEIF"), "photo.heic"),
        ("clip.avi", b"RIFF\0\0\0\0AVI " + bytes(32), "clip.mp4"),
        ("clip.webm", b"\x1a\x45\xdf\xa3" + bytes(64), "clip.webm"),
        ("broken.xyz", b"nothing", "broken.xyz"),
    ],
)
def test_the_ending_is_kept_where_it_can_be_written(
    put: Put, out: Path, name: str, content: bytes, output: str
) -> None:
    jobs = plan_batch([str(put(name, content))], [str(put("x.png"))], options(out, "{stem}{suffix}"))
    assert names(jobs, out) == [output]
