"""Settings turned into what keeps answers for repetition: by this server alone, or by all that share a
store."""

from datetime import timedelta
from typing import TYPE_CHECKING

from steadfast.admission.idempotency import IdempotencyStore
from steadfast.api.answer_bodies import FolderBodies, StoreBodies
from steadfast.api.replays import Replays
from steadfast.blobs.library import BlobLibrary
from steadfast.database.database import Database
from steadfast.jobs.incarnation import Incarnation
from steadfast.settings import Settings

if TYPE_CHECKING:
    from steadfast.assembly.clustering import ClusterGround


def open_replays(
    settings: Settings, database: Database, library: BlobLibrary, ground: "ClusterGround | None"
) -> Replays:
    """Where an Idempotency-Key is heeded; `ground` is None: this server stands alone.

    What a dead server had begun may be repeated at once. Raises `DatabaseProblem`.
    """
    shares = ground is not None and settings.blobs.url is not None
    here = Incarnation.of_this_process()

    def is_over(claimed_by: str) -> bool:
        incarnation = Incarnation.parse(claimed_by)
        if incarnation is None:
            return False
        return incarnation.is_surely_dead(here) or (ground is not None and ground.is_gone(claimed_by))

    store = IdempotencyStore(database, claimed_by=str(here), is_over=is_over)
    store.end_claims()
    bodies = StoreBodies(library.store) if shares else FolderBodies(settings.data_dir / "answers")
    return Replays(
        store,
        database.run,
        bodies,
        keep=timedelta(hours=settings.server.idempotency_hours),
        cache=ground.redis if ground is not None else None,
    )
