"""The line keeps its bound, forgets nobody, starves nobody and is fair."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from steadfast.admission.arrival import Priority
from steadfast.admission.waiting_line import WEIGHTS, Waiter, WaitingLine

PRIORITIES = st.sampled_from(list(Priority))
CLIENTS = st.sampled_from(["ann", "bob", "cid", "dot"])
WORK = st.floats(0.001, 10.0)


def waiter(
    priority: Priority = Priority.STANDARD, flow: str = "ann", work_s: float = 1.0, ticket: int = 0
) -> Waiter[int]:
    return Waiter(ticket=ticket, priority=priority, flow=flow, work_s=work_s)


class AnyUse(RuleBasedStateMachine):
    """Whatever is done to a line, in whatever order."""

    def __init__(self) -> None:
        super().__init__()
        self.line: WaitingLine[int] = WaitingLine(capacity=12)
        self.inside: list[Waiter[int]] = []

    @rule(priority=PRIORITIES, flow=CLIENTS, work_s=WORK)
    def add(self, priority: Priority, flow: str, work_s: float) -> None:
        new = waiter(priority, flow, work_s)
        if len(self.inside) == 12:
            with pytest.raises(OverflowError):
                self.line.add(new)
        else:
            self.line.add(new)
            self.inside.append(new)

    @precondition(lambda self: self.inside)
    @rule()
    def pop(self) -> None:
        first = next(self.line.in_turn())
        popped = self.line.pop()
        assert popped is first
        self.inside.remove(popped)

    @precondition(lambda self: self.inside)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        gone = data.draw(st.sampled_from(self.inside))
        assert self.line.remove(gone)
        assert not self.line.remove(gone)
        self.inside.remove(gone)

    @rule(priority=PRIORITIES)
    def ask_who_must_go(self, priority: Priority) -> None:
        victim = self.line.least_urgent_below(priority)
        ranks = list(Priority)
        lower = [w for w in self.inside if ranks.index(w.priority) > ranks.index(priority)]
        assert (victim in lower) if lower else victim is None

    @invariant()
    def it_holds_exactly_those_who_wait(self) -> None:
        assert len(self.line) == len(self.inside)
        assert set(map(id, self.line)) == set(map(id, self.inside))
        for priority in Priority:
            assert self.line.count(priority) == sum(w.priority is priority for w in self.inside)
        assert self.line.is_full == (len(self.inside) == 12)

    @invariant()
    def work_ahead_is_never_more_than_all_there_is(self) -> None:
        everything_s = sum(w.work_s for w in self.inside)
        for priority in Priority:
            ahead_s = self.line.work_ahead_s(priority, "eve", workers=1.0, inflow={})
            assert -1e-6 <= ahead_s <= everything_s + 1e-6


TestAnyUse = AnyUse.TestCase
TestAnyUse.settings = settings(max_examples=40)


def test_an_empty_line_has_nobody_to_give() -> None:
    with pytest.raises(IndexError):
        WaitingLine[int](capacity=1).pop()


@given(st.lists(st.tuples(PRIORITIES, CLIENTS, WORK), min_size=1, max_size=40))
def test_the_turn_that_is_told_is_the_turn_that_is_taken(who: list[tuple[Priority, str, float]]) -> None:
    line: WaitingLine[int] = WaitingLine(capacity=40)
    for number, (priority, flow, work_s) in enumerate(who):
        line.add(waiter(priority, flow, work_s, number))
    told = [w.ticket for w in line.in_turn()]
    assert [line.pop().ticket for _ in who] == told


@given(st.lists(WORK, min_size=2, max_size=30))
def test_one_client_of_one_priority_is_served_in_order(works: list[float]) -> None:
    line: WaitingLine[int] = WaitingLine(capacity=30)
    for number, work_s in enumerate(works):
        line.add(waiter(work_s=work_s, ticket=number))
    assert [line.pop().ticket for _ in works] == list(range(len(works)))


@given(st.lists(st.tuples(WORK, WORK), min_size=30, max_size=60))
def test_two_busy_clients_get_the_same_time_whatever_their_requests_take(
    works: list[tuple[float, float]],
) -> None:
    line: WaitingLine[int] = WaitingLine(capacity=200)
    for ann_s, bob_s in works:
        line.add(waiter(flow="ann", work_s=ann_s))
        line.add(waiter(flow="bob", work_s=bob_s))
    got: Counter[str] = Counter()
    largest_s = max(max(pair) for pair in works)
    left = Counter(ann=len(works), bob=len(works))
    while all(left.values()):
        taken = line.pop()
        left[taken.flow] -= 1
        got[taken.flow] += taken.work_s  # type: ignore[assignment]
        assert abs(got["ann"] - got["bob"]) <= 2 * largest_s


def test_busy_priorities_share_by_weight() -> None:
    line: WaitingLine[int] = WaitingLine(capacity=3000)
    for _ in range(1000):
        for priority in Priority:
            line.add(waiter(priority))
    taken = Counter(line.pop().priority for _ in range(420))
    parts = {priority: 420 * weight / sum(WEIGHTS.values()) for priority, weight in WEIGHTS.items()}
    assert taken == pytest.approx(parts, abs=2)


@pytest.mark.parametrize("priority", [Priority.BATCH, Priority.STANDARD])
def test_a_stream_of_urgent_requests_starves_nobody(priority: Priority) -> None:
    line: WaitingLine[int] = WaitingLine(capacity=64)
    for number in range(32):
        line.add(waiter(Priority.INTERACTIVE, f"client {number}"))
    line.pop()
    line.add(waiter(priority, "patient", ticket=1))
    for turn in range(64):
        if line.pop().ticket == 1:
            break
        line.add(waiter(Priority.INTERACTIVE, f"new {turn}"))
    assert turn <= WEIGHTS[Priority.INTERACTIVE] / WEIGHTS[priority] + 1


@given(own=st.integers(1, 6), longest_s=st.floats(0.5, 5.0), seed=st.integers(0, 1000))
@settings(max_examples=25)
def test_a_stream_of_ever_new_clients_starves_no_old_one(own: int, longest_s: float, seed: int) -> None:
    dice = Random(seed)
    line: WaitingLine[int] = WaitingLine(capacity=32)
    for number in range(own):
        line.add(waiter(flow="old", ticket=number + 1))
    served = []
    given_s = 0.0
    while given_s < 20 * (own + 2 * longest_s):
        while len(line) < 20:
            work_s = dice.uniform(0.1, 1.0) * longest_s
            line.add(waiter(flow=f"new {dice.random()}", work_s=work_s))
        taken = line.pop()
        given_s += taken.work_s
        if taken.ticket:
            served.append(taken.ticket)
    assert served == list(range(1, own + 1))


def test_leaving_and_coming_back_is_no_way_to_the_front() -> None:
    line: WaitingLine[int] = WaitingLine(capacity=200)
    for _ in range(100):
        line.add(waiter(flow="patient"))
    taken: Counter[str] = Counter()
    for _ in range(60):
        if not any(w.flow == "jumpy" for w in line):
            line.add(waiter(flow="jumpy"))
        taken[line.pop().flow] += 1
    assert abs(taken["patient"] - taken["jumpy"]) <= 2


def test_an_idle_priority_saves_up_no_time() -> None:
    line: WaitingLine[int] = WaitingLine(capacity=200)
    for _ in range(100):
        line.add(waiter(Priority.BATCH))
    for _ in range(50):
        line.pop()
    for _ in range(40):
        line.add(waiter(Priority.INTERACTIVE))
    first = Counter(line.pop().priority for _ in range(40))
    assert first[Priority.BATCH] >= 2


def test_the_greediest_client_of_the_least_urgent_gives_way_with_its_latest() -> None:
    line: WaitingLine[int] = WaitingLine(capacity=9)
    line.add(waiter(Priority.BATCH, "modest", 1.0, 1))
    line.add(waiter(Priority.BATCH, "greedy", 1.0, 2))
    line.add(waiter(Priority.BATCH, "greedy", 1.0, 3))
    line.add(waiter(Priority.STANDARD, "other", 9.0, 4))
    victim = line.least_urgent_below(Priority.INTERACTIVE)
    assert victim is not None
    assert victim.ticket == 3
    assert line.least_urgent_below(Priority.BATCH) is None


def test_what_clients_were_given_is_remembered_within_bounds() -> None:
    line: WaitingLine[int] = WaitingLine(capacity=4)
    line.add(waiter(flow="stays", work_s=1e12))
    line.add(waiter(flow="stays"))
    line.pop()
    for number in range(500):
        line.add(waiter(flow=f"client {number}", work_s=1e6))
        line.pop()
    band = line._bands[Priority.STANDARD]
    assert len(band._departed) <= 16


def test_work_ahead_of_a_client_is_its_own_and_a_fair_part_of_the_others() -> None:
    line: WaitingLine[int] = WaitingLine(capacity=100)
    for _ in range(10):
        line.add(waiter(flow="busy"))
    line.add(waiter(flow="modest"))
    ahead_s = {
        flow: line.work_ahead_s(Priority.STANDARD, flow, workers=1.0, inflow={})
        for flow in ("busy", "modest", "new")
    }
    assert ahead_s["busy"] == pytest.approx(11.0)
    assert ahead_s["modest"] == pytest.approx(2.5, abs=0.6)
    assert ahead_s["new"] == pytest.approx(2.0, abs=0.6)


def test_work_that_keeps_coming_for_the_urgent_is_ahead_of_a_batch() -> None:
    line: WaitingLine[int] = WaitingLine(capacity=100)
    for _ in range(5):
        line.add(waiter(Priority.BATCH))
    alone_s = line.work_ahead_s(Priority.BATCH, "ann", workers=1.0, inflow={})
    crowded_s = line.work_ahead_s(Priority.BATCH, "ann", workers=1.0, inflow={Priority.INTERACTIVE: 0.5})
    assert alone_s == pytest.approx(5.0)
    assert 7.0 < crowded_s < 10.0
