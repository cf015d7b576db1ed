"""What an API key can allow."""

from enum import StrEnum


class Scope(StrEnum):
    """What a key allows."""

    SWAP = "swap"  # pictures and faces
    JOBS = "jobs"  # videos and batches
    METRICS = "metrics"  # what the service measures: for Prometheus
    ADMIN = "admin"  # keys, settings, drills; and everything above
