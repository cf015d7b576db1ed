"""Who is there, by the database's clock; and what the operator wants of whom."""

import pytest
from tests.job_house import HandClock, JobHouse

from steadfast.cluster.node import NodeFacts, NodeState, Wanted
from steadfast.cluster.registry import Registry, skew_of
from steadfast.database.database import Database
from steadfast.errors import NodeUnknown


@pytest.fixture
def registry(database: Database, house: JobHouse) -> Registry:
    return Registry(database, gone_after_s=20.0, clock=house.jobs.clock)


@pytest.fixture
def clock(house: JobHouse) -> HandClock:
    return house.clock


def beat(
    registry: Registry,
    name: str = "one",
    *,
    incarnation: str = "",
    role: str = "node",
    state: NodeState = NodeState.ACTIVE,
    **facts: tuple[str, ...],
) -> Wanted:
    return registry.beat(
        name=name,
        incarnation=incarnation or f"host/{name}",
        role=role,
        version="1.0",
        state=state,
        facts=NodeFacts(**facts),  # type: ignore[arg-type]  # whatever the test says
    )


def test_a_node_that_is_silent_for_too_long_is_gone_and_one_that_speaks_is_there(
    registry: Registry, clock: HandClock
) -> None:
    beat(registry)
    clock.turn(19.0)
    assert registry.get("one").state is NodeState.ACTIVE
    assert registry.live_names() == ["one"]
    clock.turn(2.0)
    assert registry.get("one").state is NodeState.GONE
    assert registry.live_names() == []
    beat(registry)
    assert registry.get("one").state is NodeState.ACTIVE


def test_what_a_process_began_is_over_once_it_stopped_or_was_silent_for_too_long(
    registry: Registry, clock: HandClock
) -> None:
    beat(registry, "silent", incarnation="a/boot/7/1/cafe")
    clock.turn(15.0)
    beat(registry, "stopped", incarnation="b/boot/7/1/cafe", state=NodeState.STOPPED)
    beat(registry, "there", incarnation="c/boot/7/1/cafe")
    every = [f"{host}/boot/7/1/beef" for host in ("a", "b", "c", "unknown")]  # other lives of the processes
    assert [registry.is_gone(one) for one in every] == [False, True, False, False]
    clock.turn(6.0)
    assert [registry.is_gone(one) for one in every] == [True, True, False, False]


def test_a_node_hears_with_its_next_sign_of_life_what_is_wanted_of_it(registry: Registry) -> None:
    assert beat(registry) is Wanted.ACTIVE
    registry.want("one", Wanted.CORDONED)
    assert beat(registry) is Wanted.CORDONED


def test_a_cordoned_node_that_is_restarted_is_cordoned(registry: Registry) -> None:
    beat(registry)
    registry.want("one", Wanted.CORDONED)
    assert beat(registry, incarnation="another life") is Wanted.CORDONED
    assert registry.get("one").incarnation == "another life"


def test_an_unknown_node_is_named_with_those_that_are_known(registry: Registry) -> None:
    beat(registry)
    with pytest.raises(NodeUnknown) as raised:
        registry.want("two", Wanted.DRAINED)
    assert "one" in raised.value.remedy


def test_leases_are_counted_by_who_holds_them(registry: Registry, house: JobHouse) -> None:
    house.submit()
    assert house.take() is not None
    beat(registry, incarnation=str(house.jobs.here))
    assert registry.get("one").leases == 1


def test_a_node_that_has_been_gone_for_a_day_is_forgotten(registry: Registry, clock: HandClock) -> None:
    beat(registry)
    clock.turn(90_000.0)
    beat(registry, "two")
    assert registry.forget_old() == 1
    assert [node.name for node in registry.nodes()] == ["two"]


def test_a_node_of_a_newer_version_in_a_state_that_is_not_known_here_is_there(
    registry: Registry, database: Database
) -> None:
    beat(registry)
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE cluster_nodes SET state = 'musing', facts = '{\"mood\": 1}'")
    assert registry.get("one").state is NodeState.ACTIVE


def test_what_the_metrics_call_the_states_is_what_they_are_called() -> None:
    from steadfast.observability.metrics.cluster_metrics import NODES

    assert NODES.labels[0].values == {state.value for state in NodeState}


@pytest.mark.parametrize(
    ("before_s", "after_s", "there_s", "skew_s"),
    [
        (100.0, 100.2, 100.1, 0.0),
        (100.0, 104.0, 103.9, 0.0),  # it stood still for four seconds, and its clock is right
        (700.0, 700.2, 100.0, 600.0),
        (100.0, 100.2, 700.2, -600.0),
    ],
)
def test_a_clock_is_off_by_what_no_delay_explains(
    before_s: float, after_s: float, there_s: float, skew_s: float
) -> None:
    assert skew_of(before_s, after_s, there_s) == pytest.approx(skew_s)
