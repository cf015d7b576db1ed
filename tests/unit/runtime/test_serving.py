"""The worker's loop, run in this process against a real channel and arena."""

import os
import socket
from collections.abc import Iterator

import msgspec
import pytest
from tests.fault_task import Act, Done

from steadfast.runtime import messages as m
from steadfast.runtime.arena import Arena
from steadfast.runtime.channel import WorkerChannel, open_pair
from steadfast.runtime.serving import serve

KIB = 1024


class Server:
    """The other end: orders are put in beforehand, answers read afterwards."""

    def __init__(self, path: str = "tests.fault_task:FaultTask", **config: object) -> None:
        self.end, theirs = open_pair()
        self.arena = Arena.create(request_bytes=64 * KIB, answer_bytes=128 * KIB, prefault_bytes=4 * KIB)
        self._worker_arena = Arena(
            os.dup(self.arena.fd), self.arena.request_bytes, self.arena.answer_bytes, 4 * KIB
        )
        self._theirs: socket.socket = theirs
        self._setup = _setup(path, config)

    def order(self, *orders: m.ToWorker) -> list[m.ToServer]:
        for order in (*orders, m.Stop()):
            self.end.send(m.encode(order))
        serve(WorkerChannel(self._theirs), self._worker_arena, self._setup)
        answers: list[m.ToServer] = []
        while True:
            try:
                answers.append(m.decode_for_server(self.end.recv(m.MAX_MESSAGE_BYTES + 1)))
            except BlockingIOError:
                return answers

    def item(self, act: Act, *blobs: bytes, number: int = 1, deadline_at_s: float = 1e12) -> m.Item:
        places: list[m.Place] = [self.arena.write_request([blob]) for blob in blobs]
        return m.Item(number, m.raw(act), places, deadline_at_s)

    def close(self) -> None:
        for part in (self.end, self._theirs, self.arena, self._worker_arena):
            part.close()


def _setup(path: str, config: dict[str, object]) -> m.Setup:
    return m.Setup(
        title="t", task_path=path, task_config=m.raw(config), arena_fd=0, request_bytes=0, answer_bytes=0,
        prefault_bytes=0, nice=0, affinity=(), oom_score_adj=0, max_open_files=0, max_core_bytes=0,
        max_address_space_bytes=0, uid=0, gid=0, readable=(), writable=(), landlock=False, no_network=False,
    )  # fmt: skip


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def test_it_loads_passes_its_canary_and_tells_its_ladder(server: Server) -> None:
    (loaded,) = server.order(m.Load(0))
    assert isinstance(loaded, m.Loaded)
    assert loaded.canary.passed
    assert (len(loaded.points), loaded.level) == (3, 0)


def test_a_task_that_did_not_load_is_asked_again_and_remembers_it() -> None:
    server = Server(refuse_loads=1)
    refused, loaded = server.order(m.Load(0), m.Load(0))
    server.close()
    assert isinstance(refused, m.NotLoaded)
    assert refused.failure.model == "toy"
    assert isinstance(loaded, m.Loaded)


def test_a_step_below_the_last_is_the_last(server: Server) -> None:
    (loaded,) = server.order(m.Load(99))
    assert isinstance(loaded, m.Loaded)
    assert loaded.level == 2


@pytest.mark.parametrize("path", ["tests.no_such_module:X", "tests.fault_task:NoSuchClass"])
def test_a_task_that_cannot_be_imported_is_told_not_raised(path: str) -> None:
    server = Server(path=path)
    (answer,) = server.order(m.Load(0))
    server.close()
    assert isinstance(answer, m.NotLoaded)
    assert "no_such_module" in answer.failure.detail or "NoSuchClass" in answer.failure.detail


def test_bytes_come_back_through_the_arena(server: Server) -> None:
    run = m.Run([server.item(Act(), b"abc", b"defg")])
    _, done = server.order(m.Load(0), run)
    assert isinstance(done, m.Finished)
    assert [server.arena.read_answer(place) for place in done.blobs] == [b"abc", b"defg"]
    assert msgspec.msgpack.decode(done.fields, type=Done).sizes == [3, 4]


def test_every_request_of_a_batch_is_answered_the_wrong_ones_with_their_error(server: Server) -> None:
    wrong = m.Item(2, m.raw({"seconds": "soon"}), [], 1e12)
    run = m.Run([server.item(Act(), b"a", number=1), wrong, server.item(Act(), b"c", number=3)])
    _, refused, first, third = server.order(m.Load(0), run)
    assert isinstance(refused, m.Failed)
    assert (refused.request_id, refused.failure.code) == (2, "invalid_option")
    assert isinstance(first, m.Finished)
    assert isinstance(third, m.Finished)
    assert (first.request_id, third.request_id) == (1, 3)


def test_an_answer_is_out_before_it_is_looked_at_and_the_look_follows_a_whole_batch(server: Server) -> None:
    run = m.Run([server.item(Act(look="well"), b"a", number=1), server.item(Act(), b"b", number=2)])
    _, first, second, measured = server.order(m.Load(0), run)
    assert isinstance(first, m.Finished)
    assert isinstance(second, m.Finished)
    assert (first.is_sampled, second.is_sampled) == (True, False)
    assert isinstance(measured, m.Measured)
    assert (measured.sampled.engine, measured.sampled.readings) == ("toy", {"identity": 0.5})


def test_a_look_that_fails_ends_all_the_same_and_costs_nothing(server: Server) -> None:
    looked = m.Run([server.item(Act(look="badly"), b"a")])
    _, done, measured, again = server.order(m.Load(0), looked, m.Run([server.item(Act(), b"b")]))
    assert isinstance(done, m.Finished)
    assert isinstance(measured, m.Measured)
    assert measured.sampled.readings == {}
    assert isinstance(again, m.Finished)


def test_a_bug_in_the_task_is_an_answer_too(server: Server) -> None:
    _, failed, done = server.order(
        m.Load(0), m.Run([server.item(Act(do="bug"))]), m.Run([server.item(Act(), b"a")])
    )
    assert isinstance(failed, m.Failed)
    assert "ZeroDivisionError" in failed.failure.trace
    assert isinstance(done, m.Finished)


def test_long_fields_lie_in_the_arena(server: Server) -> None:
    _, done = server.order(m.Load(0), m.Run([server.item(Act(do="long_text", amount=60_000))]))
    assert isinstance(done, m.Finished)
    assert done.fields_at is not None
    assert len(msgspec.msgpack.decode(server.arena.read_answer(done.fields_at), type=Done).text) == 60_000


def test_an_answer_that_does_not_fit_is_a_failure(server: Server) -> None:
    _, failed = server.order(m.Load(0), m.Run([server.item(Act(do="long_text", amount=300_000))]))
    assert isinstance(failed, m.Failed)


def test_work_that_is_soon_over_wakes_the_server_once(server: Server) -> None:
    said = server.order(m.Load(0), m.Run([server.item(Act(do="units", seconds=0.011))]))
    assert [type(message) for message in said] == [m.Loaded, m.Finished]


def test_work_past_its_deadline_stops_at_the_next_unit(server: Server) -> None:
    item = server.item(Act(do="units", seconds=5.0), deadline_at_s=0.0)
    said = server.order(m.Load(0), m.Run([item]))
    failed = said[-1]
    assert isinstance(failed, m.Failed)
    assert failed.failure.code == "deadline_exceeded"


def test_a_cancellation_stops_the_work_at_its_next_report(server: Server) -> None:
    said = server.order(m.Load(0), m.Run([server.item(Act(do="units", seconds=5.0))]), m.Cancel(1))
    failed = said[-1]
    assert isinstance(said[1], m.Progressed)
    assert isinstance(failed, m.Failed)
    assert failed.failure.code == "request_cancelled"


def test_what_the_operating_point_gives_up_stands_in_every_answer(server: Server) -> None:
    _, done = server.order(m.Load(2), m.Run([server.item(Act())]))
    assert isinstance(done, m.Finished)
    assert done.degraded == ("smaller side",)


def test_work_before_loading_is_refused(server: Server) -> None:
    (failed,) = server.order(m.Run([server.item(Act())]))
    assert isinstance(failed, m.Failed)


def test_canaries_and_caches_on_demand(server: Server) -> None:
    _, canary, released = server.order(m.Load(0), m.CheckCanary(), m.ReleaseMemory())
    assert isinstance(canary, m.CanaryDone)
    assert canary.verdict.passed
    assert isinstance(released, m.Released)


def test_it_ends_when_the_server_is_gone(server: Server) -> None:
    server.end.shutdown(socket.SHUT_RDWR)
    serve(WorkerChannel(server._theirs), server._worker_arena, server._setup)
