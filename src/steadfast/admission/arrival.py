"""What the gate is told of a request before anything of it is decoded."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from steadfast.admission.rate import neighbourhood


class Priority(StrEnum):
    """How urgent a request is. Shares are weighted, so no class ever starves."""

    INTERACTIVE = "interactive"  # a person waits
    STANDARD = "standard"  # a program waits
    BATCH = "batch"  # nobody waits


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """One request at the door."""

    task: str
    """Name of the task that is to serve it."""
    key: str = ""
    """Id of the API key; empty: none was needed. Fairness and one rate limit go by it."""
    address: str = ""
    """Of the client; the other rate limit goes by it, and fairness where there is no key."""
    priority: Priority = Priority.INTERACTIVE
    deadline_s: float = 30.0
    """Time from now until the answer is of no use any more."""
    size_bytes: int = 0
    """Of the body."""
    features: Mapping[str, float | str] = msgspec.field(default_factory=dict)
    """What may drive the time it takes, as far as it is known now (`pixels`, `engine`, `sources`, …): numbers
    are not negative; words are few. What nobody can know yet (`faces`) is simply absent."""

    @property
    def kind(self) -> str:
        """Which job of its task it is, where the task has several."""
        return str(self.features.get("job", ""))

    @property
    def flow(self) -> str:
        """Whose turn it is: requests of one flow share what one flow may have."""
        return self.key or neighbourhood(self.address)
