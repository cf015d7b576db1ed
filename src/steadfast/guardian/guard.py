"""The guardian's loop: it turns what happens into facts for the watch, and has done what the watch decides.

One thread, one selector, nothing that waits: the pipes of the server, the signals and the probe are read when
they have something to say, and time passes at least every `watch.TICK_S`.
"""

import os
import random
import selectors
import signal
import time
from collections.abc import Callable, Sequence

from steadfast.guardian import orphans
from steadfast.guardian.actions import Action, ClearOrphans, Finish, Log, StartServer
from steadfast.guardian.hands import Hands
from steadfast.guardian.heartbeat import BEAT, READY
from steadfast.guardian.live_probe import Address, LiveProbe
from steadfast.guardian.options import GuardianOptions
from steadfast.guardian.restart_policy import RestartPolicy
from steadfast.guardian.signal_inbox import SignalInbox
from steadfast.guardian.watch import State, Watch

_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
_CLEAR_EVERY_S = 0.01
_STACKS_QUIET_S = 0.05  # a dump has no last line: it is complete when nothing more comes


def guard(server_argv: Sequence[str], options: GuardianOptions) -> int:
    """Keeps a server alive until it is told to stop, or can't; the answer is the status to exit with.

    0: stopped in order. 2 and 78: the server's own, it would never start like this. 75: over the restart
    budget. 70: it had to be killed while it stopped. Call it in the main thread of a process that has no
    other children.
    """
    guardian = Guardian(server_argv, options)
    try:
        return guardian.run()
    finally:
        guardian.close()


class Guardian:
    """Watches one server after the other."""

    def __init__(
        self,
        server_argv: Sequence[str],
        options: GuardianOptions,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._argv = server_argv
        self._options = options
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._hands = Hands(server_argv, self._selector)
        self._watch = Watch(options, RestartPolicy(options, random=random.random))
        self._signals = SignalInbox(_SIGNALS)
        self._selector.register(self._signals.fd, selectors.EVENT_READ, self._read_signals)
        self._probe: LiveProbe | None = None
        self._probe_at = 0.0
        self._ping_at = 0.0
        self._stacks_at: float | None = None
        self._clearing_since: float | None = None
        self._exit_code: int | None = None
        self._inherited: frozenset[int] = frozenset()
        self._had_terminal = _has_terminal()

    def run(self) -> int:
        """Guards until the end; the answer is the exit status."""
        is_subreaper = orphans.become_subreaper()
        # Whoever replaced itself by us (`exec`) may have had children: they are none of our business.
        self._inherited = orphans.children()
        started = {"pid": os.getpid(), "is_subreaper": is_subreaper, "server": self._argv}
        self._perform([Log(event="guardian_started", fields=started)])
        self._perform(self._watch.begin(self._clock()))
        while self._exit_code is None:
            for key, _ in self._selector.select(self._wait_s()):
                self._wake(key.data)
            self._pass_time(self._clock())
        return self._exit_code

    def close(self) -> None:
        """Lets go of everything but the processes."""
        self._drop_probe()
        self._hands.close()
        self._signals.close()
        self._selector.close()

    def _perform(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case StartServer():
                    self._start_server()
                case ClearOrphans():
                    self._clearing_since = self._clock()
                case Finish(exit_code=exit_code):
                    self._exit_code = exit_code
                case _:
                    self._hands.do(action)

    def _start_server(self) -> None:
        failure = self._hands.start_server(self._read_heartbeat, self._read_stacks)
        now = self._clock()
        self._perform(self._watch.started(now, starved_s=self._hands.starved_s()))
        if failure:
            self._perform(self._watch.exited(now, failure))

    # --- what happens ---------------------------------------------------------------------------------

    def _wake(self, woken: "Callable[[], None] | LiveProbe") -> None:
        if not isinstance(woken, LiveProbe):
            woken()
        elif woken.proceed():
            self._perform(self._watch.answered(self._clock()))

    def _pass_time(self, now: float) -> None:
        self._reap(now)
        self._ping_service_manager(now)
        self._take_quiet_stacks(now)
        self._probe_when_due(now)
        self._clear_orphans(now)
        self._perform(
            self._watch.tick(now, starved_s=self._hands.starved_s(), look=self._hands.look_at_threads)
        )

    def _wait_s(self) -> float:
        if self._clearing_since is not None:
            return _CLEAR_EVERY_S
        return _STACKS_QUIET_S if self._stacks_at is not None else self._watch.wait_s(self._clock())

    def _read_signals(self) -> None:
        for signum in self._signals.take():
            now = self._clock()
            match signum:
                case signal.SIGCHLD:
                    pass  # it has woken us; `_pass_time` collects, so that no lost signal loses a death
                case signal.SIGUSR1:
                    self._perform(self._watch.stacks_requested())
                case signal.SIGHUP if not (self._had_terminal and not _has_terminal()):
                    self._perform(self._watch.reload_requested())
                case _:  # SIGTERM, SIGINT, and SIGHUP of a terminal that was closed
                    self._perform(self._watch.stop_requested(now, signum))

    def _reap(self, now: float) -> None:
        ended = orphans.reap()
        server = self._hands.server
        if server is None or server.pid not in ended:
            return
        server.read_stacks()  # what it wrote with its last breath is in the pipe still
        self._tell_stacks()
        self._drop_probe()
        self._hands.forget_server()
        self._perform(self._watch.exited(now, ended[server.pid]))

    def _clear_orphans(self, now: float) -> None:
        if self._clearing_since is None:
            return
        left = orphans.kill_children(spare=self._inherited)
        orphans.reap()
        if left and now - self._clearing_since < self._options.kill_wait_s:
            return
        self._clearing_since = None
        self._perform(self._watch.cleared(now, len(left)))

    # --- what the server says -------------------------------------------------------------------------

    def _read_heartbeat(self) -> None:
        server = self._hands.server
        if server is None:  # it ended in this very round
            return
        lines = server.read_heartbeat()
        if lines is None:
            self._hands.stop_listening(server.heartbeat_fd)
        for line in lines or ():
            self._hear(line.split())

    def _hear(self, words: list[bytes]) -> None:
        now = self._clock()
        match words:
            case [word] if word == BEAT:
                self._perform(self._watch.beat(now, starved_s=self._hands.starved_s()))
            case [word, host, port] if word == READY and port.isdigit():
                self._drop_probe()
                address = Address(host=host.decode(), port=int(port))
                self._probe = LiveProbe(self._selector, address, timeout_s=self._options.probe_timeout_s)
                self._perform(self._watch.ready(now))

    def _read_stacks(self) -> None:
        server = self._hands.server
        if server is None:
            return
        if server.read_stacks():
            self._stacks_at = self._clock()
        else:
            self._hands.stop_listening(server.dump_fd)

    def _take_quiet_stacks(self, now: float) -> None:
        if self._stacks_at is not None and now - self._stacks_at >= _STACKS_QUIET_S:
            self._tell_stacks()
            self._perform(self._watch.stacks_arrived(now))

    def _tell_stacks(self) -> None:
        self._stacks_at = None
        server = self._hands.server
        if server is not None and (lines := server.take_stacks()):
            self._perform([Log(event="server_stacks", fields={"stacks": lines})])

    def _probe_when_due(self, now: float) -> None:
        if self._probe is None or self._watch.state is not State.SERVING:
            return
        self._probe.give_up_if_late(now)
        if not self._probe.is_asking and now >= self._probe_at:
            self._probe_at = now + self._options.probe_every_s
            self._probe.ask(now)

    def _drop_probe(self) -> None:
        if self._probe is not None:
            self._probe.close()
            self._probe = None

    def _ping_service_manager(self, now: float) -> None:
        every_s = self._hands.notifier.watchdog_every_s
        if every_s is not None and now >= self._ping_at:
            self._ping_at = now + every_s
            self._hands.notifier.tell("WATCHDOG=1")


def _has_terminal() -> bool:
    try:
        os.tcgetpgrp(0)
    except OSError:
        return False
    return True
