"""Numbers in few characters, and nothing that a terminal would obey."""

import pytest

from steadfast.dashboard.quantities import duration, per_second, percent, plain, size, sparkline


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (None, "–"),
        (0.0004, "0 ms"),
        (0.42, "420 ms"),
        (0.9999, "1.0 s"),
        (3.14, "3.1 s"),
        (9.99, "10 s"),
        (59.7, "1 min"),
        (3599.0, "1 h 0 min"),
        (3600.0 * 3 + 720, "3 h 12 min"),
        (86400.0 * 2 + 3600 * 4, "2 d 4 h"),
    ],
)
def test_a_duration_is_told_with_what_matters_of_it(seconds: float | None, told: str) -> None:
    assert duration(seconds) == told


def test_sizes_shares_and_rates() -> None:
    assert [size(0), size(None), size(512), size(107_000_000), size(1.5 * 1024**3)] == [
        "–", "–", "512 B", "102 MiB", "1.5 GiB",
    ]  # fmt: skip
    assert [percent(None), percent(0.431), percent(1.97)] == ["–", "43 %", "197 %"]
    assert [per_second(0.44), per_second(12.3)] == ["0.4/s", "12/s"]


@pytest.mark.parametrize("words", ["\x1b[2J", "a\nb", "\x07", "\u202egnp"])
def test_words_cannot_command_a_terminal(words: str) -> None:
    assert all(sign.isprintable() for sign in plain(words))


def test_a_sparkline_is_as_wide_as_asked_and_ends_with_the_latest() -> None:
    drawn = sparkline([0.0, 1.0, 2.0, 4.0], 6)
    assert drawn == "  ▁▃▅█"


def test_where_there_are_too_many_values_the_greatest_of_each_column_is_shown() -> None:
    values = [0.0] * 118 + [8.0, 0.0]
    drawn = sparkline(values, 24)
    assert len(drawn) == 24
    assert drawn.endswith("█")
    assert drawn.count("█") == 1


def test_a_gap_is_where_nothing_was_measured() -> None:
    assert sparkline([1.0, None, 1.0], 3) == "█ █"
    assert sparkline([None, None], 2) == "  "
    assert sparkline([], 2) == "  "
    assert sparkline([1.0], 0) == ""


def test_a_terminal_without_unicode_gets_ascii() -> None:
    assert sparkline([0.0, 1.0], 2, ascii_only=True).isascii()
