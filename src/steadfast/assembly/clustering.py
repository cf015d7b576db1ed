"""Settings turned into this server's part in a cluster; a server that stands alone imports none of it."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from steadfast import __version__
from steadfast.assembly.sharing import server_name
from steadfast.assembly.staffing import devices_of
from steadfast.cluster.capability import Abilities, capabilities_of, needs_by
from steadfast.cluster.chief import Chief
from steadfast.cluster.cluster import Cluster
from steadfast.cluster.coverage import Roster
from steadfast.cluster.dispatcher import Dispatcher
from steadfast.cluster.membership import Member, MemberOptions
from steadfast.cluster.message import VERSION, errands_of
from steadfast.cluster.messenger_process import Messenger
from steadfast.cluster.messenger_words import MessengerOptions
from steadfast.cluster.node import NodeFacts
from steadfast.cluster.registry import Registry
from steadfast.cluster.shared_rates import SharedRates
from steadfast.cluster.unserved import UnservedWatch
from steadfast.database.database import Database
from steadfast.database.migration import known_revisions
from steadfast.errors import ConfigError
from steadfast.jobs.calls import CallOutcome, Company
from steadfast.jobs.lanes import Needs
from steadfast.jobs.lease import Lease
from steadfast.runtime.port import Runtime
from steadfast.settings import Settings
from steadfast.task_steps import MANIFEST

if TYPE_CHECKING:
    from steadfast.assembly.sharing import Supply
    from steadfast.cluster.redis_sharing import RedisSharing
    from steadfast.jobs.service import JobService

_log = logging.getLogger(__name__)

_LOOK_AT_MODELS_S = 60.0
_GO_ON_S = 2.0
"""For which a place that was called goes on with what is next before it waits for another message."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterGround:
    """What the jobs of a server in a cluster stand on; made before them."""

    chief: Chief
    company: Company
    needs: Needs
    abilities: Abilities
    devices: tuple[str, ...]
    models: "_Remembered"
    redis: "RedisSharing | None"
    """None: what is shared goes through the database."""
    is_gone: Callable[[str], bool]
    """Whether another server, by its incarnation, has stopped or been silent for too long; blocks."""


def check_cluster(settings: Settings, database: Database) -> None:
    """Raises `ConfigError` for settings with which several servers could not work together."""
    cluster, broker = settings.cluster, settings.cluster.broker()
    if database.options.file is not None:
        raise ConfigError(
            "Several servers need one PostgreSQL: the setting database.url names none.",
            remedy="Set database.url to postgresql://…, or leave cluster.role and cluster.broker_url unset.",
        )
    if settings.blobs.url is None and (broker is not None or cluster.role != "all"):
        raise ConfigError(
            "Several servers need one store of files: the setting blobs.url names none.",
            remedy="Set blobs.url to s3://bucket/prefix, or to a folder that all of them share.",
        )
    webhooks = settings.webhooks
    if webhooks.enabled and webhooks.secret is None and webhooks.secret_file is None and broker is not None:
        _log.warning(
            "servers sign callbacks each with a secret of its own", extra={"setting": "webhooks.secret"}
        )
    if broker is not None and find_spec("celery") is None:
        raise ConfigError(
            "The setting cluster.broker_url names a broker, but its client is not installed.",
            remedy="Install it: `pip install 'steadfast[cluster]'`.",
        )


def prepare_cluster(settings: Settings, database: Database, supply: "Supply | None") -> ClusterGround:
    """What the jobs are to be told; `supply`: of models for workers here."""
    engines = supply.engines() if supply is not None else ()
    devices = () if settings.cluster.role == "api" else devices_of(settings)
    engines = engines if devices else ()
    words = capabilities_of(
        [(device.name, device.memory_bytes) for device in devices], engines, settings.cluster.capabilities
    )
    abilities = Abilities(words)
    company = Company(serves=abilities.has)
    needs = needs_by(settings.cluster.needs)

    def learning(task: str, options: Mapping[str, Any], pin: Mapping[str, str] | None) -> str:
        capability = needs(task, options, pin)
        if pin is not None:
            abilities.learn(capability)
        return capability

    return ClusterGround(
        chief=Chief(database),
        company=company,
        needs=learning,
        abilities=abilities,
        devices=tuple(device.name for device in devices),
        redis=_redis(settings),
        is_gone=Registry(database, gone_after_s=settings.cluster.gone_after_s).is_gone,
        models=_Remembered(supply.sums if supply is not None else dict),
    )


def open_cluster(
    settings: Settings, ground: ClusterGround, *, database: Database, jobs: "JobService", runtime: Runtime
) -> Cluster:
    """This server's part, not begun yet."""
    cluster = settings.cluster
    registry = Registry(database, gone_after_s=cluster.gone_after_s, clock=jobs.database.clock)
    messenger = _messenger(settings, ground, jobs)
    dispatcher = None
    if messenger is not None:
        dispatcher = Dispatcher(
            jobs.database,
            messenger,
            is_chief=lambda: ground.chief.is_chief,
            every_s=cluster.reconcile_s,
        )
        ground.company.is_called = lambda: messenger.is_listening

    def facts() -> NodeFacts:
        return _facts(settings, ground, jobs, runtime, messenger)

    options = MemberOptions(
        name=server_name(settings),
        role=cluster.role,
        version=__version__,
        abilities=ground.abilities,
        heartbeat_s=cluster.heartbeat_s,
        look_s=cluster.look_s,
        grace_s=settings.server.grace_s,
    )
    member = Member(
        options,
        jobs=jobs.database,
        registry=registry,
        scheduler=jobs.scheduler,
        messenger=messenger,
        facts=facts,
        models=ground.models,
    )
    _ask_others(settings, ground, Roster(database, registry, fresh_s=cluster.heartbeat_s))
    rates = SharedRates(jobs.scheduler.gate.rate_limits, database, ground.redis, every_s=cluster.rates_s)
    return Cluster(
        jobs.database,
        registry=registry,
        chief=ground.chief,
        member=member,
        unserved=UnservedWatch(after_s=cluster.unserved_after_s),
        messenger=messenger,
        dispatcher=dispatcher,
        rates=rates,
    )


def _ask_others(settings: Settings, ground: ClusterGround, roster: Roster) -> None:
    """Has the jobs know who else could do them."""
    needs, name = needs_by(settings.cluster.needs), server_name(settings)

    async def has_others(lease: Lease) -> bool:
        capability = needs(lease.task, lease.options, lease.pin)
        return (await roster.coverage()).others_do(lease.task, capability, apart_from=name)

    ground.company.has_others = has_others
    ground.company.lacks = roster.waits_for


class _Remembered:
    """Sums of models, looked at now and then: a sign of life reads no files."""

    def __init__(self, look: Callable[[], dict[str, str]]) -> None:
        self._look = look
        self._found: dict[str, str] = {}
        self._looked_s: float | None = None

    def __call__(self) -> dict[str, str]:
        now_s = time.monotonic()
        if self._looked_s is None or now_s - self._looked_s > _LOOK_AT_MODELS_S:
            self._found, self._looked_s = self._look(), now_s
        return self._found


def _redis(settings: Settings) -> "RedisSharing | None":
    url = settings.cluster.redis()
    if url is None:
        return None
    if find_spec("redis") is None:
        raise ConfigError(
            "The setting cluster.redis_url names a Redis, but its client is not installed.",
            remedy="Install it: `pip install 'steadfast[cluster]'`.",
        )
    from steadfast.cluster.redis_sharing import RedisSharing  # noqa: PLC0415 — only who shares by it has it

    return RedisSharing(url, prefix=settings.cluster.queue_prefix)


def _messenger(settings: Settings, ground: ClusterGround, jobs: "JobService") -> Messenger | None:
    cluster = settings.cluster
    broker = cluster.broker()
    if broker is None:
        return None
    listens = cluster.role != "api"
    prefix = cluster.queue_prefix
    errands = errands_of(ground.abilities.listens_for) if listens else ()
    options = MessengerOptions(
        broker_url=broker,
        node=server_name(settings),
        queues=tuple(errand.queue(prefix) for errand in errands),
        places=max(1, len(ground.devices)),
        lease_s=settings.jobs.lease_s,
    )

    async def on_call() -> CallOutcome:
        return await jobs.scheduler.call(wait_s=cluster.hold_s, go_on_s=_GO_ON_S)

    return Messenger(options, on_call, prefix=prefix)


def _facts(
    settings: Settings,
    ground: ClusterGround,
    jobs: "JobService",
    runtime: Runtime,
    messenger: Messenger | None,
) -> NodeFacts:
    pools = runtime.snapshot().pools
    broker = "none" if messenger is None else "ready" if messenger.is_ready else "away"
    return NodeFacts(
        address=settings.cluster.address,
        capabilities=tuple(sorted(ground.abilities.words)),
        devices=ground.devices,
        tasks=jobs.scheduler.tasks,
        places=jobs.scheduler.places,
        busy=len(jobs.scheduler.flights),
        waiting_requests=sum(pool.waiting for pool in pools),
        is_chief=ground.chief.is_chief,
        manifest=MANIFEST,
        messages=VERSION,
        schema=known_revisions()[-1],
        broker=broker,
    )
