"""The error tree keeps its promises to every surface that shows errors."""

from collections.abc import Iterator

import pytest

from steadfast import errors
from steadfast.errors import CallerError, ServiceError, SteadfastError


def every_class(root: type[SteadfastError] = SteadfastError) -> Iterator[type[SteadfastError]]:
    yield root
    for child in root.__subclasses__():
        yield from every_class(child)


@pytest.mark.parametrize("error", list(every_class()), ids=lambda c: c.__name__)
def test_every_class_carries_its_own_code_and_a_remedy(error: type[SteadfastError]) -> None:
    assert "code" in vars(error)
    assert error.default_remedy.endswith((".", ")."))


def test_codes_are_unique() -> None:
    codes = [c.code for c in every_class()]
    assert len(codes) == len(set(codes))


def test_the_callers_fault_is_4xx_and_ours_is_5xx() -> None:
    for error in every_class(CallerError):
        assert 400 <= error.status < 500
    ours = [e for e in every_class(ServiceError) if e is not errors.TooManyBadFrames]
    for error in ours:
        assert 500 <= error.status < 600


def test_the_drawing_at_the_top_names_every_class() -> None:
    assert errors.__doc__ is not None
    for error in every_class():
        assert error.__name__ in errors.__doc__


def test_an_error_crosses_a_process_as_plain_data() -> None:
    error = errors.NoFace("No face was found in a.jpg.")
    assert error.as_dict() == {
        "code": "no_face",
        "detail": "No face was found in a.jpg.",
        "remedy": errors.NoFace.default_remedy,
        "status": 422,
        "exit_code": 65,
        "severity": "info",
    }
