"""However a server fails, the right bytes arrive or nothing does."""

import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tests.unit.models.mirrors import (
    CONTENT,
    Answer,
    Mirror,
    catalogue_of,
    dying_after,
    redirecting_to,
    resuming_elsewhere,
    running_mirror,
    serving,
    serving_without_length,
    stalling_after,
    tiny_model,
    whole,
    with_headers,
    without_ranges,
)

from steadfast.errors import DownloadFailed
from steadfast.models import download
from steadfast.models.download import BrokenOff, Transfer, fetch
from steadfast.models.store import ModelStore
from steadfast.settings import ModelSettings


def store_of(settings: ModelSettings, *mirrors: Mirror) -> ModelStore:
    """A store whose one model these mirrors serve, in this order."""
    return ModelStore(settings, catalogue_of(tiny_model(*(mirror.url for mirror in mirrors))))


def visible_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_a_file_arrives_whole_and_leaves_nothing_beside_it(settings: ModelSettings) -> None:
    with running_mirror() as mirror:
        path = store_of(settings, mirror).pull("tiny")
    assert path.read_bytes() == CONTENT
    assert visible_files(settings.dir) == ["tiny.onnx"]
    assert list((settings.dir / ".parts").iterdir()) == []


def test_a_connection_that_dies_is_resumed_where_it_broke(settings: ModelSettings) -> None:
    with running_mirror(dying_after(700_000), dying_after(900_000)) as mirror:
        assert store_of(settings, mirror).pull("tiny").read_bytes() == CONTENT
    # What the client had not read when the connection closed is asked for again.
    starts = [int((r or "bytes=0-").removeprefix("bytes=").rstrip("-")) for r in mirror.ranges]
    assert starts[0] == 0
    assert 0 < starts[1] <= 700_000
    assert starts[1] < starts[2] <= 1_600_000


def test_a_resumed_request_says_which_version_it_began_with(settings: ModelSettings) -> None:
    with running_mirror(dying_after(1_000_000)) as mirror:
        store_of(settings, mirror).pull("tiny")
    assert mirror.if_ranges[0] is None
    assert mirror.if_ranges[1] is not None
    assert mirror.if_ranges[1].startswith('"')


def test_a_new_process_resumes_what_an_earlier_one_left(settings: ModelSettings) -> None:
    with running_mirror(*[dying_after(400_000)] * 3) as mirror, pytest.raises(DownloadFailed):
        store_of(settings.model_copy(update={"attempts": 1}), mirror).pull("tiny")
    with running_mirror() as mirror:
        assert store_of(settings, mirror).pull("tiny").read_bytes() == CONTENT
    assert mirror.ranges[0] is not None


def test_a_server_that_ignores_ranges_is_read_from_the_start_again(settings: ModelSettings) -> None:
    with running_mirror(dying_after(1_000_000), without_ranges) as mirror:
        assert store_of(settings, mirror).pull("tiny").read_bytes() == CONTENT


def test_a_line_that_drops_again_and_again_gets_there_as_long_as_it_brings_something(
    settings: ModelSettings,
) -> None:
    patience = settings.model_copy(update={"attempts": 1})
    with running_mirror(*[dying_after(1_300_000)] * 2) as mirror:
        assert store_of(patience, mirror).pull("tiny").read_bytes() == CONTENT


def test_a_server_that_stalls_is_left_after_the_read_timeout(settings: ModelSettings) -> None:
    release = threading.Event()
    settings = settings.model_copy(update={"read_timeout_s": 0.5, "attempts": 6})
    with running_mirror(stalling_after(500_000, release)) as mirror:
        try:
            assert store_of(settings, mirror).pull("tiny").read_bytes() == CONTENT
        finally:
            release.set()
    assert mirror.ranges[1] is not None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (serving(b"<html>Sign in</html>", content_type="text/html; charset=utf-8"), "web page"),
        (serving(b"Not found", status=404), "404"),
        (serving(CONTENT[:-1]), f"{len(CONTENT) - 1} bytes"),
        (serving(CONTENT + b"x"), f"{len(CONTENT) + 1} bytes"),
        (serving_without_length(CONTENT + b"x" * 300_000), "more than"),
        (serving(bytes(len(CONTENT))), "sha256"),
        (serving(b"", status=403), "403"),
        (with_headers(serving(CONTENT), Content_Encoding="gzip"), "packs"),
    ],
    ids=["web page", "absent", "short", "long", "longer than promised", "other bytes", "forbidden", "packed"],
)
def test_what_is_not_the_file_is_refused_and_the_next_mirror_serves(
    answer: Answer, reason: str, settings: ModelSettings
) -> None:
    with running_mirror(answer) as bad, running_mirror() as good:
        assert store_of(settings, bad, good).pull("tiny").read_bytes() == CONTENT
    assert len(bad.ranges) == 1  # asking again would not have helped
    with running_mirror(*[answer] * 8) as bad, pytest.raises(DownloadFailed, match=reason):
        ModelStore(
            settings.model_copy(update={"dir": settings.dir.with_name("other")}),
            catalogue_of(tiny_model(bad.url)),
        ).pull("tiny")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_in_trouble_is_asked_again(status: int, settings: ModelSettings) -> None:
    with running_mirror(serving(b"busy", status=status)) as mirror:
        assert store_of(settings, mirror).pull("tiny").read_bytes() == CONTENT
    assert len(mirror.ranges) == 2


def test_a_range_that_does_not_fit_is_thrown_away(settings: ModelSettings) -> None:
    with running_mirror(dying_after(1_000_000), resuming_elsewhere) as mirror:
        assert store_of(settings, mirror).pull("tiny").read_bytes() == CONTENT
    assert mirror.ranges[1] is not None
    assert mirror.ranges[2] is None  # from the start again


def test_a_redirect_is_followed_with_its_range(settings: ModelSettings) -> None:
    with running_mirror() as storage, running_mirror() as front:
        front.answers += [dying_after(1_000_000), redirecting_to(storage.url)]
        assert store_of(settings, front).pull("tiny").read_bytes() == CONTENT
    assert storage.ranges[0] is not None


def test_a_redirect_in_a_circle_is_refused(settings: ModelSettings) -> None:
    with running_mirror(*[redirecting_to("/tiny.onnx")] * 50) as mirror:
        with pytest.raises(DownloadFailed, match="circle"):
            store_of(settings, mirror).pull("tiny")
        assert len(mirror.ranges) < 50


@pytest.mark.parametrize(("said", "wait_s"), [("7", 7.0), ("86400", 60.0), ("tomorrow", None)])
def test_a_server_that_says_when_to_come_back_is_believed_within_reason(
    said: str, wait_s: float | None, tmp_path: Path
) -> None:
    answer = with_headers(serving(b"", status=503), Retry_After=said)
    with running_mirror(answer) as mirror, pytest.raises(BrokenOff) as caught:
        fetch(
            Transfer(
                url=mirror.url,
                part=tmp_path / "part",
                size_bytes=len(CONTENT),
                connect_timeout_s=5.0,
                read_timeout_s=5.0,
            ),
            on_bytes=lambda _: None,
        )
    assert caught.value.retry_after_s == wait_s


def test_a_mirror_that_nobody_runs_is_passed_over(settings: ModelSettings) -> None:
    with running_mirror() as gone:
        pass
    with running_mirror() as mirror:
        assert store_of(settings, gone, mirror).pull("tiny").read_bytes() == CONTENT


def test_the_error_says_what_every_mirror_said(settings: ModelSettings) -> None:
    absent, gone = serving(b"", status=404), serving(b"", status=410)
    with (
        running_mirror(absent) as one,
        running_mirror(gone) as two,
        pytest.raises(DownloadFailed) as caught,
    ):
        store_of(settings, one, two).pull("tiny")
    assert f"{one.host}: it answers 404 Not Found; {two.host}: it answers 410 Gone." in caught.value.detail


def test_mirrors_that_fail_alike_are_named_together(settings: ModelSettings) -> None:
    busy = serving(b"", status=404)
    with (
        running_mirror(busy) as one,
        running_mirror(busy) as two,
        pytest.raises(DownloadFailed) as caught,
    ):
        store_of(settings, one, two).pull("tiny")
    assert f"{one.host}, {two.host}: it answers 404 Not Found." in caught.value.detail


def test_a_part_of_other_bytes_costs_a_fresh_start_and_not_the_mirror(settings: ModelSettings) -> None:
    hasty = settings.model_copy(update={"attempts": 1})
    with running_mirror(dying_after(1_000_000)) as mirror, pytest.raises(DownloadFailed):
        store_of(hasty, mirror).pull("tiny")
    part = next((settings.dir / ".parts").glob("*.part"))
    part.write_bytes(b"\xff" * part.stat().st_size)
    with running_mirror() as mirror:
        assert store_of(settings, mirror).pull("tiny").read_bytes() == CONTENT


def test_progress_only_grows_and_ends_at_the_whole(settings: ModelSettings) -> None:
    seen: list[int] = []
    with running_mirror(dying_after(900_000)) as mirror:
        store_of(settings, mirror).pull("tiny", on_progress=lambda p: seen.append(p.done_bytes))
    assert seen == sorted(seen)
    assert seen[-1] == len(CONTENT)


def test_a_server_that_only_drips_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10_000, 10))  # ten seconds pass between two bytes
    monkeypatch.setattr(download, "monotonic", lambda: float(next(clock)))
    with pytest.raises(BrokenOff, match="only"):
        list(download._watched(iter([b"x"] * 1000), window_s=30.0))


def test_a_slow_but_steady_server_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10_000, 10))
    monkeypatch.setattr(download, "monotonic", lambda: float(next(clock)))
    chunks = [b"x" * 20_000] * 100
    assert list(download._watched(iter(chunks), window_s=30.0)) == chunks


ANSWERS: dict[str, Callable[[], Answer]] = {
    "whole": lambda: whole,
    "without ranges": lambda: without_ranges,
    "dies at once": lambda: dying_after(0),
    "dies late": lambda: dying_after(2_000_000),
    "lies about the size": lambda: serving(CONTENT[:1_000_000]),
    "other bytes": lambda: serving(bytes(len(CONTENT))),
    "web page": lambda: serving(b"<html>", content_type="text/html"),
    "server error": lambda: serving(b"", status=502),
    "resumes elsewhere": lambda: resuming_elsewhere,
    "no such range": lambda: serving(b"", status=416),
    "too long": lambda: serving_without_length(CONTENT * 2),
}


@hypothesis_settings(max_examples=25)
@given(script=st.lists(st.sampled_from(sorted(ANSWERS)), max_size=6), attempts=st.integers(1, 3))
def test_no_sequence_of_failures_ever_leaves_anything_but_the_right_bytes_under_the_final_name(
    script: list[str], attempts: int
) -> None:
    with TemporaryDirectory() as folder, running_mirror(*(ANSWERS[name]() for name in script)) as mirror:
        settings = ModelSettings(dir=Path(folder), attempts=attempts, read_timeout_s=2.0)
        store = store_of(settings, mirror)
        try:
            store.pull("tiny")
        except DownloadFailed:
            assert not store.path("tiny").exists()
        else:
            assert store.path("tiny").read_bytes() == CONTENT
        assert set(visible_files(settings.dir)) <= {"tiny.onnx"}
