"""Journal files become rows: each in one transaction, once, whoever is killed in between."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Table, case, select, update
from sqlalchemy.dialects import postgresql, sqlite

from steadfast.database.database import Database
from steadfast.sla.frames import FRAME_BYTES, FrameKind, FrameWriter, read_frames
from steadfast.sla.journal import is_being_written, journal_files, life_of
from steadfast.sla.tables import CHUNKS, DURATIONS, ERRORS, LIVES, MINUTES, READINGS, SILENCES
from steadfast.sla.tally import SILENCE_US, LifeSeen, ReadingSum, Tally, tally_file

_SQUEEZE: Final = 6
_KEPT: Final = frozenset({FrameKind.NAME, FrameKind.END, FrameKind.TAKEOVER, FrameKind.READING})
_INSERTS: Final[Mapping[str, Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def fold(database: Database, folder: Path, *, instance: str) -> int:
    """Folds every file that nobody writes any more; how many there were. Raises `DatabaseProblem`."""
    files = closed_files(folder)
    for file, is_last_of_dead in files:
        fold_file(database, file, instance=instance, is_last_of_dead=is_last_of_dead)
    return len(files)


def closed_files(folder: Path) -> list[tuple[Path, bool]]:
    """Files that nobody writes any more, oldest first, each with whether its life ended with it."""
    files = journal_files(folder)
    last = {life_of(file): file for file in files}
    alive = {life for life, file in last.items() if is_being_written(file)}
    return [
        (file, file == last[life_of(file)])
        for file in files
        if life_of(file) not in alive or file != last[life_of(file)]
    ]


def fold_file(database: Database, file: Path, *, instance: str, is_last_of_dead: bool) -> None:
    """Adds one file to the ledger and removes it; one that was added before is only removed."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return
    tally = Tally()
    seen = tally_file(read_frames(content), tally, is_last_of_dead=is_last_of_dead)
    with database.writing() as connection:
        if _claim(connection, file, content, tally, seen):
            add_tally(connection, tally)
            _note_life(connection, life_of(file), instance, seen)
    file.unlink(missing_ok=True)


def _claim(connection: Connection, file: Path, content: bytes, tally: Tally, seen: LifeSeen) -> bool:
    values = {
        "file": file.stem,
        "from_us": tally.first_us or seen.first_us,
        "until_us": seen.last_us,
        "requests": tally.requests,
        "frames": packed(content, tally),
    }
    insert = insert_into(connection, CHUNKS).values(values).on_conflict_do_nothing()
    # Not its rowcount: psycopg does not always know it.
    return connection.execute(insert.returning(CHUNKS.c.file)).first() is not None


def packed(content: bytes, tally: Tally) -> bytes:
    """What a file counts, in little room: its frames as they stand, and the requests that were lost."""
    begins = range(0, len(content) - FRAME_BYTES + 1, FRAME_BYTES)
    kept = [content[begin : begin + FRAME_BYTES] for begin in begins if content[begin] in _KEPT]
    writer = FrameWriter()  # its names, which come last, replace those of the file
    return zlib.compress(b"".join(kept + [writer.frame(end) for end in tally.lost]), _SQUEEZE)


def unpacked(frames: bytes) -> bytes:
    """The frames of a chunk."""
    return zlib.decompress(frames)


def add_tally(connection: Connection, tally: Tally) -> None:
    """Increases every rollup."""
    _add(connection, MINUTES, (_row(MINUTES, *key, n) for key, n in tally.minutes.items()))
    _add(connection, DURATIONS, (_row(DURATIONS, *key, n) for key, n in tally.durations.items()))
    _add(connection, ERRORS, (_row(ERRORS, *key, n) for key, n in tally.errors.items()))
    for key, sums in tally.readings.items():
        _add_reading(connection, key, sums)


def insert_into(connection: Connection, table: Table) -> Any:
    """An INSERT of this database, which knows `on_conflict_do_…`."""
    return _INSERTS[connection.dialect.name](table)


def _row(table: Table, *values: object) -> dict[str, object]:
    return dict(zip((column.name for column in table.columns), values, strict=True))


def _add(connection: Connection, table: Table, rows: Iterable[dict[str, object]]) -> None:
    found = list(rows)
    if not found:
        return
    insert = insert_into(connection, table)
    (sum_,) = (column for column in table.columns if not column.primary_key)
    added = {sum_.name: sum_ + insert.excluded[sum_.name]}
    connection.execute(insert.on_conflict_do_update(index_elements=_keys(table), set_=added), found)


def _keys(table: Table) -> Sequence[str]:
    return [column.name for column in table.primary_key.columns]


def _add_reading(connection: Connection, key: tuple[int, str, str], sums: ReadingSum) -> None:
    row = _row(READINGS, *key, sums.measured, sums.met, sums.missed, sums.total, sums.least, sums.most)
    insert = insert_into(connection, READINGS)
    known, new = READINGS.c, insert.excluded
    added = {name: known[name] + new[name] for name in ("measured", "met", "missed", "total")}
    # Not min() and max(): PostgreSQL calls them least() and greatest().
    added |= {"least": _chosen(known.least < new.least, known.least, new.least)}
    added |= {"most": _chosen(known.most > new.most, known.most, new.most)}
    connection.execute(insert.on_conflict_do_update(index_elements=_keys(READINGS), set_=added), [row])


def _chosen(condition: Any, one: Any, other: Any) -> Any:
    return case((condition, one), else_=other)


def _note_life(connection: Connection, life: str, instance: str, seen: LifeSeen) -> None:
    known = connection.execute(select(LIVES.c.last_us).where(LIVES.c.life == life)).scalar_one_or_none()
    silences = list(seen.silences)
    if known is None:
        if seen.listening_us is None:
            return  # it died before it answered anybody
        values = {"life": life, "instance": instance, "listening_us": seen.listening_us}
        connection.execute(LIVES.insert().values(**values, last_us=seen.last_us, stopped=int(seen.stopped)))
        silences = [silence for silence in silences if silence[0] >= seen.listening_us]
    elif seen.last_us:
        if seen.first_us - known > SILENCE_US:
            silences.insert(0, (known, seen.first_us))
        connection.execute(
            update(LIVES)
            .where(LIVES.c.life == life)
            .values(last_us=max(known, seen.last_us), stopped=int(seen.stopped))
        )
    if silences:
        rows = [{"life": life, "from_us": begin, "until_us": end} for begin, end in silences]
        insert = insert_into(connection, SILENCES).on_conflict_do_nothing()
        connection.execute(insert, rows)
