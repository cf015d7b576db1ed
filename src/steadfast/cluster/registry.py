"""Who is there: each node's sign of life, and what the operator wants of it. Blocks: see `Database.run`.

Time is the database's, so that nodes whose clocks differ agree on who is silent.
"""

import time
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import Connection, delete, func, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from steadfast.cluster.node import Node, NodeFacts, NodeState, Wanted
from steadfast.cluster.tables import NODES
from steadfast.database.database import Database
from steadfast.errors import NodeUnknown
from steadfast.jobs.rows import AnyRow
from steadfast.jobs.store_clock import StoreClock
from steadfast.jobs.tables import STEPS

_FORGOTTEN_AFTER_S = 86_400.0
"""For which a node that stopped or is gone is still shown."""
_OVER = frozenset({NodeState.GONE, NodeState.STOPPED})
_facts = msgspec.json.Decoder(NodeFacts).decode


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """All nodes at one moment."""

    nodes: list[Node]
    at: datetime
    """On the database's clock."""


class Registry:
    """The table of nodes."""

    def __init__(self, database: Database, *, gone_after_s: float, clock: StoreClock | None = None) -> None:
        """`gone_after_s`: after which a silent node counts as gone."""
        self._database = database
        self._gone_after_s = gone_after_s
        self._clock = clock or StoreClock(database)

    def beat(
        self, *, name: str, incarnation: str, role: str, version: str, state: NodeState, facts: NodeFacts
    ) -> Wanted:
        """A sign of life; the answer is what the operator wants.

        A node of that name that is another process is taken over: it was restarted.
        """
        with self._database.writing() as connection:
            before_s = time.time()
            now_s = self._clock.now_s(connection)
            skew_s = skew_of(before_s, time.time(), self._clock.moment(now_s).timestamp())
            values = {
                "name": name,
                "incarnation": incarnation,
                "role": role,
                "version": version,
                "seen_s": now_s,
                "skew_s": skew_s,
                "state": state.value,
                "facts": msgspec.json.encode(facts).decode(),
            }
            row = self._renewed(connection, values)
            if row is not None:
                return Wanted(row)
            self._enter(connection, {**values, "started_at": self._clock.moment(now_s)})
            return Wanted(connection.execute(select(NODES.c.wanted).where(NODES.c.name == name)).scalar_one())

    def _renewed(self, connection: Connection, values: dict[str, object]) -> str | None:
        """None: this incarnation has no row yet."""
        mine = NODES.c.name == values["name"], NODES.c.incarnation == values["incarnation"]
        renewed = update(NODES).where(*mine).values(values).returning(NODES.c.wanted)
        return connection.execute(renewed).scalar()

    def _enter(self, connection: Connection, values: dict[str, object]) -> None:
        is_shared = connection.dialect.name == "postgresql"
        insert = postgresql.insert if is_shared else sqlite.insert
        new = insert(NODES).values({**values, "wanted": Wanted.ACTIVE.value})
        # What the operator wanted of the name stays: a cordoned node that is restarted is cordoned.
        connection.execute(new.on_conflict_do_update(index_elements=["name"], set_=values))

    def want(self, name: str, wanted: Wanted) -> Node:
        """Has the node do so at its next sign of life. Raises `NodeUnknown`."""
        with self._database.writing() as connection:
            changed = update(NODES).where(NODES.c.name == name).values(wanted=wanted.value)
            if connection.execute(changed).rowcount != 1:
                known = connection.execute(select(NODES.c.name).order_by(NODES.c.name).limit(20)).scalars()
                raise NodeUnknown(
                    f"There is no node {name[:100]!r}.",
                    remedy=f"Known are: {', '.join(known) or 'none'}.",
                )
        return self.get(name)

    def get(self, name: str) -> Node:
        """One of them. Raises `NodeUnknown`."""
        for node in self.nodes():
            if node.name == name:
                return node
        raise NodeUnknown(f"There is no node {name[:100]!r}.")

    def nodes(self) -> list[Node]:
        """All that were seen within a day, by name."""
        return self.look().nodes

    def look(self) -> Sight:
        """All that were seen within a day, by name, and when that was looked."""
        with self._database.reading() as connection:
            now_s = self._clock.now_s(connection)
            leases = _leases_by_owner(connection)
            rows = connection.execute(select(NODES).order_by(NODES.c.name)).all()
        nodes = [self._node(row, now_s, leases) for row in rows]
        return Sight(nodes=nodes, at=self._clock.moment(now_s))

    def is_gone(self, incarnation: str) -> bool:
        """Whether that process has stopped or been silent for too long; false: it is there, or not known."""
        process = _process_of(incarnation)
        return any(node.state in _OVER for node in self.nodes() if _process_of(node.incarnation) == process)

    def live_names(self) -> list[str]:
        """Nodes that are there, whatever they do."""
        return [node.name for node in self.nodes() if node.state not in _OVER]

    def forget_old(self) -> int:
        """Removes those that have been gone for a day; how many."""
        with self._database.writing() as connection:
            oldest_s = self._clock.now_s(connection) - _FORGOTTEN_AFTER_S
            return connection.execute(delete(NODES).where(NODES.c.seen_s < oldest_s)).rowcount

    def _node(self, row: AnyRow, now_s: float, leases: dict[str, int]) -> Node:
        silent_s = max(0.0, now_s - row.seen_s)
        state = NodeState(row.state)
        if silent_s > self._gone_after_s and state is not NodeState.STOPPED:
            state = NodeState.GONE
        return Node(
            name=row.name,
            incarnation=row.incarnation,
            role=row.role,
            version=row.version,
            started_at=row.started_at,
            silent_s=silent_s,
            skew_s=row.skew_s,
            wanted=Wanted(row.wanted),
            state=state,
            leases=leases.get(row.incarnation, 0),
            facts=_facts(row.facts),
        )


def skew_of(before_s: float, after_s: float, there_s: float) -> float:
    """By how much at least the clock here is ahead of one that said `there_s` somewhere between the two.

    A server that was not let onto a processor meanwhile, or a slow way, makes no clock wrong.
    """
    if there_s > after_s:
        return after_s - there_s
    return max(0.0, before_s - there_s)


def _process_of(incarnation: str) -> str:
    """Without the last part: one process counts its lives, and each part of it knows another one."""
    return incarnation.rpartition("/")[0]


def _leases_by_owner(connection: Connection) -> dict[str, int]:
    leased = text("job_steps.state = 'leased'")
    counts = select(STEPS.c.lease_owner, func.count()).where(leased).group_by(STEPS.c.lease_owner)
    return {row[0]: row[1] for row in connection.execute(counts).all()}
