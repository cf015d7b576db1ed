"""The screen fits any terminal, loses nothing silently, and says when what it shows is old."""

import io

import pytest
from rich.console import Console, RenderableType
from tests.unit.dashboard.statuses import incident, job, status, worker

from steadfast.dashboard.screen import Connection, frame, screen, shared_out, waiting_screen
from steadfast.observability.status.document import JobsStatus, ServiceStatus

HERE = Connection(url="http://127.0.0.1:8080")


def drawn(part: RenderableType, width: int = 80, height: int = 24, encoding: str = "utf-8") -> str:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=stream, width=width, height=height, record=True, force_terminal=True)
    console.print(part)
    return console.export_text()


def crowded() -> ServiceStatus:
    return status(
        workers=tuple(worker(number) for number in range(30)),
        incidents=tuple(incident(id=f"inc_{number}") for number in range(30)),
        jobs=JobsStatus(counts={"running": 30}, latest=tuple(job(number) for number in range(12))),
    )


@pytest.mark.parametrize("size", [(80, 24), (60, 15), (132, 43), (200, 60), (40, 10), (20, 5)])
def test_it_fits_a_terminal_of_any_size(size: tuple[int, int]) -> None:
    for told in (status(), crowded(), status(reasons=(), incidents=(), workers=(), probes=())):
        lines = drawn(screen(told, HERE, *size), *size).splitlines()
        assert len(lines) == size[1]
        assert max(map(len, lines)) <= size[0]


def test_eighty_by_twenty_four_shows_something_of_everything() -> None:
    shown = drawn(screen(status(), HERE, 80, 24))
    of_traffic = ("10/s", "310 ms", "620 ms", "1.0 %", "i3")
    of_workers = ("cpu:1", "97 %", "102 MiB", "137", "3 h 12 min")
    of_trouble = ("degraded", "worker_died", "disk")
    of_jobs = ("job_000001", "43 %", "1 min")
    for word in (*of_traffic, *of_workers, *of_trouble, *of_jobs, "q quits"):
        assert word in shown, word


def test_what_has_no_room_is_counted() -> None:
    shown = drawn(screen(crowded(), HERE, 80, 24))
    assert "of 30 shown" in shown
    assert "of 12 shown" in shown


def test_a_service_that_is_away_is_told_beside_what_was_last_known() -> None:
    away = Connection(url=HERE.url, trouble="No service answers.", age_s=12.0)
    shown = drawn(screen(status(), away, 80, 24))
    assert "reconnecting: No service answers." in shown
    assert "12 s old" in shown
    assert "cpu:1" in shown


def test_before_the_first_answer_it_says_what_it_waits_for() -> None:
    shown = drawn(waiting_screen(Connection(url=HERE.url, trouble="No service answers.")))
    assert HERE.url in shown
    assert "No service answers." in shown


def test_without_a_key_it_shows_what_everybody_may_see_and_what_to_do() -> None:
    public = status(is_whole=False, workers=(), traffic=None, jobs=None, version="")
    for shown in (drawn(screen(public, HERE, 100, 24), 100), drawn(frame(public, HERE, 100), 100)):
        assert "STEADFAST_KEY" in shown
        assert "worker_died" in shown
        assert "Workers" not in shown


def test_one_look_shows_everything_at_full_height() -> None:
    shown = drawn(frame(crowded(), HERE, 120), 120)
    assert "cpu:29" in shown
    assert shown.count("worker_died") >= 30
    assert "shown)" not in shown


def test_words_of_others_cannot_command_the_terminal() -> None:
    nasty = status(reasons=("\x1b[2Jgone",), incidents=(incident(evidence="\x1b]0;x\x07"),))
    stream = io.StringIO()
    console = Console(file=stream, width=120, height=40, force_terminal=True, color_system=None)
    console.print(screen(nasty, HERE, 120, 40))
    assert "\x1b[2J" not in stream.getvalue()
    assert "\x1b]" not in stream.getvalue()
    assert "\x07" not in stream.getvalue()


def test_a_terminal_without_unicode_gets_ascii_frames_and_lines() -> None:
    for height in (24, 50):
        shown = drawn(screen(status(), HERE, 80, height, ascii_only=True), 80, height)
        assert "▁" not in shown
        assert "─" not in shown


def test_the_signs_of_lights_differ_without_colours() -> None:
    shown = [drawn(frame(status(word=word), HERE, 100), 100) for word in ("healthy", "degraded", "unhealthy")]
    signs = {
        text[text.index(word) - 2]
        for text, word in zip(shown, ("healthy", "degraded", "unhealthy"), strict=True)
    }
    assert len(signs) == 3


@pytest.mark.parametrize(
    ("rows", "wanted", "given"),
    [
        (12, [3, 3, 3], [3, 3, 6]),
        (9, [8, 2, 2], [5, 2, 2]),
        (10, [20, 20, 20], [4, 3, 3]),
        (2, [5, 5, 5], [1, 1, 0]),
        (0, [5, 5], [0, 0]),
    ],
)
def test_rows_are_shared_out_and_none_is_lost(rows: int, wanted: list[int], given: list[int]) -> None:
    assert shared_out(rows, wanted) == given
    assert sum(given) == rows
