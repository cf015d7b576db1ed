"""Whether anybody can do what waits: said with the job, to the operator, and as an incident that ends."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from tests.job_house import HandClock, JobHouse

from steadfast.api.job_answers import job_document
from steadfast.cluster.coverage import Coverage
from steadfast.cluster.node import Node, NodeFacts, NodeState, Wanted
from steadfast.cluster.unserved import UnservedWatch
from steadfast.cluster.waiting_work import Demand, demand
from steadfast.events import subscribe
from steadfast.jobs import queries
from steadfast.jobs.events import WorkServed, WorkUnserved
from steadfast.jobs.job import Job, JobPriority

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def node(
    name: str = "one",
    *can: str,
    state: NodeState = NodeState.ACTIVE,
    role: str = "node",
    silent_s: float = 1.0,
    tasks: tuple[str, ...] = ("toy",),
    manifest: int = 1,
) -> Node:
    return Node(
        name=name,
        incarnation=name,
        role=role,
        version="1.0",
        started_at=NOW,
        silent_s=silent_s,
        skew_s=0.0,
        wanted=Wanted.ACTIVE,
        state=state,
        facts=NodeFacts(capabilities=can, tasks=tasks, manifest=manifest),
    )


def lack_among(*nodes: Node, capability: str = "cuda") -> str | None:
    lack = Coverage(nodes, at=NOW).lack("toy", capability)
    return None if lack is None else lack.why


@pytest.fixture
def clock(house: JobHouse) -> HandClock:
    return house.clock


@pytest.fixture
def job(house: JobHouse) -> Job:
    job_id = house.submit()
    return house.jobs.read_now(lambda connection: queries.get(connection, None, job_id))


def test_a_node_that_works_and_can_is_enough(job: Job) -> None:
    assert lack_among(node("gone", "cuda", state=NodeState.GONE), node("here", "cpu", "cuda")) is None
    assert lack_among(node("here"), capability="") is None
    assert Coverage([node()], at=NOW).waits_for(job) is None


@pytest.mark.parametrize(
    ("nodes", "why"),
    [
        ([], "no server with cuda was there within a day"),
        ([node("taker", "cuda", role="api")], "no server with cuda was there within a day"),
        ([node("other", "cuda", tasks=("else",))], "no server with cuda was there within a day"),
        (
            [
                node("early", "cuda", state=NodeState.GONE, silent_s=90.0),
                node("late", "cuda", state=NodeState.STOPPED, silent_s=30.0),
                node("here", "cpu"),
            ],
            "no server with cuda is there; the last one, late, is stopped",
        ),
        (
            [node("late", "cuda", state=NodeState.GONE), node("out", "cuda", state=NodeState.CORDONED)],
            "no server with cuda takes work: out is cordoned",
        ),
    ],
)
def test_the_operator_is_told_who_is_missed(nodes: list[Node], why: str) -> None:
    assert lack_among(*nodes) == why


def test_a_plan_that_only_a_newer_program_reads_waits_for_one() -> None:
    assert lack_among(node("old", "cuda"), capability="m2:cuda") is not None
    assert lack_among(node("new", "cuda", manifest=2), capability="m2:cuda") is None


def test_others_are_those_that_work_and_are_not_here() -> None:
    coverage = Coverage([node("here", "cuda"), node("out", "cuda", state=NodeState.DRAINED)], at=NOW)
    assert not coverage.others_do("toy", "cuda", apart_from="here")
    assert coverage.others_do("toy", "cuda", apart_from="out")


def test_a_job_says_for_how_long_nobody_could_do_it_and_names_no_server(job: Job) -> None:
    at = job.created_at + timedelta(seconds=100)
    young = Coverage([node("late", state=NodeState.GONE, silent_s=40.0)], at=at).waits_for(job, later_s=2.0)
    old = Coverage([node("late", state=NodeState.GONE, silent_s=500.0)], at=at).waits_for(job)
    never = Coverage([], at=at).waits_for(job)
    assert young is not None
    assert old is not None
    assert never is not None
    assert [one.for_s for one in (young, old, never)] == [42.0, 100.0, 100.0]
    assert young.detail == "It waits for a server that does toy; none is there."
    document = job_document(replace(job, waits_for=young), is_own=True)
    assert document["waits_for"] == {"capability": None, "no_server_for_s": 42.0, "detail": young.detail}


def test_where_those_who_could_are_taken_out_of_work_no_time_is_told(job: Job) -> None:
    found = Coverage([node("out", state=NodeState.CORDONED)], at=NOW).waits_for(job)
    assert found is not None
    assert found.for_s is None
    assert "take no work" in found.detail


def test_demand_says_what_nobody_can_do(house: JobHouse) -> None:
    house.submit()
    now_s = house.clock.wall.timestamp()

    def found(*nodes: Node) -> Demand:
        (one,) = house.jobs.read_now(lambda c: demand(c, now_s, Coverage(nodes, at=NOW)))
        return one

    assert found(node()).as_dict()["lacking"] is None
    assert found().as_dict()["lacking"] == "no server that does toy was there within a day"
    assert found().unserved_steps == 1


# --- an incident ------------------------------------------------------------------------------------------


@pytest.fixture
def watch() -> tuple[UnservedWatch, Callable[[float], None]]:
    now_s = 0.0

    def turn(seconds: float) -> None:
        nonlocal now_s
        now_s += seconds

    return UnservedWatch(after_s=60.0, clock=lambda: now_s), turn


def waiting(steps: int, *, priority: JobPriority = JobPriority.NORMAL, lacking: str = "nobody") -> Demand:
    return Demand(
        capability="cuda",
        priority=priority,
        steps=5,
        device_s=5.0,
        oldest_s=1.0,
        unserved_steps=steps,
        lacking=lacking,
    )


def test_what_nobody_can_do_is_told_after_a_while_once_and_again_when_it_is_over(
    watch: tuple[UnservedWatch, Callable[[float], None]],
) -> None:
    told, turn = watch
    facts: list[object] = []
    deafen = subscribe(facts.append)
    try:
        told.look([waiting(3)])
        turn(30.0)
        told.look([])  # somebody came: it begins anew
        told.look([waiting(3)])
        turn(59.0)
        told.look([waiting(3)])
        assert facts == []
        turn(1.0)
        for _ in range(2):
            told.look([waiting(3), waiting(4, priority=JobPriority.HIGH)])
        told.look([waiting(0, lacking="")])
        told.look([])
    finally:
        deafen()
    assert facts == [
        WorkUnserved(capability="cuda", steps=7, waited_s=60.0, why="nobody"),
        WorkServed(capability="cuda"),
    ]
