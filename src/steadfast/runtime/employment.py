"""A task and how it is staffed."""

from dataclasses import dataclass, field

from steadfast.runtime.options import PoolOptions
from steadfast.task import TaskSpec


@dataclass(frozen=True, kw_only=True)
class Employment:
    """One task that the service offers."""

    spec: TaskSpec
    options: PoolOptions = field(default_factory=PoolOptions)
