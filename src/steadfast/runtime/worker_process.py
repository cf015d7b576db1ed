"""The server's side of one worker: its process, its channel, its state, its watchdogs, its death.

It decides nothing. What happens is told to its `Owner`; what must happen is asked of it.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec

from steadfast.events import is_heard, publish
from steadfast.readings import ResultSampled, Sampled
from steadfast.runtime import messages
from steadfast.runtime.canary import CanarySchedule
from steadfast.runtime.channel import ChannelBroken, ServerChannel
from steadfast.runtime.events import WorkerDied, WorkerLogged, WorkerPrinted, WorkerStateChanged, WorkerTurned
from steadfast.runtime.exit_reason import ExitReport, KillReason, explain_exit
from steadfast.runtime.kernel_oom import kernel_log_names
from steadfast.runtime.leaks import LeakDetector
from steadfast.runtime.outbox import remove_outbox
from steadfast.runtime.output_tail import OutputPipe
from steadfast.runtime.spawn import Spawned
from steadfast.runtime.states import WorkerState, check
from steadfast.runtime.ticket import Ticket
from steadfast.runtime.watchdog import Watchdog
from steadfast.runtime.worker_log import WorkerLines
from steadfast.task import TaskSpec

_AT_WORK = frozenset({WorkerState.BUSY, WorkerState.READY})
_LONGEST_NAME = 64
_WANTED_KILLS = frozenset({KillReason.RECYCLED, KillReason.SHUTDOWN})


class Owner(Protocol):
    """Who hires workers and hears of them."""

    def came_up(self, worker: "WorkerProcess", loaded: messages.Loaded) -> None:
        """It stands at the step it was told to; its canary may have failed."""

    def did_not_load(self, worker: "WorkerProcess", said: messages.NotLoaded) -> None:
        """It could not stand there. It waits in LOADING for another order."""

    def answered(self, worker: "WorkerProcess", ticket: Ticket, answer: messages.Finished) -> None:
        """One request is done. Slices of the answer are valid during this call only."""

    def refused(self, worker: "WorkerProcess", ticket: Ticket, failure: messages.Failure) -> None:
        """One request failed in a worker that lives on."""

    def canary_came_back(self, worker: "WorkerProcess", done: messages.CanaryDone) -> None:
        """A canary that was asked for."""

    def became_idle(self, worker: "WorkerProcess") -> None:
        """It is READY, or was told to drain and has finished its dispatch."""

    def died(self, worker: "WorkerProcess", report: ExitReport, orphans: list[Ticket]) -> None:
        """The process is gone and reaped; `orphans` were in it."""

    def oom_evidence(self, worker: "WorkerProcess") -> str:
        """What a cgroup's counters say of a death by SIGKILL that nobody here sent; empty: nothing."""


@dataclass(kw_only=True, eq=False)
class WorkerProcess:
    """One worker, alive or on its way out."""

    key: int
    name: str
    spec: TaskSpec
    device: str
    spawned: Spawned
    owner: Owner
    loop: asyncio.AbstractEventLoop
    clock: Callable[[], float]
    generation: int
    canary: CanarySchedule
    state: WorkerState = WorkerState.STARTING
    level: int = 0
    """Step of the ladder at which it stands."""
    born_at_s: float = 0.0
    came_up: bool = False
    """Whether it ever passed a canary."""
    retiring: bool = False
    served: int = 0
    wrong_answers: int = 0
    """Wrong answers since the last right one."""
    reload_wanted: bool = False
    """Whether it must load again before it takes more work."""
    damaged_model: str | None = None
    """The model to be repaired before that."""
    load_tries: int = 0
    finished_at_s: float = 0.0
    """Last time a unit of work was finished: the only heartbeat."""
    confinement: dict[str, str] = field(default_factory=dict)
    device_bytes: int = 0
    rss_bytes: int = 0
    leaks: LeakDetector = field(default_factory=LeakDetector)
    device_leaks: LeakDetector = field(default_factory=LeakDetector)
    _dispatch: dict[int, Ticket] = field(default_factory=dict)
    _dispatch_size: int = 0
    _looks_at: int = 0
    """Answers that it has given and looks at; it is not free before that is over."""
    _kill_reason: KillReason | None = None
    _kill_detail: str = ""
    _told_words: str = ""

    def __post_init__(self) -> None:
        spawned = self.spawned
        self.pid = spawned.pid
        self.born_at_s = self.finished_at_s = self.clock()
        self.arena = spawned.arena
        self._channel = ServerChannel(spawned.channel, on_message=self._hear, on_broken=self._on_broken)
        self._lines = WorkerLines(self.clock)
        self._crash = OutputPipe(spawned.crash_fd, self.loop, keep="first")
        self._output = OutputPipe(spawned.output_fd, self.loop, keep="last", heard=self._tell_words)
        self._channel.listen(self.loop)
        self.loop.add_reader(spawned.pidfd, self._reap)
        self._watchdog = Watchdog(loop=self.loop, clock=self.clock, bite=self.kill)
        self._state_changed(None)
        self._watchdog.expect_within(self.spec.load_s, KillReason.LOAD_TIMEOUT)

    def _tell_words(self, data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        publish(WorkerPrinted(task=self.spec.name, worker=self.name, text=text))
        for said in self._lines.take(text):
            publish(
                WorkerLogged(
                    task=self.spec.name,
                    worker=self.name,
                    kind=said.kind,
                    severity=said.level,
                    fields=said.fields,
                )
            )

    # --- orders -----------------------------------------------------------------------------------------

    def load(self, level: int) -> None:
        """Orders it to stand at `level`: for the first time, after a try that failed, or another step."""
        self.load_tries += 1
        self._order(messages.Adjust(level) if self.came_up else messages.Load(level), WorkerState.LOADING)
        self._watchdog.expect_within(self.spec.load_s, KillReason.LOAD_TIMEOUT)

    def hold(self) -> None:
        """Keeps work away from it while its model is repaired."""
        self._go(WorkerState.LOADING)
        self._watchdog.calm()

    def dispatch(self, tickets: Sequence[Ticket]) -> None:
        """Hands it one request or a batch. Raises `ArenaFull`, before anything is sent."""
        self.arena.reset(answers=False)
        items = [self._item(ticket) for ticket in tickets]
        now_s = self.finished_at_s = self.clock()
        self._dispatch = {ticket.id: ticket for ticket in tickets}
        self._dispatch_size = len(items)
        for ticket in tickets:
            ticket.started_at_s, ticket.worker = now_s, self.name
            ticket.attempts += 1
        if not self._order(messages.Run(items), WorkerState.BUSY):
            self._dispatch_size = 0  # it had died before: none of them was ever in it
        self._watchdog.expect_within(self.spec.stall_s, KillReason.STALL)

    def _item(self, ticket: Ticket) -> messages.Item:
        blobs: list[messages.Place] = [
            messages.server_file(blob) if isinstance(blob, Path) else self.arena.write_request(blob)
            for blob in ticket.blobs
        ]
        return messages.Item(
            ticket.id,
            msgspec.Raw(ticket.fields),
            blobs,
            ticket.deadline_at_s,
            ticket.operation,
            ticket.caller.traceparent,
        )

    def check_canary(self) -> None:
        """Orders one inference with a known answer."""
        self._order(messages.CheckCanary(), WorkerState.LOADING)
        self._watchdog.expect_within(self.spec.canary_s, KillReason.CANARY_TIMEOUT)

    def release_memory(self) -> None:
        """Orders it to give back caches."""
        self._order(messages.ReleaseMemory(), WorkerState.LOADING)
        self._watchdog.expect_within(self.spec.stall_s, KillReason.STALL)

    def retitle(self, title: str) -> None:
        """Shows another role in `ps`."""
        self._say(messages.Retitle(title))

    def cancel(self, ticket: Ticket) -> None:
        """Asks it to stop this request at the next unit of work."""
        if ticket.id in self._dispatch:
            self._say(messages.Cancel(ticket.id))

    def drain(self, within_s: float) -> None:
        """Lets it finish what it has, then leave; killed if that takes too long."""
        if self.state is WorkerState.DRAINING or self.ended:
            return
        busy = self.state is WorkerState.BUSY
        self._go(WorkerState.DRAINING)
        self._watchdog.expect_within(within_s, KillReason.RECYCLED)
        if not busy:
            self._say(messages.Stop())

    def kill_for(self, reason: KillReason, detail: str, *, words: str = "") -> None:
        """`kill`, with what goes into the report: the evidence, and its last words where it printed none."""
        if self._kill_reason is None:
            self._kill_detail, self._told_words = detail, words
        self.kill(reason)

    def kill(self, reason: KillReason) -> None:
        """SIGKILL to its whole process group. The death is told through `Owner.died`, like every other."""
        if self.ended:
            return
        if self._kill_reason is None:
            is_frozen = reason is KillReason.STALL and _is_stopped(self.pid)
            self._kill_reason = KillReason.FROZEN if is_frozen else reason
        # The group's number is that of its leader, who is not reaped yet: it cannot have passed to others.
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.spawned.pidfd, signal.SIGKILL)

    # --- what it is doing -------------------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self.state in (WorkerState.STOPPED, WorkerState.FAILED)

    @property
    def dying(self) -> bool:
        """Whether its end is certain: nothing may be handed to it."""
        return self._kill_reason is not None or self.ended

    @property
    def able(self) -> bool:
        """Whether it has shown that it works, and will go on."""
        return self.came_up and not self.dying and self.state is not WorkerState.DRAINING

    @property
    def tickets(self) -> list[Ticket]:
        """The requests in it now."""
        return list(self._dispatch.values())

    def gives_up_on(self, ticket: Ticket) -> bool:
        """Whether it has `ticket`, and nobody waits for anything else that it has."""
        return ticket.id in self._dispatch and all(other.done for other in self._dispatch.values())

    # --- what it says -----------------------------------------------------------------------------------

    def _hear(self, message: messages.ToServer) -> None:
        match message:
            case messages.Progressed():
                self.finished_at_s = self.clock()
                self._watchdog.move()
                self._pass_on(message)
            case messages.Finished():
                self._hear_answer(message)
            case messages.Failed(request_id=request_id, failure=failure):
                if ticket := self._dispatch.pop(request_id, None):
                    self.finished_at_s = self.clock()
                    self.owner.refused(self, ticket, failure)
                    self._rest_after_dispatch()
            case messages.Measured(sampled=sampled):
                self._hear_of_quality(sampled)
            case messages.Hello():
                self._greet(message)
            case _:
                self._hear_of_orders(message)

    def _pass_on(self, progressed: messages.Progressed) -> None:
        ticket = self._dispatch.get(progressed.request_id)
        if ticket is not None and ticket.on_progress is not None and not ticket.done:
            ticket.on_progress(progressed.done, progressed.total)

    def _hear_answer(self, message: messages.Finished) -> None:
        ticket = self._dispatch.pop(message.request_id, None)
        if ticket is None:
            return
        self.finished_at_s = self.clock()
        self.served += 1
        self.device_bytes = message.device_bytes
        self.canary.count_work()
        try:
            self.owner.answered(self, ticket, message)
        except ValueError as error:  # a slice outside its arena
            self._dispatch[ticket.id] = ticket  # not answered: its death is ours to explain
            self._on_broken(ChannelBroken(str(error)))
            return
        if message.is_sampled:
            self._looks_at += 1
            self._watchdog.expect_within(self.spec.stall_s, KillReason.STALL)
        self._rest_after_dispatch()

    def _hear_of_quality(self, sampled: Sampled) -> None:
        if not self._looks_at:
            return
        self._looks_at -= 1
        self.finished_at_s = self.clock()
        if sampled.readings and is_heard(ResultSampled):
            engine = sampled.engine[:_LONGEST_NAME]
            publish(ResultSampled(task=self.spec.name, engine=engine, readings=sampled.readings))
        self._rest_after_dispatch()

    def _hear_of_orders(self, message: messages.ToServer) -> None:
        if self.state is not WorkerState.LOADING:  # it was told to drain meanwhile
            return
        self._watchdog.calm()
        match message:
            case messages.Loaded():
                self.level = message.level
                self.device_bytes = message.device_bytes
                self.canary.count_canary(message.canary_ms / 1000.0)
                self.finished_at_s = self.clock()
                self.owner.came_up(self, message)
            case messages.NotLoaded():
                self.owner.did_not_load(self, message)
            case messages.CanaryDone():
                self.canary.count_canary(message.took_ms / 1000.0)
                self.finished_at_s = self.clock()
                self.owner.canary_came_back(self, message)
            case messages.Released():
                self.rest()

    def _greet(self, hello: messages.Hello) -> None:
        if hello.version != messages.PROTOCOL_VERSION:
            self._on_broken(ChannelBroken(f"it speaks version {hello.version}"))
            return
        self.confinement = hello.confinement
        self.arena.make_present()
        if self.state is WorkerState.STARTING:
            self.load(self.level)

    def rest(self) -> None:
        """Makes it READY and tells the owner."""
        self._watchdog.calm()
        self._go(WorkerState.READY)
        self.owner.became_idle(self)

    def _rest_after_dispatch(self) -> None:
        if self._dispatch or self._looks_at:
            return
        if self.state is WorkerState.DRAINING:
            self._say(messages.Stop())
            self.owner.became_idle(self)
        elif self.state is WorkerState.BUSY:
            self.rest()

    # --- its end ----------------------------------------------------------------------------------------

    def _on_broken(self, error: ChannelBroken) -> None:
        self._kill_detail = str(error)
        self.kill(KillReason.PROTOCOL)

    def _reap(self) -> None:
        """The pidfd became readable: the process has ended. It is reaped here, once, and nowhere else."""
        self.loop.remove_reader(self.spawned.pidfd)
        self._channel.read_waiting()  # an answer it sent with its last breath counts
        self._watchdog.stop()
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)  # whatever it started must not outlive it
        ended = os.waitid(os.P_PIDFD, self.spawned.pidfd, os.WEXITED)
        assert ended is not None  # without WNOHANG there is always one
        report = self._explain(ended.si_code, ended.si_status)
        # One that falls with a request inside has fallen, though it was told to leave after that.
        left = self.state is WorkerState.DRAINING and not self._dispatch
        wanted = left or self._kill_reason in _WANTED_KILLS
        orphans = list(self._dispatch.values())
        self._dispatch.clear()
        self._go(WorkerState.STOPPED if wanted else WorkerState.FAILED)
        self._channel.close()
        self.arena.close()
        os.close(self.spawned.pidfd)
        remove_outbox(self.spawned.outbox)
        publish(WorkerDied(task=self.spec.name, worker=self.name, report=report, wanted=wanted))
        self.owner.died(self, report, orphans)

    def _explain(self, code: int, status: int) -> ExitReport:
        evidence = ""
        if code != os.CLD_EXITED and status == signal.SIGKILL and self._kill_reason is None:
            counted = self.owner.oom_evidence(self)
            logged = kernel_log_names(self.pid, since_s=self.born_at_s)
            evidence = "named in the kernel log" if logged else counted
        return explain_exit(
            pid=self.pid,
            code=code,
            status=status,
            kill_reason=self._kill_reason,
            oom_evidence=evidence,
            kill_detail=self._kill_detail,
            native_traceback=self._crash.close(),
            last_words=self._output.close() + self._told_words,
            requests_inside=self._dispatch_size if self._dispatch else 0,
            served=self.served,
            requests=tuple(ticket.shape(self.clock()) for ticket in self._dispatch.values()),
        )

    # --- small things -----------------------------------------------------------------------------------

    def _order(self, message: messages.ToWorker, state: WorkerState) -> bool:
        self._go(state)
        return self._say(message)

    def _say(self, message: messages.ToWorker) -> bool:
        """Whether it was taken."""
        try:
            self._channel.send(message)
            return True
        except ChannelBroken as error:
            # It is dead, and its pidfd will say so; or it does not read, which is as good as dead.
            if not error.peer_is_gone:
                self._on_broken(error)
            return False

    def _go(self, state: WorkerState) -> None:
        if state is self.state:
            return
        check(self.state, state)
        before, self.state = self.state, state
        if before is WorkerState.BUSY or state is WorkerState.BUSY:
            if is_heard(WorkerTurned):
                publish(WorkerTurned(task=self.spec.name, worker=self.name, after=state))
            if state in _AT_WORK:
                return
        self._state_changed(before)

    def _state_changed(self, before: WorkerState | None) -> None:
        publish(
            WorkerStateChanged(
                task=self.spec.name, worker=self.name, pid=self.pid, before=before, after=self.state
            )
        )


def _is_stopped(pid: int) -> bool:
    """Whether somebody has stopped it: a signal, or a debugger."""
    try:
        after_name = (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(") ")[2]
        )
    except OSError:
        return False
    return after_name[:1] in ("T", "t")  # proc(5)
