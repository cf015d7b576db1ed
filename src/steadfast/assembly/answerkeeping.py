"""Settings turned into what keeps answers for repetition: by this server alone, or by all that share a
store."""

from datetime import timedelta
from typing import TYPE_CHECKING

from steadfast.admission.idempotency import IdempotencyStore
from steadfast.api.answer_bodies import FolderBodies, StoreBodies
from steadfast.api.replays import Replays
from steadfast.blobs.library import BlobLibrary
from steadfast.database.database import Database
from steadfast.settings import Settings

if TYPE_CHECKING:
    from steadfast.assembly.clustering import ClusterGround


def open_replays(
    settings: Settings, database: Database, library: BlobLibrary, ground: "ClusterGround | None"
) -> Replays:
    """Where an Idempotency-Key is heeded; `ground` is None: this server stands alone."""
    shares = ground is not None and settings.blobs.url is not None
    bodies = StoreBodies(library.store) if shares else FolderBodies(settings.data_dir / "answers")
    return Replays(
        IdempotencyStore(database),
        database.run,
        bodies,
        keep=timedelta(hours=settings.server.idempotency_hours),
        cache=ground.redis if ground is not None else None,
    )
