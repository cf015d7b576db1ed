"""Settings of many servers as one: what this one does, how work is told, what its workers can do."""

from typing import Literal

from pydantic import Field, SecretStr, field_validator

from steadfast.settings.secret_files import secret_text
from steadfast.settings.values import Names, OptionalPath, Section

_BROKERS = ("amqp://", "amqps://", "redis://", "rediss://", "sentinel://")


class ClusterSettings(Section):
    """Several servers that share one PostgreSQL and one store of files (needs the `cluster` extra)."""

    role: Literal["all", "api", "node"] = "all"
    """all: answers requests and works on jobs; api: takes jobs and has no workers; node: works on jobs, and
    answers only about its health."""
    broker_url: SecretStr | None = None
    """`amqp://user:password@host/` (RabbitMQ) or `redis://host/0`: how servers tell each other that there is
    work. None: each looks into the database by itself."""
    broker_url_file: OptionalPath = None
    """File that holds it."""
    redis_url: SecretStr | None = None
    """`redis://host/1`: where rates of keys and kept answers are shared quickly; none, or while it is away:
    the database."""
    redis_url_file: OptionalPath = None
    """File that holds it."""
    name: str = Field(default="", max_length=100)
    """What this server is called; empty: as its host."""
    address: str = ""
    """URL under which the others and the operator reach it; only shown."""
    capabilities: Names = ()
    """What its workers can do beside what it finds by itself (`cpu`, `cuda`, `cuda-40g`, engines)."""
    needs: Names = ()
    """What a task or engine needs, such as `neural=cuda-40g` or `entail=cuda`: its jobs go only to servers
    with that capability."""
    queue_prefix: str = "steadfast"
    """How the names of the broker's queues begin."""
    heartbeat_s: float = Field(default=5.0, gt=0)
    """Seconds between two signs of life …"""
    gone_after_s: float = Field(default=20.0, gt=0)
    """… and after which a silent server counts as gone. What it worked on is free once its lease has run
    out."""
    unserved_after_s: float = Field(default=60.0, ge=0)
    """Seconds for which work may wait that no server can do before an incident says so; the job says it at
    once."""
    reconcile_s: float = Field(default=1.0, gt=0)
    """Seconds between two looks for work that nobody was told of."""
    look_s: float = Field(default=5.0, gt=0)
    """Seconds between two looks into the database for work while the broker is away."""
    hold_s: float = Field(default=5.0, gt=0)
    """Seconds for which a message may wait for a worker that answers requests; then another server has it."""
    cache_bytes: int = Field(default=20 << 30, ge=0)
    """Bytes of inputs and segments kept on this server's disk, so that each is fetched once; 0: none."""
    rates_s: float = Field(default=0.1, gt=0)
    """Seconds between two exchanges of what each key has sent to each server."""

    def broker(self) -> str | None:
        """The broker's URL, wherever it stands. Raises `ConfigError` for a file that cannot be read."""
        return secret_text("cluster.broker_url", self.broker_url, self.broker_url_file)

    def redis(self) -> str | None:
        """The URL of what is shared quickly, likewise."""
        return secret_text("cluster.redis_url", self.redis_url, self.redis_url_file)

    @field_validator("broker_url", "redis_url")
    @classmethod
    def _is_a_broker(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or value.get_secret_value().startswith(_BROKERS):
            return value
        raise ValueError("amqp://, amqps://, redis:// or rediss://")

    @field_validator("needs")
    @classmethod
    def _are_pairs(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pair in value:
            what, _, capability = pair.partition("=")
            if not what or not capability:
                raise ValueError(f"pairs such as neural=cuda-40g, not {pair!r}")
        return value
