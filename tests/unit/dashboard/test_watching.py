"""The watch keeps the last answer while there is no newer one, and knows what will never be answered."""

import pytest
from tests.unit.dashboard.statuses import status

from steadfast.dashboard.watching import StatusWatch
from steadfast.errors import KeyRefused, ServiceUnreachable, SteadfastError, UnknownRoute
from steadfast.observability.status.document import ServiceStatus


class Service:
    """Answers what it is told to, in turn."""

    def __init__(self, *answers: ServiceStatus | Exception) -> None:
        self.answers = list(answers)

    def __call__(self) -> ServiceStatus:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Clock:
    now_s = 10.0

    def __call__(self) -> float:
        return self.now_s


def test_the_last_answer_stays_while_the_service_is_away_and_its_age_grows() -> None:
    clock, first, second = Clock(), status(), status(word="healthy")
    watch = StatusWatch(Service(first, ServiceUnreachable("gone."), second), every_s=1.0, clock=clock)
    watch.look()
    clock.now_s += 5.0
    watch.look()
    assert (watch.status, watch.trouble, watch.age_s) == (first, "gone.", 5.0)
    watch.look()
    assert (watch.status, watch.trouble, watch.age_s) == (second, "", 0.0)


@pytest.mark.parametrize("error", [KeyRefused("no."), UnknownRoute("off.")])
def test_a_service_that_will_never_answer_ends_it(error: SteadfastError) -> None:
    watch = StatusWatch(Service(error), every_s=1.0)
    watch.look()
    assert watch.refusal is error


def test_a_service_that_comes_later_is_waited_for() -> None:
    watch = StatusWatch(Service(ServiceUnreachable("gone.")), every_s=1.0)
    watch.look()
    assert watch.refusal is None


def test_a_key_that_is_withdrawn_later_is_told_and_ends_nothing() -> None:
    watch = StatusWatch(Service(status(), KeyRefused("The key is revoked.")), every_s=1.0)
    watch.look()
    watch.look()
    assert (watch.refusal, watch.trouble) == (None, "The key is revoked.")


def test_a_bug_in_an_answer_does_not_stop_the_looking() -> None:
    watch = StatusWatch(Service(ValueError("x"), status()), every_s=1.0)
    watch.look()
    assert "cannot be read" in watch.trouble
    watch.look()
    assert watch.trouble == ""
