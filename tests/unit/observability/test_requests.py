"""An answer says whose fault it was; whether a request counts against us follows from it."""

import pytest

from steadfast import errors
from steadfast.observability.requests import (
    RequestEnded,
    RequestOutcome,
    SizeClass,
    outcome_of,
    size_class_of,
)

OURS = {RequestOutcome.SHED, RequestOutcome.TIMEOUT, RequestOutcome.ERROR}


def every_error(root: type[errors.SteadfastError]) -> list[type[errors.SteadfastError]]:
    return [root, *(error for child in root.__subclasses__() for error in every_error(child))]


@pytest.mark.parametrize("error", every_error(errors.CallerError))
def test_no_fault_of_the_callers_counts_against_us(error: type[errors.SteadfastError]) -> None:
    assert outcome_of(error.status, error.code) not in OURS or error.status >= 500


OUR_ANSWERS = [error for error in every_error(errors.ServiceError) if error.status >= 500]
"""Others never reach a client: they are between a worker and the scheduler."""


@pytest.mark.parametrize("error", OUR_ANSWERS)
def test_every_fault_of_ours_that_a_client_sees_counts(error: type[errors.SteadfastError]) -> None:
    assert outcome_of(error.status, error.code) in OURS


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (errors.Overloaded, RequestOutcome.SHED),
        (errors.ShuttingDown, RequestOutcome.SHED),
        (errors.DeadlineExceeded, RequestOutcome.TIMEOUT),
        (errors.RateLimited, RequestOutcome.RATE_LIMITED),
        (errors.RequestCancelled, RequestOutcome.CANCELLED),
        (errors.WorkerCrashed, RequestOutcome.ERROR),
        (errors.NoFace, RequestOutcome.CALLER_ERROR),
    ],
)
def test_refused_late_and_failed_are_told_apart(
    error: type[errors.SteadfastError], outcome: RequestOutcome
) -> None:
    assert outcome_of(error.status, error.code) is outcome


def test_an_answer_that_gave_something_up_is_told_apart() -> None:
    assert outcome_of(200, "", degraded=True) is RequestOutcome.DEGRADED


def test_an_answer_that_only_stands_in_for_a_failure_counts_as_that_failure() -> None:
    assert outcome_of(200, errors.WorkerCrashed.code, degraded=True) is RequestOutcome.ERROR
    assert outcome_of(200, errors.DeadlineExceeded.code, degraded=True) is RequestOutcome.TIMEOUT


@pytest.mark.parametrize(
    ("pixels", "size"),
    [
        (0, SizeClass.UNKNOWN),
        (1e6, SizeClass.SMALL),
        (1e6 + 1, SizeClass.MEDIUM),
        (16e6, SizeClass.LARGE),
        (1e9, SizeClass.HUGE),
    ],
)
def test_sizes_fall_into_few_classes(pixels: float, size: SizeClass) -> None:
    assert size_class_of(pixels) is size


def test_the_trace_is_read_from_the_callers_header() -> None:
    ended = RequestEnded(
        request_id="r",
        route="/",
        task="t",
        status=200,
        took_s=1.0,
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )
    assert ended.trace_id == "0af7651916cd43dd8448eb211c80319c"
