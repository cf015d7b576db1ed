"""Sentences: cleaned, or refused with one clear error."""

import tracemalloc

import pytest

from steadfast.entailment.hygiene import MAX_CHARS, clean_sentence
from steadfast.errors import EmptyText, TextProblem, TextTooLong, TextUnreadable


def test_a_plain_sentence_is_left_alone() -> None:
    clean = clean_sentence("The red circle is left of the blue square.")
    assert clean.text == "The red circle is left of the blue square."
    assert clean.warnings == ()


@pytest.mark.parametrize(
    "given",
    [
        "a\u200bred\u200d circle",  # zero width
        "\u202ea red circle\u202c",  # bidirectional override
        "\ufeffa red circle\u00ad",  # byte order mark, soft hyphen
        "a red\x00 circle\x07",
        "a red circle\ufe0f",  # variation selector
        "a red circle\ue000",  # private use
    ],
)
def test_what_nobody_sees_is_taken_out_and_told(given: str) -> None:
    clean = clean_sentence(given)
    assert clean.text.replace(" ", "") == "aredcircle"
    assert any("nvisible" in warning for warning in clean.warnings)


def test_spaces_of_every_kind_become_one() -> None:
    assert clean_sentence(" a\tred\u2003\n circle\r\n").text == "a red circle"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("a <b>red</b> circle", "a red circle"),
        ("a red circle<script>alert(1)</script>", "a red circle"),
        ("red &amp; blue", "red & blue"),
        ("<style>p {}</style>a red <!-- not --> circle<br/>", "a red circle"),
    ],
)
def test_html_is_taken_out_and_told(given: str, text: str) -> None:
    clean = clean_sentence(given)
    assert clean.text == text
    assert any("HTML" in warning for warning in clean.warnings)


def test_signs_that_are_no_html_stay() -> None:
    assert clean_sentence("5 < 6 and R&D > 0").text == "5 < 6 and R&D > 0"


def test_half_a_character_is_refused() -> None:
    with pytest.raises(TextUnreadable, match="surrogate"):
        clean_sentence("a red \ud800 circle")


@pytest.mark.parametrize("given", ["", "   ", "\u200b\u200b", "...!?", "<b></b>", "\x00", "\u202e"])
def test_a_sentence_without_a_word_is_refused(given: str) -> None:
    with pytest.raises(EmptyText):
        clean_sentence(given)


def test_six_hundred_words_are_refused() -> None:
    with pytest.raises(TextTooLong, match="600 words"):
        clean_sentence("red " * 600)


def test_ten_megabytes_are_refused_without_being_read() -> None:
    given = "\u200b" * 10_000_000
    tracemalloc.start()
    try:
        with pytest.raises(TextTooLong, match="10000000 characters"):
            clean_sentence(given)
        most_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most_bytes < 1_000_000  # whatever it does to a text makes another one


def test_as_much_as_is_read_at_all_is_read_whole() -> None:
    assert len(clean_sentence("r" * MAX_CHARS).text) == MAX_CHARS


@pytest.mark.parametrize("given", ["红色的圆在左边", "красный круг слева", "الدائرة الحمراء", "赤い丸"])
def test_another_script_is_told_not_refused(given: str) -> None:
    clean = clean_sentence(given)
    assert any("Latin" in warning for warning in clean.warnings)


@pytest.mark.parametrize("given", ["the café’s naïve façade", "Ｆｕｌｌ width red circle"])
def test_accents_and_wide_letters_are_latin(given: str) -> None:
    assert clean_sentence(given).warnings == ()


def test_the_error_names_which_text_is_meant() -> None:
    with pytest.raises(TextProblem, match="caption"):
        clean_sentence("", name="caption")
