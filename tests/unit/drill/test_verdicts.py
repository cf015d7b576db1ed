"""What was seen of a fault, held against what was expected."""

from typing import Any

import pytest
from tests.unit.drill.made_up import Nothing, answer, job, sent

from steadfast.drill.fault import Expectation
from steadfast.drill.verdicts import Observed, Outcome, Verdict, judge, not_run, p99_ms

WELL: dict[str, Any] = {
    "injected_at_s": 100.0,
    "ended_at_s": 104.0,
    "closed_at_s": 110.0,
    "detected_at_s": 101.5,
    "detected_by": "worker_died",
    "whole_at_s": 106.0,
    "sent": [sent(), sent(x_steadfast_attempts="2")],
    "jobs": [job()],
}
EXPECTED = Expectation(signs=("incident:worker_died",), detect_within_s=5.0, recover_within_s=10.0)


def judged(expected: Expectation = EXPECTED, **seen: Any) -> Outcome:
    return judge(Nothing(), expected, Observed(**(WELL | seen)), began_at_s=90.0)


def test_a_fault_that_went_as_expected_has_held_and_says_when_and_how() -> None:
    outcome = judged()
    assert outcome.verdict is Verdict.HELD
    assert (outcome.at_s, outcome.detected_s, outcome.recovered_s) == (10.0, 1.5, 2.0)
    assert (outcome.requests, outcome.failed, outcome.retried_unseen) == (2, 0, 1)
    assert outcome.why == ()


@pytest.mark.parametrize(
    ("seen", "word"),
    [
        ({"detected_at_s": None}, "not detected"),
        ({"detected_at_s": 107.0}, "detected after 7.0 s"),
        ({"whole_at_s": None}, "not whole again"),
        ({"whole_at_s": 120.0}, "whole again after 16.0 s"),
        ({"sent": [sent(503, "worker_crashed")]}, "1 × 503 worker_crashed"),
        ({"sent": [sent(is_wrong=True)]}, "1 answers were wrong"),
        ({"jobs": [job("failed")]}, "job-failed was lost"),
        ({"broken": ["It ended with status 1."]}, "status 1"),
    ],
)
def test_whatever_was_not_as_expected_breaks_the_verdict_and_is_named(
    seen: dict[str, Any], word: str
) -> None:
    outcome = judged(**seen)
    assert outcome.verdict is Verdict.BROKEN
    assert word in " ".join(outcome.why)


def test_a_refusal_that_is_expected_while_it_lasts_is_no_failure() -> None:
    expected = Expectation(refusals=("overloaded",))
    outcome = judged(expected, sent=[sent(503, "overloaded"), sent()])
    assert (outcome.verdict, outcome.failed, outcome.refused) == (Verdict.HELD, 0, 1)


def test_failures_within_an_outage_that_is_expected_are_counted_and_forgiven_a_longer_one_is_not() -> None:
    expected = Expectation(outage_s=3.0)
    short, long = (judged(expected, sent=[sent(0), sent(-1)], silence_s=s) for s in (2.5, 3.5))
    assert (short.verdict, short.failed) == (Verdict.HELD, 2)
    assert (long.verdict, "silent for 3.5 s" in long.why[0]) == (Verdict.BROKEN, True)


def test_an_outage_excuses_no_answer_that_says_something_wrong() -> None:
    outcome = judged(Expectation(outage_s=3.0), sent=[sent(0), sent(503, "shutting_down"), sent(500, "oops")])
    assert (outcome.verdict, outcome.failed) == (Verdict.BROKEN, 3)
    assert "1 requests failed (1 × 500 oops" in outcome.why[0]


def test_a_request_that_carries_the_fault_must_be_answered_as_is_declared() -> None:
    expected = Expectation(carriers=("504", "422 poison_input"))
    good = judged(expected, carriers=[answer(504, "deadline_exceeded"), answer(422, "poison_input")])
    other = judged(expected, carriers=[answer(422, "no_face")])
    none = judged(expected, carriers=[])
    assert good.verdict is Verdict.HELD
    assert "422 no_face" in other.why[0]
    assert "No request that carries" in none.why[0]


def test_wrong_answers_are_allowed_only_where_nobody_could_know_better() -> None:
    seen = [sent(is_wrong=True)]
    assert judged(Expectation(most_wrong=None), sent=seen).verdict is Verdict.HELD
    assert judged(Expectation(most_wrong=0), sent=seen).verdict is Verdict.BROKEN


def test_a_job_that_has_not_ended_yet_is_not_called_lost_at_once() -> None:
    assert judged(jobs=[job("running", ended_at_s=None)]).jobs_lost == 0


def test_what_was_not_run_says_why_and_never_counts_as_held() -> None:
    outcome = not_run(Nothing, 3.0, "there is no cgroup")
    assert (outcome.verdict, outcome.why) == (Verdict.NOT_RUN, ("there is no cgroup",))


def test_p99_is_of_good_answers_only() -> None:
    assert p99_ms([sent(took_ms=5.0), sent(503, took_ms=90_000.0)]) == 5.0
    assert p99_ms([sent(503)]) is None


def test_an_outcome_as_plain_data_has_everything_the_table_shows() -> None:
    plain = judged().as_dict()
    assert plain["fault"] == "nothing"
    assert {
        "detected_s",
        "recovered_s",
        "requests",
        "failed",
        "retried_unseen",
        "jobs_lost",
        "p99_ms",
    } <= set(plain)
