"""The tables of the cluster: nodes, and what all servers count together."""

from sqlalchemy import Column, Float, Index, String, Table, Text

from steadfast.database.schema import METADATA, UtcTime

NODES = Table(
    "cluster_nodes",
    METADATA,
    Column("name", String(100), primary_key=True),
    Column("incarnation", String(200), nullable=False),
    Column("role", String(16), nullable=False),
    Column("version", String(32), nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("seen_s", Float, nullable=False),
    Column("skew_s", Float, nullable=False),
    Column("wanted", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("facts", Text, nullable=False),
    Index("ix_cluster_nodes_seen_s", "seen_s"),
)
"""One row per node that was seen of late; `seen_s` is on the database's clock."""

RATE_BUCKETS = Table(
    "rate_buckets",
    METADATA,
    Column("client", String(200), primary_key=True),
    Column("full_at_s", Float, nullable=False),
    Index("ix_rate_buckets_full_at_s", "full_at_s"),
)
"""When the bucket of a client will be full again, on the database's clock; see `admission.rate`."""
