"""A name pattern gives every output a name of its own, and none that leaves its folder."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steadfast.errors import InvalidOption, UnsafePath
from steadfast.tasks.batch_names import NamePattern, NameValues

VALUES = NameValues(stem="photo", suffix=".JPG", source="grace", index=7, folder="2026/june")


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("{stem}_{source}{suffix}", "photo_grace.JPG"),
        ("{folder}/{stem}{suffix}", "2026/june/photo.JPG"),
        ("{index:03}.png", "007.png"),
        ("{index:03d}.png", "007.png"),
        ("{{literal}}.png", "{literal}.png"),
        ("swapped/{stem}.webp", "swapped/photo.webp"),
    ],
)
def test_fields_are_filled(pattern: str, name: str) -> None:
    assert NamePattern(pattern).path_in(Path("out"), VALUES) == Path("out") / name


def test_at_the_top_of_the_folder_the_folder_field_vanishes() -> None:
    top = NameValues(stem="photo", suffix=".jpg", source="grace", index=1, folder="")
    assert NamePattern("{folder}/{stem}{suffix}").path_in(Path("out"), top) == Path("out/photo.jpg")


@pytest.mark.parametrize(
    "pattern",
    [
        "../{stem}.png",
        "a/../../{stem}.png",
        "/etc/{stem}",
        "C:\\{stem}",
        "\\\\host\\share",
        "..\\{stem}.png",
        "..",
    ],
)
def test_a_pattern_that_would_leave_the_folder_is_refused_before_any_work(pattern: str) -> None:
    with pytest.raises(UnsafePath) as caught:
        NamePattern(pattern)
    assert caught.value.exit_code == 2
    assert ".." in caught.value.remedy


@pytest.mark.parametrize(
    "pattern",
    [
        "{typo}.png",
        "{stem.__class__}",
        "{stem[0]}",
        "{stem!r}",
        "{}",
        "{0}",
        "{stem",
        "{index:999999999}",
        "{stem:>9}",
    ],
)
def test_a_field_that_does_not_exist_or_is_malformed_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidOption):
        NamePattern(pattern)


@pytest.mark.parametrize("stem", ["..", "../../etc/passwd", "/etc/passwd", "a\0b", "", "."])
def test_a_hostile_file_name_cannot_lead_out_either(tmp_path: Path, stem: str) -> None:
    values = NameValues(stem=stem, suffix="", source="grace", index=1, folder="sub")
    with pytest.raises(UnsafePath):
        NamePattern("{stem}").path_in(tmp_path, values)


def test_a_link_inside_the_folder_is_no_way_out(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafePath, match="leaves"):
        NamePattern("link/{stem}").path_in(tmp_path / "out", VALUES)


@given(
    pattern=st.text(st.sampled_from("{}./\\:ab0stemindxfolr"), max_size=24),
    stem=st.text(st.sampled_from("./\\ab\0"), max_size=6),
)
def test_whatever_is_asked_the_answer_is_inside_the_folder_or_a_declared_error(
    pattern: str, stem: str
) -> None:
    folder = Path("/srv/outputs")
    values = NameValues(stem=stem, suffix=".png", source="s", index=3, folder=stem)
    try:
        path = NamePattern(pattern).path_in(folder, values)
    except InvalidOption:
        return
    assert path.resolve().is_relative_to(folder)
    assert path.resolve() != folder
