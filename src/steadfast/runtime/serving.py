"""The worker's loop: one message in, the work, one message out."""

import gc
import importlib
import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import msgspec

from steadfast import process_title
from steadfast.errors import (
    DeadlineExceeded,
    InvalidOption,
    RequestCancelled,
    ServiceError,
    SteadfastError,
)
from steadfast.readings import Sampled
from steadfast.runtime import messages
from steadfast.runtime.arena import Arena, ArenaFull
from steadfast.runtime.channel import WorkerChannel
from steadfast.runtime.failure import failure_of
from steadfast.runtime.messages import Failed, Finished, Item, NotLoaded, Said, Setup, Slice
from steadfast.runtime.stepping import run_step
from steadfast.spans import RECORDER, SpanRecord
from steadfast.task import Blob, CanaryVerdict, OperatingPoint, Request, Response, Task
from steadfast.task_steps import Operation, StepRequest, StepResult

_log = logging.getLogger(__name__)

_LONGEST_FIELDS_BYTES = messages.MAX_MESSAGE_BYTES // 2
_PROGRESS_EVERY_S = 0.05
_NOTHING = messages.raw(None)

AnyTask: TypeAlias = Task[Any]


def serve(channel: WorkerChannel, arena: Arena, setup: Setup) -> None:
    """Answers the server until it says stop or is gone."""
    _Serving(channel, arena, setup).forever()


class _Serving:
    def __init__(self, channel: WorkerChannel, arena: Arena, setup: Setup) -> None:
        self._channel = channel
        self._arena = arena
        self._setup = setup
        self._made: AnyTask | None = None  # one, though it may not load at once: it knows what it has tried
        self._task: AnyTask | None = None
        self._points: list[OperatingPoint] = []
        self._level = 0
        self._to_look_at: list[Callable[[], Sampled]] = []
        """Of the answers that are out: what says how good they are."""

    def forever(self) -> None:
        while (message := self._channel.receive()) is not None:
            if isinstance(message, messages.Run):
                self._run(message)
            elif isinstance(message, messages.Stop):
                return
            elif answer := self._obey(message):
                self._channel.send(answer)

    def _obey(self, message: messages.ToWorker) -> Said | None:
        match message:
            case messages.Load(level=level) | messages.Adjust(level=level):
                return self._stand_at(level)
            case messages.CheckCanary():
                return self._check_canary()
            case messages.ReleaseMemory():
                self._release()
                return messages.Released()
            case messages.Retitle(title=title):
                process_title.show_role(title)
        return None  # a cancellation that came too late needs no answer

    # --- standing at a step of the ladder ---------------------------------------------------------------

    def _stand_at(self, level: int) -> Said:
        began_s = time.perf_counter()
        try:
            task = self._made = self._made or self._create()
            level = min(level, len(self._points) - 1)
            task.load(self._points[level])
            loaded_s = time.perf_counter()
            verdict = task.canary()
        except Exception as error:  # noqa: BLE001 — the border of the process: it becomes a recorded fact
            return NotLoaded(failure_of(error), self._points)
        if self._task is None and self._setup.nice:
            _stand_back(self._setup.nice)
        self._task, self._level = task, level
        ended_s = time.perf_counter()
        load_ms, canary_ms = _ms(began_s, loaded_s), _ms(loaded_s, ended_s)
        held_bytes = task.device_memory_bytes()
        return messages.Loaded(self._points, level, verdict, load_ms, canary_ms, held_bytes)

    def _create(self) -> AnyTask:
        module, _, name = self._setup.task_path.partition(":")
        kind = getattr(importlib.import_module(module), name)
        task: AnyTask = kind(msgspec.msgpack.decode(self._setup.task_config))
        self._points = list(task.operating_points())
        # What was imported stays for good: sparing the collector from it keeps its pauses short.
        gc.collect()
        gc.freeze()
        return task

    def _check_canary(self) -> Said:
        began_s = time.perf_counter()
        try:
            verdict = self._loaded().canary()
        except Exception as error:  # noqa: BLE001 — a canary that raises has failed
            verdict = CanaryVerdict(passed=False, detail=failure_of(error).detail)
        return messages.CanaryDone(verdict, _ms(began_s, time.perf_counter()))

    def _release(self) -> None:
        self._loaded().release_memory()
        gc.collect()

    def _loaded(self) -> AnyTask:
        if self._task is None:
            raise ServiceError("The worker was asked to work before it was loaded.")
        return self._task

    # --- requests ---------------------------------------------------------------------------------------

    def _run(self, dispatch: messages.Run) -> None:
        self._arena.reset(answers=True)
        if len(dispatch.items) == 1 and dispatch.items[0].operation is not Operation.RUN:
            self._run_step(dispatch.items[0])
            # A container of PyAV and its streams refer to each other: encoders of 75 MB, which the collector,
            # counting objects and not bytes, would let stand for many segments more.
            gc.collect()
            return
        ready: list[tuple[Item, Request[Any]]] = []
        for item in dispatch.items:
            try:
                ready.append((item, self._request_of(item)))
            except SteadfastError as error:
                self._channel.send(Failed(item.request_id, failure_of(error)))
        if len(ready) == 1:
            self._run_one(*ready[0])
        elif ready:
            self._run_batch(ready)
        self._look_back()

    def _request_of(self, item: Item) -> Request[Any]:
        task = self._loaded()
        try:
            fields = msgspec.msgpack.decode(item.fields, type=task.request_type)
        except msgspec.MsgspecError as error:
            raise InvalidOption(f"The request does not fit the task: {error}.") from error
        request: Request[Any] = Request(fields=fields, blobs=tuple(map(self._blob, item.blobs)))
        task.validate(request)
        return request

    def _blob(self, place: messages.Place) -> Blob:
        return self._arena.view_request(place) if isinstance(place, Slice) else Path(place.path)

    def _run_one(self, item: Item, request: Request[Any]) -> None:
        progress = _Report(self._channel, [item])
        began_s = time.perf_counter()
        try:
            with RECORDER.recording(item.traceparent) as spans:
                response: Response | SteadfastError = self._loaded().run(request, progress)
        except Exception as error:  # noqa: BLE001 — the border of the process: it becomes a recorded fact
            self._channel.send(Failed(item.request_id, failure_of(error)))
            return
        self._answer(item, response, _ms(began_s, time.perf_counter()), spans=spans)

    def _run_step(self, item: Item) -> None:
        """A step of a job: its file, if it makes one, ends up in the outbox under the request's number."""
        progress = _Report(self._channel, [item])
        began_s = time.perf_counter()
        try:
            with (
                RECORDER.recording(item.traceparent) as spans,
                TemporaryDirectory(dir=self._setup.outbox or None, prefix="step-") as folder,
            ):
                packed = bytes(self._arena.view_request(_only_slice(item)))
                request = msgspec.msgpack.decode(packed, type=StepRequest)
                result = run_step(self._loaded(), item.operation, request, Path(folder), progress)
                name = self._put_out(item, result)
        except Exception as error:  # noqa: BLE001 — the border of the process: it becomes a recorded fact
            self._channel.send(Failed(item.request_id, failure_of(error)))
            return
        answer = Response(fields=result.fields, cost=result.cost, degraded=result.degraded)
        self._answer(item, answer, _ms(began_s, time.perf_counter()), file=name, spans=spans)

    def _put_out(self, item: Item, result: StepResult) -> str:
        if result.file is None:
            return ""
        if not self._setup.outbox:
            raise ServiceError("This worker has no folder for the files it hands over.")
        name = str(item.request_id)
        result.file.rename(Path(self._setup.outbox) / name)
        return name

    def _run_batch(self, ready: list[tuple[Item, Request[Any]]]) -> None:
        items = [item for item, _ in ready]
        began_s = time.perf_counter()
        try:
            # What is done for one of a batch is done for all.
            traced = next((item.traceparent for item in items if item.traceparent), "")
            with RECORDER.recording(traced) as spans:
                responses = self._loaded().run_batch(
                    [request for _, request in ready], _Report(self._channel, items)
                )
        except Exception as error:  # noqa: BLE001 — the same border
            failure = failure_of(error)
            for item in items:
                self._channel.send(Failed(item.request_id, failure))
            return
        took_ms = _ms(began_s, time.perf_counter())
        for item, response in zip(items, responses, strict=True):
            self._answer(item, response, took_ms, spans=spans if item.traceparent else ())

    def _answer(
        self,
        item: Item,
        response: Response | SteadfastError,
        took_ms: float,
        *,
        file: str = "",
        spans: Sequence[SpanRecord] = (),
    ) -> None:
        if isinstance(response, SteadfastError):
            self._channel.send(Failed(item.request_id, failure_of(response)))
            return
        try:
            finished = self._finished(item, response, took_ms, file)
        except ArenaFull:
            error = ServiceError("The answer is larger than the shared memory it travels in.")
            self._channel.send(Failed(item.request_id, failure_of(error)))
            return
        finished.spans = list(spans)
        if response.afterwards is not None:
            finished.is_sampled = True
            self._to_look_at.append(response.afterwards)
        self._channel.send(finished)

    def _look_back(self) -> None:
        """At answers that are sampled, now that whoever waited for them has them."""
        looks, self._to_look_at = self._to_look_at, []
        for look in looks:
            try:
                sampled = look()
            except Exception as error:  # noqa: BLE001 — the answer is good without it, and is out
                _log.warning("quality was not measured", extra={"code": failure_of(error).code})
                sampled = Sampled(engine="")
            self._channel.send(messages.Measured(sampled))

    def _finished(self, item: Item, response: Response, took_ms: float, file: str) -> Finished:
        fields = messages.encode(response.fields)
        long = len(fields) > _LONGEST_FIELDS_BYTES
        return Finished(
            item.request_id,
            _NOTHING if long else msgspec.Raw(fields),
            self._arena.write_answer(fields) if long else None,
            [self._arena.write_answer(blob) for blob in response.blobs],
            took_ms,
            dict(response.cost),
            self._points[self._level].degraded + response.degraded,
            self._loaded().device_memory_bytes(),
            file,
        )


def _stand_back(nice: int) -> None:
    """Lets others go first from now on, with all threads: the kernel counts each for itself.

    Not before it is loaded: somebody may be waiting for it, and without privileges it could not hurry later.
    """
    for thread in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # it has ended meanwhile
            number = int(thread.name)
            os.setpriority(os.PRIO_PROCESS, number, os.getpriority(os.PRIO_PROCESS, number) + nice)


class _Report:
    """The `Progress` of one dispatch: tells the server at most every 50 ms and hears its cancellations."""

    def __init__(self, channel: WorkerChannel, items: list[Item]) -> None:
        self._channel = channel
        self._ids = {item.request_id for item in items}
        self._first_id = items[0].request_id
        self._deadline_at_s = max(item.deadline_at_s for item in items)
        # A request that is over sooner is told by its answer: reporting would wake the server for nothing.
        # Steps of jobs report at once, which renews their lease.
        self._said_at_s = 0.0 if items[0].operation is not Operation.RUN else time.monotonic()

    def __call__(self, done: int, total: int | None = None) -> None:
        now_s = time.monotonic()
        if now_s - self._said_at_s >= _PROGRESS_EVERY_S:
            self._said_at_s = now_s
            self._channel.send(messages.Progressed(self._first_id, done, total))
            self._hear()
        if now_s >= self._deadline_at_s:
            raise DeadlineExceeded("The time allowed was over before the work was done.")

    def _hear(self) -> None:
        self._ids.difference_update(self._channel.cancelled())
        if not self._ids:  # the members of a batch are given up together or not at all
            raise RequestCancelled("The request was taken back.")


def _only_slice(item: Item) -> Slice:
    place = item.blobs[0] if item.blobs else None
    if not isinstance(place, Slice):
        raise ServiceError("A step of a job came without its request.")
    return place


def _ms(began_s: float, ended_s: float) -> float:
    return (ended_s - began_s) * 1000.0
