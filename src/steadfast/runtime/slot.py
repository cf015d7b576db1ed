"""A place where one worker of a task serves; workers come and go, the place and its ladder stay."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steadfast.runtime.degradation import Ladder
from steadfast.runtime.options import Device

if TYPE_CHECKING:
    from steadfast.runtime.worker_process import WorkerProcess


@dataclass(kw_only=True, eq=False)
class Slot:
    """One place."""

    index: int
    name: str
    """`cpu:0`, `cuda:1`: as in `ps`."""
    device: Device
    ladder: Ladder
    worker: "WorkerProcess | None" = None
    filled_before: bool = False
    """Whether somebody stood here already."""
    empty_since_s: float | None = None
    """When its worker died; None: somebody stands here, or nobody ever did."""


def slot_names(devices: Sequence[Device]) -> list[str]:
    """A name per place: a device with a number keeps it (`cuda:0`), others are counted (`cpu:0`, `cpu:1`)."""
    names: list[str] = []
    for device in devices:
        if ":" in device.name and device.name not in names:
            names.append(device.name)
            continue
        parted = "." if ":" in device.name else ":"
        number = sum(1 for name in names if name.rpartition(parted)[0] == device.name or name == device.name)
        names.append(f"{device.name}{parted}{number}")
    return names
