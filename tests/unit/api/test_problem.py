"""Titles are the names of errors in words."""

from steadfast.api.problem import problem_of, title_of
from steadfast.errors import DeadlineExceeded, MediaTooLarge, NoFace


def test_a_title_is_the_class_in_words() -> None:
    assert title_of(NoFace) == "No face"
    assert title_of(MediaTooLarge) == "Media too large"


def test_only_what_can_be_tried_again_says_when() -> None:
    assert "retry_after_s" not in problem_of(DeadlineExceeded("Late."), "id")
    assert problem_of(DeadlineExceeded("Late.", retry_after_s=0.5), "id")["retry_after_s"] == 0.5
