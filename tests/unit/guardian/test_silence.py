"""Silence is a hang only where the server could have spoken."""

import pytest

from steadfast.guardian.options import GuardianOptions
from steadfast.guardian.silence import Hang, Silence, Verdict

OPTIONS = GuardianOptions(
    hung_after_s=1.0, starved_at_most_s=10.0, unanswered_after_s=5.0, start_timeout_s=60.0
)


def serving_silence() -> Silence:
    """Of a server that was ready, beat and answered at 100 s."""
    silence = Silence(OPTIONS, 90.0, starved_s=0.0)
    silence.ready(100.0)
    silence.beat(100.0, starved_s=2.0)
    return silence


def hang_of(verdict: Verdict | None) -> Hang | None:
    return verdict.hang if verdict is not None else None


@pytest.mark.parametrize(
    ("silent_s", "starved_s", "hang"),
    [
        (0.9, 0.0, None),
        (1.1, 0.0, Hang.LOOP_BLOCKED),
        (1.1, 0.5, None),
        (4.0, 2.9, Hang.LOOP_BLOCKED),
        (4.0, 3.5, None),
    ],
    ids=["short", "too long", "partly starved", "starved but not enough", "starved nearly all the time"],
)
def test_time_spent_waiting_for_a_processor_is_excused(
    silent_s: float, starved_s: float, hang: Hang | None
) -> None:
    silence = serving_silence()
    assert hang_of(silence.judge(100.0 + silent_s, starved_s=2.0 + starved_s)) is hang


def test_no_starvation_excuses_silence_for_ever() -> None:
    silence = serving_silence()
    silence.answered(110.0)
    assert hang_of(silence.judge(110.1, starved_s=2.0 + 10.1)) is Hang.LOOP_BLOCKED


def test_a_server_that_never_beat_is_not_judged_by_its_beats() -> None:
    silence = Silence(OPTIONS, 0.0, starved_s=0.0)
    assert silence.judge(59.0, starved_s=0.0) is None
    assert hang_of(silence.judge(60.1, starved_s=0.0)) is Hang.NOT_READY


def test_beats_do_not_excuse_a_server_that_is_never_ready() -> None:
    silence = Silence(OPTIONS, 0.0, starved_s=0.0)
    silence.beat(60.0, starved_s=0.0)
    assert hang_of(silence.judge(60.1, starved_s=0.0)) is Hang.NOT_READY


def test_a_loop_that_turns_behind_a_dead_port_is_a_hang() -> None:
    silence = serving_silence()
    silence.beat(105.1, starved_s=2.0)
    assert hang_of(silence.judge(105.1, starved_s=2.0)) is Hang.UNANSWERED
    silence.answered(105.1)
    assert silence.judge(105.2, starved_s=2.0) is None


def test_time_in_which_the_guardian_did_not_listen_is_excused() -> None:
    silence = serving_silence()
    silence.excuse(300.0)
    assert silence.judge(400.9, starved_s=2.0) is None
    assert hang_of(silence.judge(401.1, starved_s=2.0)) is Hang.LOOP_BLOCKED
