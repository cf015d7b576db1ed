"""What of a container's memory goes where: to the server, to bodies, to workers and their spares.

Without a limit everything is as the settings say. With one, what they leave open is sized so that all
together stay below it: the kernel's OOM killer would pick a victim of its own.
"""

from steadfast.runtime.memory import cgroup_limit_bytes
from steadfast.settings import Settings

SERVER_BYTES = 256 << 20
"""What the server and the guardian take, without bodies. Measured: 130 MB and 17 MB."""
WORKER_BYTES = 384 << 20
"""What one worker must have to swap faces in a video of 1080 lines. Less would kill it again and again."""
EMBEDDED_ENTAILMENT_BYTES = 192 << 20
"""What a worker with the embedded model of entailment takes."""
_BODIES_SHARE = 8
"""The part of the limit that bodies in memory may take: one over this."""
_BODY_BYTES = 1 << 20
"""One request that waits, as most photos are."""
_FEWEST_WAITING = 16


def bodies_bytes(settings: Settings) -> int:
    """Bytes of all bodies together that are kept in memory: the setting, or less in a small container."""
    limit_bytes, wanted = cgroup_limit_bytes(), settings.server.all_buffers_bytes
    return wanted if limit_bytes is None else min(wanted, limit_bytes // _BODIES_SHARE)


def waiting_requests(settings: Settings) -> int:
    """Requests that may wait: the setting, or as many as the room for bodies in a small container holds."""
    wanted = settings.admission.max_waiting
    if cgroup_limit_bytes() is None:
        return wanted
    return min(wanted, max(_FEWEST_WAITING, bodies_bytes(settings) // _BODY_BYTES))


def fitting_workers(settings: Settings, wanted: int) -> int:
    """At most `wanted` workers of faces, and at least one; as many as fit into a container with a spare."""
    room = _places(settings)
    return wanted if room is None else max(1, min(wanted, room - 1))


def spares_of(settings: Settings) -> int | None:
    """Spares per device; None: as the memory of a device allows, which is known once a worker has loaded."""
    if settings.runtime.spares != "auto":
        return settings.runtime.spares
    room = _places(settings)
    workers = settings.runtime.workers or 1
    return 0 if room is not None and room < workers + 1 else None


def counted_spares(settings: Settings) -> int:
    """Spares to reckon with."""
    spares = spares_of(settings)
    return 1 if spares is None else spares


def worker_room_bytes(settings: Settings) -> int | None:
    """What workers of faces and their spares may take together; None: there is no limit."""
    limit_bytes = cgroup_limit_bytes()
    if limit_bytes is None:
        return None
    return max(0, limit_bytes - SERVER_BYTES - bodies_bytes(settings) - _entailment_bytes(settings))


def _places(settings: Settings) -> int | None:
    room_bytes = worker_room_bytes(settings)
    return None if room_bytes is None else room_bytes // WORKER_BYTES


def _entailment_bytes(settings: Settings) -> int:
    """Its workers, without spares; with a large model they have a share like those of faces instead."""
    entailment = settings.entailment
    if not entailment.enabled or entailment.backend != "embedded":
        return 0
    return (entailment.workers or 1) * EMBEDDED_ENTAILMENT_BYTES
