"""What servers tell each other over the broker: that there is work, never which.
 Queues are one per capability and priority, because quorum queues of RabbitMQ before 4 know no priorities,
and because their depth is then what an operator scales by. The version stands in the name of the queue as
well as in the message: a server that does not know the next version never gets it.
"""

from dataclasses import dataclass

from steadfast.jobs.job import JobPriority

VERSION = 1
TASK_NAME = "steadfast.work"
"""As Celery and whoever watches it calls the work."""
ANY = "any"
"""In the name of a queue: every server can do it."""
MOST_MESSAGES = 2_000
"""In one queue: more would wake nobody sooner, and the tables know how much there is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Errand:
    """A kind of work that may be waiting."""

    capability: str
    """What a server must be able to do for it; empty: nothing special."""
    priority: int

    def queue(self, prefix: str, version: int = VERSION) -> str:
        """The name of its queue."""
        return f"{prefix}.v{version}.{self.capability or ANY}.{JobPriority(self.priority).name.lower()}"

    def body(self) -> dict[str, object]:
        """As Celery's task gets it."""
        priority = JobPriority(self.priority).name.lower()
        return {"version": VERSION, "capability": self.capability, "priority": priority}


def errands_of(capabilities: frozenset[str]) -> tuple[Errand, ...]:
    """What a server with these capabilities listens for, the most urgent first."""
    return tuple(
        Errand(capability=capability, priority=int(priority))
        for priority in reversed(JobPriority)
        for capability in ("", *sorted(capabilities))
    )
