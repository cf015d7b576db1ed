"""What a node is, as plain values."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec


class Wanted(StrEnum):
    """What the operator wants of a node."""

    ACTIVE = "active"  # that it works
    CORDONED = "cordoned"  # that it begins nothing; what runs is finished
    DRAINED = "drained"  # that it holds nothing: what does not end in its grace period is handed back


class NodeState(StrEnum):
    """Where a node stands, as it says itself; `gone` is what the others say."""

    ACTIVE = "active"
    CORDONED = "cordoned"
    DRAINING = "draining"  # it begins nothing, and waits for what runs
    DRAINED = "drained"
    STOPPED = "stopped"  # it said so when it stopped
    GONE = "gone"  # silent for longer than `cluster.gone_after_s`

    @classmethod
    def _missing_(cls, value: object) -> "NodeState":  # noqa: ARG003
        """A state that only a newer version knows: it is there."""
        return cls.ACTIVE


class NodeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a node tells of itself with every sign of life."""

    address: str = ""
    capabilities: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    models: dict[str, str] = {}
    """Models that its workers can load → their sums."""
    places: int = 0
    """Steps that could be worked on at one time."""
    busy: int = 0
    """Steps that are."""
    waiting_requests: int = 0
    """Requests that wait for a worker."""
    broker: str = ""
    """`none`, `ready` or `away`."""
    is_chief: bool = False
    """Whether the duties of which there is one are done here."""
    manifest: int = 1
    """Latest manifest of plans that it reads."""
    messages: int = 1
    """Version of messages that it understands."""
    schema: str = ""
    """Latest revision of the database that it knows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """A node as the database knows it."""

    name: str
    incarnation: str
    role: str
    version: str
    started_at: datetime
    silent_s: float
    """Since its last sign of life, on the database's clock."""
    skew_s: float
    """By how much its clock is ahead of the database's."""
    wanted: Wanted
    state: NodeState
    leases: int = 0
    facts: NodeFacts = field(default_factory=NodeFacts)

    def as_dict(self) -> dict[str, Any]:
        """As the API says it."""
        plain: dict[str, Any] = msgspec.to_builtins(self.facts)
        return {
            "name": self.name,
            "role": self.role,
            "version": self.version,
            "state": self.state.value,
            "wanted": self.wanted.value,
            "started_at": self.started_at.isoformat(),
            "silent_s": round(self.silent_s, 3),
            "clock_skew_s": round(self.skew_s, 3),
            "leases": self.leases,
            **plain,
        }
