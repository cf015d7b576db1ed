"""Who should work where: a pure decision over the pool's present state, taken again after every change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto


class Standing(Enum):
    """What a worker is good for."""

    COMING = auto()  # starting or loading for the first time
    ABLE = auto()  # loaded: it serves, or could
    LEAVING = auto()  # draining: it takes nothing any more


@dataclass(frozen=True, kw_only=True)
class Member:
    """One living worker, as far as staffing cares."""

    key: int
    device: str
    standing: Standing
    slot: int | None
    """Index of the slot it serves; None: a spare, or on its way."""
    retiring: bool = False
    """It works on until another one can stand in its place."""


@dataclass(frozen=True, kw_only=True)
class Assign:
    """Put a loaded worker into a slot. `instead` leaves it."""

    key: int
    slot: int
    instead: int | None = None


@dataclass(frozen=True, kw_only=True)
class Spawn:
    """Start a worker on this device."""

    device: str


@dataclass(frozen=True, kw_only=True)
class Dismiss:
    """This one is not needed: a retiring spare, or one too many."""

    key: int


Step = Assign | Spawn | Dismiss


_FILL = 0.9
"""Share of a device's memory that workers may take."""


def fitting_spares(*, memory_bytes: int, worker_bytes: int) -> int:
    """One spare, unless the device's memory cannot hold two loaded workers; none until one was seen loaded.

    `memory_bytes` 0: the device has no memory of its own, or none that is known, so the spare is kept.
    """
    if memory_bytes == 0:
        return 1
    return int(0 < 2 * worker_bytes <= _FILL * memory_bytes)


def plan(*, slots: Sequence[str], spares: Mapping[str, int], members: Sequence[Member]) -> list[Step]:
    """What to do now; `slots` names the device of each slot, `spares` says how many are kept on each.

    A slot without a worker gets a loaded spare of its device at once; a retiring one is relieved by it.
    Retiring workers are not counted as staff, so their replacements are started before they leave: no gap.
    """
    steps: list[Step] = []
    for device in dict.fromkeys(slots):
        own = [member for member in members if member.device == device]
        mine = [index for index, name in enumerate(slots) if name == device]
        steps += _plan_device(device, mine, spares.get(device, 0), own)
    return steps


def _plan_device(device: str, slots: list[int], spares: int, members: list[Member]) -> list[Step]:
    steps: list[Step] = []
    idle = [m for m in members if m.standing is Standing.ABLE and m.slot is None and not m.retiring]
    holders = {m.slot: m for m in members if m.slot is not None and m.standing is not Standing.LEAVING}
    # Empty slots first: a retiring worker still serves, an empty slot does not.
    for slot in sorted(slots, key=lambda slot: slot in holders):
        holder = holders.get(slot)
        if idle and (holder is None or holder.retiring):
            relief = idle.pop(0)
            steps.append(Assign(key=relief.key, slot=slot, instead=holder.key if holder else None))
    staff = [m for m in members if m.standing is not Standing.LEAVING and not m.retiring]
    surplus = len(staff) - (len(slots) + spares)
    steps += [Spawn(device=device)] * max(0, -surplus)
    steps += [Dismiss(key=member.key) for member in idle[: max(0, surplus)]]
    able = sum(member.standing is Standing.ABLE for member in staff)
    if able >= len(slots) + spares:  # a retiring spare stays until another one can do what it does
        steps += [
            Dismiss(key=m.key)
            for m in members
            if m.retiring and m.slot is None and m.standing is not Standing.LEAVING
        ]
    return steps
