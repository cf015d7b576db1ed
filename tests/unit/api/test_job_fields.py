"""What a request may say of a job."""

import json

import pytest

from steadfast.api.job_fields import (
    EntailJobFields,
    FaceJobFields,
    change_of,
    fields_of_document,
    fields_of_form,
    seconds_of,
)
from steadfast.errors import CallerError, InvalidOption, MalformedRequest
from steadfast.jobs.job import JobPriority


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7200), ("7d", 604800), ("", None)]
)
def test_times_are_said_as_people_say_them(text: str, seconds: float | None) -> None:
    assert seconds_of("expires_in", text) == seconds


@pytest.mark.parametrize("text", ["soon", "-5", "1y", "5 m", "inf", "1e9"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InvalidOption, match="expires_in is a time"):
        seconds_of("expires_in", text)


def test_a_form_and_a_document_say_the_same() -> None:
    form = fields_of_form(
        {
            "labels": "a=b, c=d",
            "fresh": "yes",
            "enhance": "true",
            "quality": "80",
            "priority": "high",
            "expires_in": "60",
            "faces": "0",
        }
    )
    document = fields_of_document(
        {
            "labels": {"a": "b", "c": "d"},
            "fresh": True,
            "enhance": True,
            "quality": 80,
            "priority": "high",
            "expires_in": 60,
            "faces": 0,
        }
    )
    assert form == document
    assert form.priority.value_among_jobs is JobPriority.HIGH
    assert fields_of_form({"labels": '{"a": "b,c"}'}).labels == {"a": "b,c"}


@pytest.mark.parametrize(
    "field",
    [
        {"quality": "0"},
        {"max_bad_frames": "2"},
        {"codec": "divx"},
        {"faces": "biggest"},
        {"priority": "urgent"},
        {"labels": "a"},
        {"labels": "{"},
        {"labels": "steadfast.own=1"},
        {"fresh": "perhaps"},
        {"measure": "true"},
    ],
)
def test_what_cannot_be_is_refused_with_what_can(field: dict[str, str]) -> None:
    with pytest.raises(CallerError) as refused:
        fields_of_form(field).task_options(has_reference=False)
    assert refused.value.remedy


def test_a_change_names_priority_or_labels_and_nothing_else() -> None:
    assert change_of(b'{"labels": {"a": "b"}}').labels == {"a": "b"}
    for body in (b"", b"[]", b'{"state": "succeeded"}', b'{"priority": "urgent"}'):
        with pytest.raises(MalformedRequest):
            change_of(body)


def test_a_job_is_of_faces_unless_it_says_otherwise() -> None:
    fields = fields_of_form({"quality": "80"})
    assert isinstance(fields, FaceJobFields)
    options = fields.task_options(has_reference=True)
    assert (fields.task, options["quality"], options["has_reference"]) == ("face_swap", 80, True)


@pytest.mark.parametrize("texts", ["One.\nTwo, too.\n\n", json.dumps(["One.", "Two, too."])])
def test_sentences_stand_in_lines_or_in_a_list(texts: str) -> None:
    fields = fields_of_form({"task": "visual_entailment", "texts": texts, "caption": "A day."})
    assert isinstance(fields, EntailJobFields)
    assert (fields.texts, fields.caption) == (("One.", "Two, too."), "A day.")
    assert fields.task_options(has_reference=False) == {}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"task": "sudoku"}, "visual_entailment"),
        ({"task": "visual_entailment", "texts": ["One."], "enhance": True}, "enhance"),
        ({"texts": ["One."]}, "texts"),
    ],
)
def test_what_a_task_does_not_know_is_refused_by_name(given: dict[str, object], told: str) -> None:
    with pytest.raises(InvalidOption, match=told):
        fields_of_document(given)


def test_a_list_that_is_none_is_refused() -> None:
    with pytest.raises(MalformedRequest, match="texts"):
        fields_of_form({"task": "visual_entailment", "texts": '["One."'})
