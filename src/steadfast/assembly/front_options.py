"""Settings turned into the front: how it listens, what it takes in, where bodies wait."""

from pathlib import Path

from steadfast.api.http_server import HttpOptions
from steadfast.api.intake import IntakeLimits, Room
from steadfast.assembly.container_share import bodies_bytes
from steadfast.assembly.staffing import spool_group
from steadfast.settings import Settings


def http_options(settings: Settings) -> HttpOptions:
    """How it listens, and how long it waits for clients."""
    server = settings.server
    return HttpOptions(
        host=server.host,
        port=server.port,
        trusted_proxies=server.trusted_proxies,
        header_timeout_s=server.header_timeout_s,
        keep_alive_s=server.keep_alive_s,
        max_connections=server.max_connections,
    )


def intake_limits(settings: Settings) -> IntakeLimits:
    """What one body may be, and how fast it must come."""
    server = settings.server
    return IntakeLimits(
        max_request_bytes=server.max_request_bytes,
        max_parts=server.max_parts,
        buffer_bytes=min(server.buffer_bytes, settings.runtime.shared_memory_bytes // 2),
        body_grace_s=server.body_grace_s,
        min_bytes_per_s=float(server.min_body_bytes_per_s),
    )


def body_room(settings: Settings) -> Room:
    """Room for all bodies together, in memory and on disk."""
    return Room(
        folder=spool_folder(settings),
        memory_bytes=bodies_bytes(settings),
        disk_bytes=settings.server.scratch_quota_bytes,
        file_group=spool_group(settings),
    )


def spool_folder(settings: Settings) -> Path:
    """Where bodies lie that are too long for memory."""
    return settings.data_dir / "scratch" / "bodies"
