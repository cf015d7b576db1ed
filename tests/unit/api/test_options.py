"""Options come from forms, queries and headers, and a wrong one is named."""

import pytest
from tests.unit.api.asgi import exchange

from steadfast.admission.arrival import Priority
from steadfast.api.options import (
    AnswerKind,
    deadline_of,
    faces_options,
    priority_of,
    swap_options,
)
from steadfast.errors import CallerError, InvalidOption
from steadfast.tasks.face_messages import PictureType


def test_texts_become_values() -> None:
    fields = {"faces": "0,2", "enhance": "true", "format": "jpg", "quality": "80", "min_similarity": "0.4"}
    options = swap_options(fields, exchange())
    assert (options.faces, options.enhance, options.format) == ("0,2", True, PictureType.JPEG)
    assert (options.quality, options.min_similarity, options.answer) == (80, 0.4, None)


def test_json_can_be_asked_for_in_three_ways() -> None:
    assert swap_options({"answer": "json"}, exchange()).answer is AnswerKind.JSON
    assert swap_options({"format": "json"}, exchange()).answer is AnswerKind.JSON
    accepting = exchange(headers={"Accept": "application/json"})
    assert swap_options({}, accepting).answer is AnswerKind.JSON
    assert swap_options({"answer": "picture"}, accepting).answer is AnswerKind.PICTURE


@pytest.mark.parametrize(
    "fields",
    [
        {"quality": "0"},
        {"quality": "9.5"},
        {"enhance": "perhaps"},
        {"format": "exe"},
        {"unknown": "1"},
        {"deadline_s": "soon"},
        {"min_similarity": "x"},
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(fields: dict[str, str]) -> None:
    (name,) = fields
    with pytest.raises(CallerError, match=name):
        swap_options(fields, exchange())


def test_a_listing_has_its_own_options() -> None:
    assert faces_options({"full": "yes"}).full
    with pytest.raises(InvalidOption):
        faces_options({"quality": "80"})


def test_a_deadline_is_the_header_s_else_the_field_s_else_the_default() -> None:
    assert deadline_of(exchange(headers={"X-Deadline-Ms": "1500"}), 9.0, 30.0) == (1.5, True)
    assert deadline_of(exchange(), 9.0, 30.0) == (9.0, True)
    assert deadline_of(exchange(), None, 30.0) == (30.0, False)


@pytest.mark.parametrize("given", ["0", "-5", "x", "1.5", "99999999", "²"])
def test_a_deadline_that_cannot_be_is_refused(given: str) -> None:
    with pytest.raises(InvalidOption):
        deadline_of(exchange(headers={"X-Deadline-Ms": given}), None, 30.0)


def test_a_field_that_is_no_number_is_no_deadline() -> None:
    with pytest.raises(InvalidOption):
        deadline_of(exchange(), float("nan"), 30.0)


def test_priority_is_the_field_s_else_the_header_s_else_interactive() -> None:
    asked = exchange(headers={"X-Priority": "Batch"})
    assert priority_of(asked, Priority.STANDARD) is Priority.STANDARD
    assert priority_of(asked, None) is Priority.BATCH
    assert priority_of(exchange(), None) is Priority.INTERACTIVE
    with pytest.raises(InvalidOption):
        priority_of(exchange(headers={"X-Priority": "vip"}), None)
