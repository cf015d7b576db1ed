"""The one place where a driver's errors become ours."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import URL
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    ProgrammingError,
    SQLAlchemyError,
    StatementError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from steadfast.errors import DatabaseBusy, DatabaseDamaged, DatabaseProblem, DiskFull, SteadfastError

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_PRIMARY_CODE_MASK = 0xFF  # the rest of a SQLite code says which kind (sqlite.org/rescode.html)
# postgresql.org/docs: appendix A.
_BUSY_STATES = {"55P03", "40001", "40P01", "57014", "53300"}
_FULL_STATES = {"53100"}
# SQLite has one code for everything that is wrong with a statement, and for a transaction that is over.
_OF_THE_TRANSACTION = ("transaction", "savepoint")


@contextmanager
def translating(url: URL) -> Iterator[None]:
    """Raises what the database driver raises as one of our errors.

    A broken constraint is left as it is: only the repository that provoked it knows what it means.
    """
    try:
        yield
    except IntegrityError:
        raise
    except PoolTimeout as error:
        raise DatabaseBusy("Every connection to the database is in use.") from error
    except DBAPIError as error:
        raise _translated(error, url) from error
    except sqlite3.Error as error:
        raise _sqlite_error(error, url) from error
    except SQLAlchemyError as error:
        raise DatabaseProblem(f"The database {_name(url)} failed: {error}.") from error


def is_wrong_in_itself(error: BaseException | None) -> bool:
    """Whether what the library or the driver raised says that the same statement will always fail.

    A column that is not there, a value that fits no column: no waiting heals that.
    """
    if not isinstance(error, DBAPIError):
        return isinstance(error, StatementError)  # a parameter is missing, or of no kind that it takes
    original, text = error.orig, str(error.orig)
    if isinstance(original, sqlite3.OperationalError):
        is_generic = getattr(original, "sqlite_errorcode", 0) == sqlite3.SQLITE_ERROR
        return is_generic and not any(word in text for word in _OF_THE_TRANSACTION)
    return isinstance(error, ProgrammingError | DataError)


def _translated(error: DBAPIError, url: URL) -> SteadfastError:
    original = error.orig
    if isinstance(original, sqlite3.Error):
        return _sqlite_error(original, url)
    state = getattr(original, "sqlstate", None)
    if state in _BUSY_STATES:
        return DatabaseBusy(f"The database {_name(url)} is busy.")
    if state in _FULL_STATES:
        return DiskFull(f"The database {_name(url)} has no space left.")
    first_line = (str(original).splitlines() or ["no reason given"])[0]
    return DatabaseProblem(f"The database {_name(url)} failed: {first_line}.")


def _sqlite_error(error: sqlite3.Error, url: URL) -> SteadfastError:
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE_MASK
    if code in _BUSY:
        return DatabaseBusy(f"The database {_name(url)} is held by another process.")
    if code in _DAMAGED:
        return DatabaseDamaged(f"The file {_name(url)} is no database any more.")
    if code == sqlite3.SQLITE_FULL:
        return DiskFull(f"No space is left for the database {_name(url)}.")
    return DatabaseProblem(f"The database {_name(url)} failed: {error}.")


def _name(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return f"{url.database} at {url.host or 'this machine'}"
