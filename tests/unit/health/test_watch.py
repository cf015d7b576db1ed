"""Health as a whole: what is seen becomes an incident, is acted upon, kept and told."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.databases import open_migrated_sqlite
from tests.unit.health.probes.surroundings import pool, snapshot, worker
from tests.unit.health.probes.test_scheduler import Counting, Failing
from tests.unit.health.test_remedies import Port

from steadfast.admission.keys import utc_now
from steadfast.events import publish, subscribe_to
from steadfast.health.crash_report import CrashFolder
from steadfast.health.events import IncidentMoved
from steadfast.health.flight_recorder import FlightRecorder
from steadfast.health.incident_store import IncidentStore
from steadfast.health.incidents import Change, IncidentBook, Outcome
from steadfast.health.remedies import Healer
from steadfast.health.verdict import Word
from steadfast.health.watch import HealthWatch, Parts, foreign_sinks
from steadfast.health.work_record import WorkRecord
from steadfast.observability.redaction import Redactor
from steadfast.runtime.events import CanaryChecked, WorkerDied
from steadfast.runtime.exit_reason import Cause, ExitReport
from steadfast.settings import HealthSettings

DEATH = WorkerDied(
    task="face_swap",
    worker="face_swap-1",
    report=ExitReport(pid=1, cause=Cause.SIGNALLED, signal_name="SIGSEGV"),
    wanted=False,
)


def with_watch(folder: Path, act: Callable[[HealthWatch, Port], Any], **settings: Any) -> Any:
    """Lives as the service does, for one act."""

    async def live() -> Any:
        database, port = open_migrated_sqlite(folder), Port()
        clock = asyncio.get_running_loop().time
        healer = Healer(port, tasks=lambda: ["face_swap"], snapshot=lambda _: None, leave=lambda _: None)
        watch = HealthWatch(
            HealthSettings(**settings),
            Parts(
                probes=[Counting(), Failing()],
                work=WorkRecord(clock),
                snapshot=lambda: snapshot(pool(worker())),
                healer=healer,
                book=IncidentBook(utc_now, redact=Redactor("k").value),
                database=database,
                store=IncidentStore(database),
                recorder=FlightRecorder(redact=Redactor("k").value, now=utc_now),
                crashes=CrashFolder(folder / "crashes", most=5, most_bytes=1 << 20),
                clock=clock,
            ),
        )
        await watch.start()
        try:
            return await act(watch, port)
        finally:
            await watch.stop()
            database.close()

    return asyncio.run(live())


def test_a_fact_becomes_an_incident_that_is_over_when_the_house_is_whole_and_is_kept(tmp_path: Path) -> None:
    async def act(watch: HealthWatch, _: Port) -> None:
        with watch.feed.listening() as queue:
            publish(DEATH)
            (incident,) = watch.open_incidents()
            assert incident.kind == "worker_died"
            for _look in range(3):
                watch.look()
            assert incident.id not in {one.id for one in watch.open_incidents()}
            heard = [queue.get_nowait() for _ in range(queue.qsize())]
        changes = [one.change for one in heard if one is not None and one.incident.id == incident.id]
        assert (changes[0], changes[-1]) == (Change.OPENED, Change.ENDED)

    with_watch(tmp_path, act)
    database = open_migrated_sqlite(tmp_path)
    kept = {one.kind: one for one in IncidentStore(database).list()}
    database.close()
    assert kept["worker_died"].outcome is Outcome.RECOVERED


def test_a_probe_that_fails_is_an_incident_of_its_own_and_the_service_is_degraded(tmp_path: Path) -> None:
    async def act(watch: HealthWatch, _: Port) -> None:
        for probe in watch.scheduler.probes:
            await watch.scheduler.look(probe)
        watch.look()
        assert [(one.kind, one.subject) for one in watch.open_incidents()] == [("probe_failed", "failing")]
        verdict = watch.verdict([pool()])
        assert verdict.word is Word.DEGRADED
        assert "failing is unknown" in verdict.reasons
        assert {reading["probe"] for reading in watch.readings()} == {"counting", "failing"}

    with_watch(tmp_path, act)


def test_remedies_of_the_table_are_applied_once_and_written_down(tmp_path: Path) -> None:
    async def act(watch: HealthWatch, port: Port) -> None:
        publish(DEATH)
        publish(DEATH)
        assert port.asked == [("recycle", "face_swap-1")]
        assert watch.open_incidents()[0].actions == ("the worker is replaced",)

    with_watch(tmp_path, act, actions={"worker_died": ("recycle",)})


def test_a_canary_is_proof_of_work(tmp_path: Path) -> None:
    async def act(watch: HealthWatch, _: Port) -> None:
        publish(CanaryChecked(task="face_swap", worker="face_swap-1", passed=True, detail="", took_ms=1))
        assert watch._parts.work.task("face_swap").canary_passed is True

    with_watch(tmp_path, act)


def test_facts_from_threads_are_heard_on_the_loop(tmp_path: Path) -> None:
    async def act(watch: HealthWatch, _: Port) -> None:
        await asyncio.to_thread(publish, DEATH)
        await asyncio.sleep(0)
        assert [one.kind for one in watch.open_incidents()] == ["worker_died"]

    with_watch(tmp_path, act)


def test_the_death_of_the_server_before_is_an_incident_and_its_open_ones_are_closed(tmp_path: Path) -> None:
    async def leave_open(watch: HealthWatch, _: Port) -> None:
        publish(DEATH)

    with_watch(tmp_path, leave_open)

    async def act(watch: HealthWatch, _: Port) -> None:
        watch._note_server_death({"signal": "SIGKILL"})

    with_watch(tmp_path, act)
    database = open_migrated_sqlite(tmp_path)
    outcomes = {one.kind: one.outcome for one in IncidentStore(database).list()}
    database.close()
    assert outcomes == {"worker_died": Outcome.RESTARTED, "server_died": Outcome.PASSED}


def test_a_listener_that_is_too_slow_is_sent_away_and_the_others_hear_on(tmp_path: Path) -> None:
    async def act(watch: HealthWatch, _: Port) -> None:
        with watch.feed.listening() as slow, watch.feed.listening() as quick:
            heard = 0
            for _look in range(150):
                publish(DEATH)
                while not quick.empty():
                    assert quick.get_nowait() is not None
                    heard += 1
            assert heard >= 150
            assert [slow.get_nowait() for _ in range(slow.qsize())][-1] is None

    with_watch(tmp_path, act)


def test_a_sink_that_cannot_be_loaded_costs_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    from importlib.metadata import EntryPoint

    points = [
        EntryPoint(name="broken", value="steadfast.health:nothing_here", group="steadfast.sinks"),
        EntryPoint(name="list", value="builtins:list", group="steadfast.sinks"),
    ]
    assert list(map(callable, foreign_sinks(points))) == [False]
    assert [record.getMessage() for record in caplog.records] == ["sink not loaded"]


def test_every_step_of_an_incident_is_stated_but_one_more_sign_of_the_same(tmp_path: Path) -> None:
    heard: list[IncidentMoved] = []

    async def act(watch: HealthWatch, _: Port) -> None:
        end = subscribe_to(IncidentMoved, heard.append)
        publish(DEATH)
        publish(DEATH)
        end()

    with_watch(tmp_path, act)
    assert [moved.kind for moved in heard] == ["worker_died"]
    assert heard[0].change is Change.OPENED
