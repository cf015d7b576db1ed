"""What the guardian decides: a state machine without I/O, driven by facts and by an injected monotonic clock.

    STARTING ──ready──▶ SERVING ──hangs──▶ DUMPING ──▶ KILLING ─┐
       │                   │                                    │ exited
       ├───────────────────┴─────────────exited─────────────────┤
       │◀── PAUSING ◀──────────────────────────────────────── CLEARING ──▶ FINISHED
       └── stop ──▶ STOPPING ──exited, or killed at the end of the grace──┘

Every method takes the current time and answers with what is to be done, in order. Three rules keep a healthy
server alive: silence counts only while the server could have run (`silence`); a guardian that was itself away
(frozen container, paused machine) excuses the time it was away; and a server is judged by its silence only
after its first beat.
"""

import signal
from enum import StrEnum

from steadfast.guardian import exit_codes
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
from steadfast.guardian.exit_codes import signal_name
from steadfast.guardian.options import GuardianOptions
from steadfast.guardian.restart_policy import RestartPolicy
from steadfast.guardian.silence import Look, Silence, Verdict

TICK_S = 0.25
"""The watch must hear `tick` at least this often; a much longer gap means that the guardian was away."""
_AWAY_AFTER_S = 4 * TICK_S


class State(StrEnum):
    """Where the server stands."""

    STARTING = "starting"  # its process runs, it is not ready yet
    SERVING = "serving"  # it said that it is ready
    DUMPING = "dumping"  # it hangs; its stacks are awaited
    KILLING = "killing"  # SIGKILL is under way
    CLEARING = "clearing"  # it is dead; what it left behind ends
    PAUSING = "pausing"  # backoff before the next start
    STOPPING = "stopping"  # it was asked to stop
    FINISHED = "finished"  # the guardian leaves


_SIGNALLED_TO_STOP = (State.STARTING, State.SERVING)
_CAN_SHOW_STACKS = (State.STARTING, State.SERVING, State.STOPPING)


class Watch:
    """Decides for one server."""

    def __init__(self, options: GuardianOptions, policy: RestartPolicy) -> None:
        self.state = State.PAUSING
        self._options = options
        self._policy = policy
        self._silence = Silence(options, 0.0, starved_s=0.0)
        self._ticked_at = 0.0
        self._entered_at = 0.0  # when the present state began; moved forward by the time that is excused
        self._pause_s = 0.0
        self._stop_signal: int | None = None
        self._reload_waits = False
        self._has_heard_stop = False
        self._was_killed = False
        self._exit_code = 0
        self._served_s = 0.0

    # --- facts ----------------------------------------------------------------------------------------

    def begin(self, now: float) -> list[Action]:
        """The guardian runs: the first start."""
        self._ticked_at = now
        return self._start(now)

    def started(self, now: float, *, starved_s: float) -> list[Action]:
        """The server's process exists; `starved_s`: how long it ever waited for a processor."""
        self._silence = Silence(self._options, now, starved_s=starved_s)
        return []

    def beat(self, now: float, *, starved_s: float) -> list[Action]:
        """The server's loop has turned."""
        self._has_heard_stop = self.state is State.STOPPING
        self._silence.beat(now, starved_s=starved_s)
        return []

    def answered(self, now: float) -> list[Action]:
        """The server has answered `/health/live`."""
        self._silence.answered(now)
        return []

    def ready(self, now: float) -> list[Action]:
        """The server answers requests."""
        if self.state is not State.STARTING:
            return []
        took_s = self._silence.ready(now)
        self._enter(State.SERVING, now)
        reload: list[Action] = [SignalServer(signum=signal.SIGHUP)] if self._reload_waits else []
        self._reload_waits = False
        log = Log(event="server_ready", fields={"took_s": round(took_s, 3)})
        return [log, Notify(status="serving", ready=True), *reload]

    def exited(self, now: float, exit_code: int) -> list[Action]:
        """The server's process has ended; `exit_code` is negative for a signal."""
        self._exit_code = exit_code
        self._served_s = self._silence.served_s(now)
        fields: dict[str, object] = {
            "exit_code": exit_code if exit_code >= 0 else None,
            "signal": signal_name(-exit_code) if exit_code < 0 else None,
            "while": self.state.value,
            "served_s": round(self._served_s, 3),
            "killed_by_guardian": self._was_killed,
        }
        self._enter(State.CLEARING, now)
        return [Log(event="server_ended", fields=fields), ClearOrphans()]

    def cleared(self, now: float, left: int = 0) -> list[Action]:
        """Everything the dead server left behind is gone, or cannot be ended (`left` processes)."""
        if self.state is not State.CLEARING:
            return []
        log: list[Action] = [Log(event="processes_left_behind", fields={"count": left})] if left else []
        return log + self._go_on(now)

    def stop_requested(self, now: float, signum: int) -> list[Action]:
        """Somebody wants the service to end."""
        if self._stop_signal is not None:
            return self._stop_requested_again(now, signum)
        self._stop_signal = signum
        log = Log(event="stop_requested", fields={"signal": signal_name(signum), "while": self.state.value})
        told: list[Action] = [log, Notify(status="stopping", stopping=True)]
        if self.state in _SIGNALLED_TO_STOP:
            self._enter(State.STOPPING, now)
            return [*told, SignalServer(signum=signum)]
        if self.state is State.PAUSING:
            return [*told, *self._finish(exit_codes.STOPPED, now)]
        return told  # the server is ending already; `cleared` will not start another

    def reload_requested(self) -> list[Action]:
        """Somebody wants the server to take new settings or models."""
        if self.state is State.SERVING:
            return [SignalServer(signum=signal.SIGHUP), Notify(status="reloading")]
        # Before it is ready it may not have its handler yet, and SIGHUP would end it.
        self._reload_waits = self.state is State.STARTING
        return []

    def stacks_requested(self) -> list[Action]:
        """Somebody wants to see what the server does; before its first beat it may not know that signal."""
        can_show = self.state in _CAN_SHOW_STACKS and self._silence.has_beaten
        return [AskForStacks()] if can_show else []

    def stacks_arrived(self, now: float) -> list[Action]:
        """The stacks that were asked for are complete."""
        return self._kill(now) if self.state is State.DUMPING else []

    def tick(self, now: float, *, starved_s: float, look: Look = lambda: None) -> list[Action]:
        """Time passes; `starved_s` as for `started`, `look`: at the threads of a silent server."""
        away_s = now - self._ticked_at
        self._ticked_at = now
        if away_s > _AWAY_AFTER_S:
            self._entered_at += away_s
            self._silence.excuse(away_s)
            return [Log(event="guardian_was_away", fields={"away_s": round(away_s, 3)})]
        if (
            self._is_judged()
            and (verdict := self._silence.judge(now, starved_s=starved_s, look=look)) is not None
        ):
            return self._hung(now, verdict)
        return self._end_wait(now, now - self._entered_at)

    def wait_s(self, now: float) -> float:
        """How long nothing will be decided unless something happens."""
        due_s = {State.DUMPING: self._options.dump_wait_s, State.PAUSING: self._pause_s}.get(self.state)
        if due_s is None:
            return TICK_S
        return min(TICK_S, max(0.0, self._entered_at + due_s - now))

    # --- decisions ------------------------------------------------------------------------------------

    def _is_judged(self) -> bool:
        # A loop that was blocked before it heard the signal will never stop in order. One that has turned
        # since may take its grace, and need neither beat nor answer.
        is_deaf = self.state is State.STOPPING and self._silence.has_beaten and not self._has_heard_stop
        return is_deaf or self.state in (State.STARTING, State.SERVING)

    def _end_wait(self, now: float, waited_s: float) -> list[Action]:
        match self.state:
            case State.DUMPING if waited_s >= self._options.dump_wait_s:
                return self._kill(now)
            case State.PAUSING if waited_s >= self._pause_s:
                return self._start(now)
            case State.STOPPING if waited_s > self._options.grace_s:
                return [
                    Log(event="grace_exceeded", fields={"grace_s": self._options.grace_s}),
                    *self._kill(now),
                ]
            case State.KILLING if waited_s > self._options.kill_wait_s:
                # Uninterruptible sleep: only the machine, or whoever watches us, can help.
                return [
                    Log(event="server_cannot_be_killed", fields={}),
                    *self._finish(exit_codes.FORCED, now),
                ]
        return []

    def _hung(self, now: float, verdict: Verdict) -> list[Action]:
        fields: dict[str, object] = {"why": verdict.hang.value, "silent_s": round(verdict.silent_s, 3)}
        log = Log(event="server_hung", fields=fields)
        status = Notify(status=f"the server hangs ({verdict.hang.value}); it is being replaced")
        if not self._silence.has_beaten:  # without its handler the signal would end it without a word
            return [log, status, *self._kill(now)]
        self._enter(State.DUMPING, now)
        return [log, status, AskForStacks()]

    def _kill(self, now: float) -> list[Action]:
        self._was_killed = True
        self._enter(State.KILLING, now)
        return [KillServer()]

    def _go_on(self, now: float) -> list[Action]:
        if self._stop_signal is not None:
            code = exit_codes.of_stop(
                self._exit_code, stop_signal=self._stop_signal, was_killed=self._was_killed
            )
            return self._finish(code, now)
        if self._exit_code in exit_codes.FINAL:
            return self._finish(self._exit_code, now)
        pause_s = self._policy.pause_s(now, served_s=self._served_s)
        if pause_s is None:
            log = Log(event="restarts_exhausted", fields={"restarts": self._options.restarts})
            return [log, *self._finish(exit_codes.EXHAUSTED, now)]
        return self._pause(now, pause_s)

    def _pause(self, now: float, pause_s: float) -> list[Action]:
        if pause_s == 0:
            return self._start(now)
        self._pause_s = pause_s
        self._enter(State.PAUSING, now)
        log = Log(event="server_restarts_later", fields={"pause_s": round(pause_s, 3)})
        return [log, Notify(status=f"the server died; it starts again in {pause_s:.1f} s")]

    def _start(self, now: float) -> list[Action]:
        self._was_killed = False
        self._enter(State.STARTING, now)
        return [StartServer(), Notify(status="starting")]

    def _stop_requested_again(self, now: float, signum: int) -> list[Action]:
        # An orchestrator may repeat SIGTERM at will; a person who presses Ctrl-C twice means it.
        if signum == signal.SIGINT and self.state is State.STOPPING:
            return [Log(event="stop_forced", fields={}), *self._kill(now)]
        return [Log(event="stop_already_under_way", fields={"signal": signal_name(signum)})]

    def _finish(self, exit_code: int, now: float) -> list[Action]:
        self._enter(State.FINISHED, now)
        log = Log(event="guardian_ended", fields={"exit_code": exit_code})
        status = Notify(status=f"ended with status {exit_code}", stopping=True)
        return [log, status, Finish(exit_code=exit_code)]

    def _enter(self, state: State, now: float) -> None:
        self.state = state
        self._entered_at = now
