"""Which files are kept and who needs them: rows that change in the same transaction as those of their owners.

A file that nobody needs has the time since when in `free_since`; the collector deletes its row, and only then
the file. A row that is locked, deleted or changed by one transaction is seen so by the next: nothing needs a
lock of its own.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    ForeignKeyConstraint,
    Index,
    Row,
    String,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    func,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from steadfast.blobs.blob import Blob, BlobAddress
from steadfast.database.schema import METADATA, UtcTime
from steadfast.errors import BlobMissing

BLOBS = Table(
    "blobs",
    METADATA,
    Column("space", String(64), primary_key=True),
    Column("made_from", String(80), primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("stored_name", String(256), nullable=False),
    Column("kept_at", UtcTime, nullable=False),
    Column("free_since", UtcTime),
    Column("is_damaged", Boolean, nullable=False),
    Index("ix_blobs_free_since", "free_since"),
    Index("ix_blobs_stored_name", "stored_name", unique=True),
)
REFERENCES = Table(
    "blob_references",
    METADATA,
    Column("owner", String(64), primary_key=True),
    Column("role", String(32), primary_key=True),
    Column("space", String(64), primary_key=True),
    Column("made_from", String(80), primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("referred_at", UtcTime, nullable=False),
    # Whoever deletes the row of a file that is needed is refused, whatever else is wrong.
    ForeignKeyConstraint(
        ["space", "made_from", "sha256"],
        ["blobs.space", "blobs.made_from", "blobs.sha256"],
        name="fk_blob_references_blobs",
    ),
    Index("ix_blob_references_blob", "space", "made_from", "sha256"),
    Index("ix_blob_references_referred_at", "referred_at", "owner"),
)
_BATCH = 200
"""Addresses in one statement."""

# Made once: at every submission they are asked for each input, and making them costs more than asking.
_HOLD = (
    update(BLOBS)
    .where(
        BLOBS.c.space == bindparam("of_space"),
        BLOBS.c.made_from == bindparam("of_group"),
        BLOBS.c.sha256 == bindparam("of_sha256"),
    )
    .values(free_since=None)
)
_REFER_ON_SQLITE = sqlite.insert(REFERENCES).on_conflict_do_nothing()
_REFER_ON_POSTGRESQL = postgresql.insert(REFERENCES).on_conflict_do_nothing()


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """That somebody needs a file."""

    owner: str
    """A job's or an upload's id."""
    role: str
    """What it is to its owner: `input`, `segment`, `result`, `upload`."""
    blob: Blob


Now = Callable[[], datetime]


def add_or_touch(connection: Connection, blob: Blob, now: datetime) -> Row[tuple[object, ...]] | None:
    """Adds the row of a new file; the row that is there already, if so, which nobody deletes for a while."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    values = {
        **_key(blob.address),
        "size_bytes": blob.size_bytes,
        "stored_name": blob.stored_name,
        "kept_at": now,
        "free_since": now,
        "is_damaged": False,
    }
    absent = insert(BLOBS).values(values).on_conflict_do_nothing().returning(BLOBS.c.sha256)
    if connection.execute(absent).first() is not None:
        return None
    return touch(connection, blob.address, now)


def touch(connection: Connection, address: BlobAddress, now: datetime) -> Row[tuple[object, ...]] | None:
    """The row, whose grace begins anew if nobody needs the file; None: there is none."""
    row = connection.execute(select(BLOBS).where(_is(address)).with_for_update()).first()
    if row is not None and row.free_since is not None:
        connection.execute(update(BLOBS).where(_is(address)).values(free_since=now))
    return row


def find(connection: Connection, address: BlobAddress) -> Blob:
    """Raises `BlobMissing`."""
    row = connection.execute(select(BLOBS).where(_is(address))).first()
    if row is None:
        raise BlobMissing(f"The file {address} is not kept any more.")
    return blob_in(row)


def refer(connection: Connection, address: BlobAddress, *, owner: str, role: str, now: datetime) -> None:
    """Has the file kept for its owner; a second time changes nothing. Raises `BlobMissing` if it is gone."""
    names = {"of_space": address.space, "of_group": address.group, "of_sha256": address.sha256}
    if connection.execute(_HOLD, names).rowcount != 1:
        raise BlobMissing(f"The file {address} is not kept any more.")
    refer_to = _REFER_ON_SQLITE if connection.dialect.name == "sqlite" else _REFER_ON_POSTGRESQL
    values = {"owner": owner, "role": role, **_key(address), "referred_at": now}
    connection.execute(refer_to, values)


def release(
    connection: Connection,
    *,
    owner: str,
    now: datetime,
    role: str | None = None,
    address: BlobAddress | None = None,
) -> list[BlobAddress]:
    """Ends what the owner needs, all or one role or one file; the answer is what it had."""
    mine = [REFERENCES.c.owner == owner]
    if role is not None:
        mine.append(REFERENCES.c.role == role)
    if address is not None:
        mine.append(_is(address, REFERENCES))
    columns = REFERENCES.c.space, REFERENCES.c.made_from, REFERENCES.c.sha256
    rows = connection.execute(select(*columns).where(*mine).distinct().order_by(*columns)).all()
    addresses = [BlobAddress(space=row.space, group=row.made_from, sha256=row.sha256) for row in rows]
    for batch in _batches(addresses):
        # Locked first and looked at in a later statement: PostgreSQL would judge by what it saw before a
        # transaction that refers to one of them has ended.
        connection.execute(select(BLOBS.c.sha256).where(_among(batch)).with_for_update()).all()
    connection.execute(delete(REFERENCES).where(*mine))
    for batch in _batches(addresses):
        free = update(BLOBS).where(_among(batch), ~_is_needed(), BLOBS.c.free_since.is_(None))
        connection.execute(free.values(free_since=now))
    return addresses


def references_of(connection: Connection, owner: str) -> list[Reference]:
    """What an owner needs, by role."""
    here = and_(*(REFERENCES.c[name] == BLOBS.c[name] for name in ("space", "made_from", "sha256")))
    query = select(REFERENCES.c.role, BLOBS).join_from(REFERENCES, BLOBS, here)
    rows = connection.execute(query.where(REFERENCES.c.owner == owner).order_by(REFERENCES.c.role)).all()
    return [Reference(owner=owner, role=row.role, blob=blob_in(row)) for row in rows]


def owners_of(connection: Connection, address: BlobAddress) -> list[str]:
    """Who needs a file."""
    query = select(REFERENCES.c.owner).where(_is(address, REFERENCES)).distinct()
    return list(connection.execute(query.order_by(REFERENCES.c.owner)).scalars())


def free_files(
    connection: Connection, *, among: Iterable[BlobAddress], within: Iterable[tuple[str, str]]
) -> list[Blob]:
    """Files that nobody needs and that are not collected yet: these, and those of these spaces and groups."""
    batches = [_among(batch) for batch in _batches(list(among))]
    places = [and_(BLOBS.c.space == space, BLOBS.c.made_from == group) for space, group in within]
    found: dict[BlobAddress, Blob] = {}
    for place in (*batches, *places):
        rows = connection.execute(select(BLOBS).where(place, BLOBS.c.free_since.is_not(None))).all()
        found |= {blob.address: blob for blob in map(blob_in, rows)}
    return list(found.values())


def take_free(
    connection: Connection,
    *,
    since: datetime | None = None,
    among: Iterable[BlobAddress] | None = None,
    within: tuple[str, str] | None = None,
    limit: int = _BATCH,
) -> list[Blob]:
    """Deletes rows of files that nobody needs, free since that time or longer; the files are next.

    `among`: only these; `within`: only those of a space and group.
    """
    columns = BLOBS.c.space, BLOBS.c.made_from, BLOBS.c.sha256
    free: list[ColumnElement[bool]] = [BLOBS.c.free_since.is_not(None), ~_is_needed()]
    if since is not None:
        free.append(BLOBS.c.free_since <= since)
    if among is not None:
        free.append(_among(list(among)))
    if within is not None:
        free += [BLOBS.c.space == within[0], BLOBS.c.made_from == within[1]]
    # Rows that another transaction is about to refer to are passed over.
    chosen = select(*columns).where(*free).limit(limit).with_for_update(skip_locked=True)
    rows = connection.execute(chosen).all()
    if not rows:
        return []
    gone = delete(BLOBS).where(tuple_(*columns).in_([tuple(row) for row in rows])).returning(BLOBS)
    return [blob_in(row) for row in connection.execute(gone).all()]


def replace_damaged(connection: Connection, blob: Blob) -> None:
    """Another file of the same content takes the place of a damaged one."""
    values = {"stored_name": blob.stored_name, "is_damaged": False, "size_bytes": blob.size_bytes}
    connection.execute(update(BLOBS).where(_is(blob.address)).values(values))


def mark_damaged(connection: Connection, blob: Blob) -> None:
    """The next one that brings the same content mends it."""
    here = _is(blob.address), BLOBS.c.stored_name == blob.stored_name
    connection.execute(update(BLOBS).where(*here).values(is_damaged=True))


def stored_bytes(connection: Connection) -> int:
    """What all spaces take together."""
    return int(connection.execute(select(func.coalesce(func.sum(BLOBS.c.size_bytes), 0))).scalar_one())


def used_bytes(connection: Connection, space: str) -> int:
    """What a space takes, free or not."""
    query = select(func.coalesce(func.sum(BLOBS.c.size_bytes), 0)).where(BLOBS.c.space == space)
    return int(connection.execute(query).scalar_one())


def known_names(connection: Connection, names: list[str]) -> set[str]:
    """Those of the names in the store that a row knows."""
    query = select(BLOBS.c.stored_name).where(BLOBS.c.stored_name.in_(names))
    return set(connection.execute(query).scalars())


def blob_in(row: Row[tuple[object, ...]]) -> Blob:
    """A row as a value."""
    address = BlobAddress(space=row.space, group=row.made_from, sha256=row.sha256)
    return Blob(address=address, size_bytes=row.size_bytes, stored_name=row.stored_name)


def _key(address: BlobAddress) -> dict[str, str]:
    return {"space": address.space, "made_from": address.group, "sha256": address.sha256}


def _is(address: BlobAddress, table: Table = BLOBS) -> ColumnElement[bool]:
    return and_(*(table.c[name] == part for name, part in _key(address).items()))


def _among(addresses: list[BlobAddress]) -> ColumnElement[bool]:
    columns = BLOBS.c.space, BLOBS.c.made_from, BLOBS.c.sha256
    return tuple_(*columns).in_([(one.space, one.group, one.sha256) for one in addresses])


def _is_needed() -> ColumnElement[bool]:
    here = (REFERENCES.c[name] == BLOBS.c[name] for name in ("space", "made_from", "sha256"))
    return exists(select(REFERENCES.c.owner).where(*here))


def _batches(addresses: list[BlobAddress]) -> Iterable[list[BlobAddress]]:
    return (addresses[begin : begin + _BATCH] for begin in range(0, len(addresses), _BATCH))
