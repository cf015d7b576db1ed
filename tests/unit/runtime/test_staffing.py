"""Who stands where: no empty place while a loaded worker idles, no gap in a replacement, nobody too many."""

from hypothesis import given
from hypothesis import strategies as st

from steadfast.runtime.staffing import Assign, Dismiss, Member, Spawn, Standing, fitting_spares, plan


def member(
    key: int,
    standing: Standing = Standing.ABLE,
    slot: int | None = None,
    *,
    retiring: bool = False,
    device: str = "cpu",
) -> Member:
    return Member(key=key, device=device, standing=standing, slot=slot, retiring=retiring)


def test_an_empty_house_starts_one_per_place_and_the_spares() -> None:
    assert plan(slots=["cpu", "cpu"], spares={"cpu": 1}, members=[]) == [Spawn(device="cpu")] * 3


def test_those_on_their_way_are_not_started_twice() -> None:
    coming = [member(key, Standing.COMING) for key in (1, 2, 3)]
    assert plan(slots=["cpu", "cpu"], spares={"cpu": 1}, members=coming) == []


def test_a_loaded_spare_takes_an_empty_place_and_another_is_started() -> None:
    members = [member(1, slot=0), member(3)]
    steps = plan(slots=["cpu", "cpu"], spares={"cpu": 1}, members=members)
    assert steps == [Assign(key=3, slot=1), Spawn(device="cpu")]


def test_a_retiring_worker_serves_until_it_is_relieved() -> None:
    retiring = member(1, slot=0, retiring=True)
    assert plan(slots=["cpu"], spares={"cpu": 0}, members=[retiring]) == [Spawn(device="cpu")]
    assert plan(slots=["cpu"], spares={"cpu": 0}, members=[retiring, member(2, Standing.COMING)]) == []
    relieved = plan(slots=["cpu"], spares={"cpu": 0}, members=[retiring, member(2)])
    assert relieved == [Assign(key=2, slot=0, instead=1)]


def test_an_empty_place_comes_before_a_retiring_worker() -> None:
    members = [member(1, slot=0, retiring=True), member(2)]
    assert Assign(key=2, slot=1) in plan(slots=["cpu", "cpu"], spares={"cpu": 0}, members=members)


def test_a_retiring_spare_goes_when_another_is_loaded() -> None:
    staff = [member(1, slot=0), member(2, retiring=True)]
    assert plan(slots=["cpu"], spares={"cpu": 1}, members=staff) == [Spawn(device="cpu")]
    assert plan(slots=["cpu"], spares={"cpu": 1}, members=[*staff, member(3, Standing.COMING)]) == []
    assert plan(slots=["cpu"], spares={"cpu": 1}, members=[*staff, member(3)]) == [Dismiss(key=2)]


def test_one_too_many_is_let_go() -> None:
    members = [member(1, slot=0), member(2), member(3)]
    assert plan(slots=["cpu"], spares={"cpu": 1}, members=members) == [Dismiss(key=2)]


def test_a_spare_of_one_device_does_not_serve_on_another() -> None:
    members = [member(1, slot=0, device="cuda:0"), member(2, device="cuda:0")]
    steps = plan(slots=["cuda:0", "cuda:1"], spares={"cuda:0": 1, "cuda:1": 1}, members=members)
    assert steps == [Spawn(device="cuda:1"), Spawn(device="cuda:1")]


def test_who_is_leaving_counts_for_nothing() -> None:
    assert plan(slots=["cpu"], spares={"cpu": 0}, members=[member(1, Standing.LEAVING, slot=0)]) == [
        Spawn(device="cpu")
    ]


GIB = 1 << 30


def test_a_spare_is_kept_unless_the_devices_memory_cannot_hold_two() -> None:
    assert fitting_spares(memory_bytes=0, worker_bytes=0) == 1
    assert fitting_spares(memory_bytes=24 * GIB, worker_bytes=0) == 0  # not known yet
    assert fitting_spares(memory_bytes=24 * GIB, worker_bytes=10 * GIB) == 1
    assert fitting_spares(memory_bytes=24 * GIB, worker_bytes=11 * GIB) == 0


@given(
    slots=st.integers(1, 4),
    spares=st.integers(0, 2),
    kinds=st.lists(st.tuples(st.sampled_from(Standing), st.booleans(), st.booleans()), max_size=8),
)
def test_carrying_plans_out_ends_with_every_place_filled_and_the_spares_ready(
    slots: int, spares: int, kinds: list[tuple[Standing, bool, bool]]
) -> None:
    """Whatever the state, planning and obeying settles in a few rounds and never empties a place."""
    house = _House(slots, spares, kinds)
    for _ in range(40):
        if not house.obey(
            plan(slots=["cpu"] * slots, spares={"cpu": spares}, members=list(house.members.values()))
        ):
            break
    serving = [m for m in house.members.values() if m.slot is not None]
    assert sorted(m.slot for m in serving if m.slot is not None) == list(range(slots))
    assert not any(m.retiring for m in serving)
    assert len(house.members) == slots + spares


class _House:
    """Obeys plans: those who come arrive, those who leave go, one round later."""

    def __init__(self, slots: int, spares: int, kinds: list[tuple[Standing, bool, bool]]) -> None:
        free = list(range(slots))
        self.members: dict[int, Member] = {}
        for key, (standing, retiring, serving) in enumerate(kinds):
            slot = free.pop() if serving and free and standing is Standing.ABLE else None
            self.members[key] = member(key, standing, slot, retiring=retiring)
        self._next = 100

    def obey(self, steps: list[Assign | Spawn | Dismiss]) -> bool:
        moved = self._time_passes()
        filled = {m.slot for m in self.members.values() if m.slot is not None}
        for step in steps:
            self._carry_out(step)
        assert filled <= {m.slot for m in self.members.values() if m.slot is not None}
        return moved or bool(steps)

    def _carry_out(self, step: Assign | Spawn | Dismiss) -> None:
        match step:
            case Assign(key=key, slot=slot, instead=instead):
                if instead is not None:
                    self.members[instead] = member(instead, Standing.LEAVING)
                self.members[key] = member(key, slot=slot)
            case Spawn():
                self.members[self._next] = member(self._next, Standing.COMING)
                self._next += 1
            case Dismiss(key=key):
                self.members[key] = member(key, Standing.LEAVING)

    def _time_passes(self) -> bool:
        before = dict(self.members)
        self.members = {
            key: member(key, Standing.ABLE, m.slot, retiring=m.retiring)
            for key, m in self.members.items()
            if m.standing is not Standing.LEAVING
        }
        return before != self.members
