"""A transaction of the job store: a connection, the time, and the facts that become true with its commit."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias, TypeVar

from sqlalchemy import Connection

from steadfast.blobs.library import BlobLibrary
from steadfast.database.database import Database
from steadfast.database.write_queue import WriteQueue
from steadfast.events import Event, FrequentEvent, publish
from steadfast.jobs.incarnation import Incarnation
from steadfast.jobs.lanes import Needs, nothing_special
from steadfast.jobs.store_clock import StoreClock

T = TypeVar("T")
Fact: TypeAlias = Event | FrequentEvent


@dataclass(kw_only=True, slots=True)
class Transaction:
    """What a change of jobs is given."""

    connection: Connection
    now_s: float
    """On the store's clock."""
    at: datetime
    """The same moment as a date."""
    here: Incarnation
    library: BlobLibrary
    needs: Needs = nothing_special
    """What the workers of a job must be able to do."""
    facts: list[Fact] = field(default_factory=list)
    """Published once all this is committed."""

    @property
    def is_shared(self) -> bool:
        """Whether others may write at the same time (PostgreSQL)."""
        return self.connection.dialect.name == "postgresql"


class JobDatabase:
    """Runs changes and questions; facts are published on the event loop that asked."""

    def __init__(
        self,
        database: Database,
        library: BlobLibrary,
        *,
        here: Incarnation,
        clock: StoreClock | None = None,
        patience_s: float = 30.0,
        needs: Needs = nothing_special,
    ) -> None:
        self.database = database
        self.library = library
        self.here = here
        self.clock = clock or StoreClock(database)
        self._needs = needs
        self._queue = WriteQueue(database, patience_s=patience_s)

    async def write(self, change: Callable[[Transaction], T]) -> T:
        """Carries out a change and publishes its facts. Raises what it raised; then nothing has happened."""
        value, facts = await self._queue.write(lambda connection: self._run(connection, change))
        _publish(facts)
        return value

    def write_now(self, change: Callable[[Transaction], T]) -> T:
        """The same, waited for in this thread."""
        value, facts = self._queue.write_now(lambda connection: self._run(connection, change))
        _publish(facts)
        return value

    async def read(self, question: Callable[[Connection], T]) -> T:
        """Answers a question; waits for no writer."""
        return await self.database.run(self.read_now, question)

    def read_now(self, question: Callable[[Connection], T]) -> T:
        """The same, waited for in this thread."""
        with self.database.reading() as connection:
            return question(connection)

    def close(self) -> None:
        """Writes what waits. The database itself is somebody else's."""
        self._queue.close()

    def _run(self, connection: Connection, change: Callable[[Transaction], T]) -> tuple[T, list[Fact]]:
        now_s = self.clock.now_s(connection)
        transaction = Transaction(
            connection=connection,
            now_s=now_s,
            at=self.clock.moment(now_s),
            here=self.here,
            library=self.library,
            needs=self._needs,
        )
        return change(transaction), transaction.facts


def _publish(facts: list[Fact]) -> None:
    for fact in facts:
        publish(fact)
