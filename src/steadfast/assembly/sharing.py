"""Several servers as one, as far as a server that stands alone has to know: it imports none of it."""

import socket
from typing import TYPE_CHECKING, Protocol

from steadfast.assembly.jobkeeping import SharedTerms
from steadfast.database.database import Database
from steadfast.jobs.service import JobService
from steadfast.runtime.port import Runtime
from steadfast.settings import Settings

if TYPE_CHECKING:
    from steadfast.assembly.clustering import ClusterGround
    from steadfast.cluster.cluster import Cluster


class Supply(Protocol):
    """What workers here can load, as far as the others are told of it."""

    def engines(self) -> tuple[str, ...]:
        """Engines for which something is here."""

    def sums(self) -> dict[str, str]:
        """Models and their sums; reads files, unless that was done before."""


def server_name(settings: Settings) -> str:
    """What this server is called among the others."""
    return settings.cluster.name or socket.gethostname()[:100]


def is_clustered(settings: Settings, database: Database) -> bool:
    """Whether other servers may share the jobs. Raises `ConfigError` for a secret that cannot be read."""
    is_shared = database.options.file is None
    return is_shared or settings.cluster.role != "all" or settings.cluster.broker() is not None


def prepare_sharing(
    settings: Settings, database: Database, supply: "Supply | None"
) -> "ClusterGround | None":
    """What jobs stand on that are shared; None: this server stands alone. Raises `ConfigError`."""
    if not is_clustered(settings, database):
        return None
    from steadfast.assembly.clustering import check_cluster, prepare_cluster  # noqa: PLC0415

    check_cluster(settings, database)
    return prepare_cluster(settings, database, supply)


def shared_terms(settings: Settings, ground: "ClusterGround | None") -> SharedTerms:
    """What the jobs are told of the others; `ground` is None: there are none."""
    if ground is None:
        return SharedTerms()
    chief = ground.chief
    return SharedTerms(
        needs=ground.needs,
        company=ground.company,
        is_chief=lambda: chief.is_chief,
        poll_s=settings.cluster.look_s if settings.cluster.broker() else 0.5,
    )


def open_sharing(
    settings: Settings,
    ground: "ClusterGround | None",
    *,
    database: Database,
    jobs: JobService,
    runtime: Runtime,
) -> "Cluster | None":
    """This server's part in the cluster, not begun yet; None: it stands alone."""
    if ground is None:
        return None
    from steadfast.assembly.clustering import open_cluster  # noqa: PLC0415

    return open_cluster(settings, ground, database=database, jobs=jobs, runtime=runtime)
