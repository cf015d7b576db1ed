"""What the guardian decides, state by state, on a clock that the test turns."""

import signal

import pytest

from steadfast.guardian.actions import (
    Action,
    AskForStacks,
    ClearOrphans,
    Finish,
    KillServer,
    Log,
    Notify,
    SignalServer,
    StartServer,
)
from steadfast.guardian.options import GuardianOptions
from steadfast.guardian.restart_policy import RestartPolicy
from steadfast.guardian.watch import State, Watch

OPTIONS = GuardianOptions(
    restarts=3, hung_after_s=1.0, dump_wait_s=0.3, grace_s=30.0, kill_wait_s=10.0, backoff_first_s=0.5
)


class Played:
    """A watch, and a clock that ticks as often as the guardian does."""

    def __init__(self, options: GuardianOptions = OPTIONS) -> None:
        self.now = 1000.0
        self.watch = Watch(options, RestartPolicy(options, random=lambda: 0.5))
        self.begun = self.watch.begin(self.now)
        self.watch.started(self.now, starved_s=0.0)

    def serve(self) -> list[Action]:
        """The server beats and becomes ready."""
        self.watch.beat(self.now, starved_s=0.0)
        return self.watch.ready(self.now)

    def pass_time(self, seconds: float) -> list[Action]:
        """Ticks until something is decided, or the time is over."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + 0.1)
            if decided := self.watch.tick(self.now, starved_s=0.0):
                return decided
        return []

    def die(self, exit_code: int) -> list[Action]:
        """The server ends and leaves nothing behind."""
        self.watch.exited(self.now, exit_code)
        decided = self.watch.cleared(self.now)
        if StartServer() in decided:
            self.watch.started(self.now, starved_s=0.0)
        return decided


@pytest.fixture
def played() -> Played:
    return Played()


def without_words(actions: list[Action]) -> list[Action]:
    """What is done, without what is said about it."""
    return [action for action in actions if not isinstance(action, Log | Notify)]


def events(actions: list[Action]) -> list[str]:
    return [action.event for action in actions if isinstance(action, Log)]


def test_it_begins_by_starting_the_server(played: Played) -> None:
    assert without_words(played.begun) == [StartServer()]
    assert played.watch.state is State.STARTING


def test_readiness_is_told_once_the_server_says_so(played: Played) -> None:
    assert Notify(status="serving", ready=True) in played.serve()
    assert played.watch.state is State.SERVING
    assert played.watch.ready(played.now) == []


def test_a_silent_server_is_asked_for_its_stacks_then_killed_then_replaced(played: Played) -> None:
    played.serve()
    assert without_words(played.pass_time(1.2)) == [AskForStacks()]
    assert without_words(played.pass_time(0.4)) == [KillServer()]
    assert without_words(played.watch.exited(played.now, -9)) == [ClearOrphans()]
    assert without_words(played.watch.cleared(played.now)) == [StartServer()]


def test_complete_stacks_end_the_wait_for_them(played: Played) -> None:
    played.serve()
    played.pass_time(1.2)
    assert without_words(played.watch.stacks_arrived(played.now)) == [KillServer()]


def test_stacks_that_a_person_asked_for_kill_nothing(played: Played) -> None:
    played.serve()
    assert played.watch.stacks_requested() == [AskForStacks()]
    assert played.watch.stacks_arrived(played.now) == []


def test_no_stacks_are_asked_of_a_server_that_may_not_know_the_signal(played: Played) -> None:
    assert played.watch.stacks_requested() == []


def test_a_server_that_never_beat_is_killed_without_being_asked(played: Played) -> None:
    assert without_words(played.pass_time(121)) == [KillServer()]


def test_a_guardian_that_was_away_does_not_blame_the_server(played: Played) -> None:
    played.serve()
    played.now += 60  # one tick only after a minute: the container was frozen
    assert events(played.watch.tick(played.now, starved_s=0.0)) == ["guardian_was_away"]
    assert played.pass_time(0.8) == []
    assert without_words(played.pass_time(0.8)) == [AskForStacks()]


def test_deaths_in_a_row_pause_and_then_end_the_guardian(played: Played) -> None:
    assert without_words(played.die(1)) == [StartServer()]
    assert without_words(played.die(1)) == []
    assert played.watch.state is State.PAUSING
    assert played.pass_time(0.4) == []
    assert without_words(played.pass_time(0.2)) == [StartServer()]
    played.die(1)
    played.pass_time(1.1)
    assert without_words(played.die(1)) == [Finish(exit_code=75)]


@pytest.mark.parametrize("exit_code", [2, 78])
def test_a_status_that_will_not_change_is_passed_through(played: Played, exit_code: int) -> None:
    assert without_words(played.die(exit_code)) == [Finish(exit_code=exit_code)]


@pytest.mark.parametrize("exit_code", [0, 1, -9, -11])
def test_any_other_death_is_followed_by_a_start(played: Played, exit_code: int) -> None:
    played.serve()
    assert without_words(played.die(exit_code)) == [StartServer()]


@pytest.mark.parametrize(
    ("server", "guardian"), [(0, 0), (-signal.SIGTERM, 0), (3, 3), (-signal.SIGSEGV, 128 + signal.SIGSEGV)]
)
def test_an_asked_for_stop_ends_with_the_servers_own_status(
    played: Played, server: int, guardian: int
) -> None:
    played.serve()
    assert without_words(played.watch.stop_requested(played.now, signal.SIGTERM)) == [
        SignalServer(signum=signal.SIGTERM)
    ]
    assert without_words(played.die(server)) == [Finish(exit_code=guardian)]


def test_a_second_sigterm_changes_nothing_and_a_second_ctrl_c_ends_it_at_once(played: Played) -> None:
    played.serve()
    played.watch.stop_requested(played.now, signal.SIGINT)
    assert without_words(played.watch.stop_requested(played.now, signal.SIGTERM)) == []
    assert without_words(played.watch.stop_requested(played.now, signal.SIGINT)) == [KillServer()]
    assert without_words(played.die(-9)) == [Finish(exit_code=70)]


def test_a_stopping_server_may_be_silent_until_its_grace_ends(played: Played) -> None:
    played.serve()
    played.watch.stop_requested(played.now, signal.SIGTERM)
    played.watch.beat(played.now, starved_s=0.0)  # it has heard the signal
    assert played.pass_time(29.9) == []
    assert without_words(played.pass_time(0.3)) == [KillServer()]


def test_a_server_whose_loop_hangs_when_it_is_to_stop_does_not_get_the_grace(played: Played) -> None:
    played.serve()
    played.watch.stop_requested(played.now, signal.SIGTERM)
    assert without_words(played.pass_time(1.2)) == [AskForStacks()]
    assert without_words(played.pass_time(0.4)) == [KillServer()]
    assert without_words(played.die(-9)) == [Finish(exit_code=70)]


def test_a_server_that_is_to_stop_before_its_first_beat_gets_the_grace(played: Played) -> None:
    played.watch.stop_requested(played.now, signal.SIGTERM)
    assert played.pass_time(29.9) == []
    assert without_words(played.pass_time(0.3)) == [KillServer()]


def test_a_stop_during_a_pause_needs_no_server(played: Played) -> None:
    played.die(1)
    played.die(1)
    assert played.watch.state is State.PAUSING
    assert without_words(played.watch.stop_requested(played.now, signal.SIGTERM)) == [Finish(exit_code=0)]


def test_a_stop_while_a_hung_server_is_killed_starts_no_other(played: Played) -> None:
    played.serve()
    played.pass_time(1.2)
    assert without_words(played.watch.stop_requested(played.now, signal.SIGTERM)) == []
    played.watch.stacks_arrived(played.now)
    assert without_words(played.die(-9)) == [Finish(exit_code=70)]


def test_a_reload_waits_until_the_server_can_take_it(played: Played) -> None:
    assert played.watch.reload_requested() == []
    assert SignalServer(signum=signal.SIGHUP) in played.serve()
    assert SignalServer(signum=signal.SIGHUP) in played.watch.reload_requested()


def test_a_server_that_cannot_be_killed_ends_the_guardian(played: Played) -> None:
    played.serve()
    played.pass_time(1.2)
    played.watch.stacks_arrived(played.now)
    assert without_words(played.pass_time(10.2)) == [Finish(exit_code=70)]


def test_processes_that_cannot_be_ended_are_told_of_and_the_server_starts_all_the_same(
    played: Played,
) -> None:
    played.serve()
    played.watch.exited(played.now, -9)
    decided = played.watch.cleared(played.now, left=2)
    assert events(decided) == ["processes_left_behind"]
    assert StartServer() in decided


def test_it_waits_no_longer_than_its_next_decision(played: Played) -> None:
    assert played.watch.wait_s(played.now) == pytest.approx(0.25)
    played.die(1)
    played.die(1)
    played.pass_time(0.4)
    assert played.watch.wait_s(played.now) == pytest.approx(0.1)
