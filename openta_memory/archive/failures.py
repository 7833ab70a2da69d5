"""The one mapping from SQLAlchemy's and the drivers' errors to the library's."""

from __future__ import annotations

from sqlalchemy import exc

from openta_memory.archive.entries import UnarchivableError
from openta_memory.errors import ArchiveError, ArchiveUnavailableError

# What a database call can raise; all of it goes through `from_database`.
DATABASE_FAILURES = (exc.SQLAlchemyError, OSError, OverflowError, UnicodeError)

_UNAVAILABLE = (exc.OperationalError, exc.InterfaceError, exc.TimeoutError, OSError)

# The database can't hold a value: it is neither away nor broken.
_UNARCHIVABLE = (exc.DataError, exc.IntegrityError, OverflowError, UnicodeError)

# These quote values, and with them what was said.
_QUOTING = (exc.DataError, exc.IntegrityError)
_TELLING = (exc.DBAPIError, exc.TimeoutError, OSError)

# PostgreSQL: a value beyond one of its limits, which the driver tells as it tells a lost server.
_BEYOND_A_LIMIT = "54"

# PostgreSQL: read-only after a failover, too many connections, stopping or starting, rights taken.
_AWAY = ("25006", "53", "57P0", "42501")

# PostgreSQL: a deadlock, and a transaction that has to be run again.
_AGAIN = {"40P01", "40001"}


def from_database(error: Exception, *, database: str) -> ArchiveError:
    """Give the library's error for one of the database's.

    Args:
        error: What SQLAlchemy, a driver or the file system raised.
        database: The database's URL without its password, to name in the message.
    """
    if isinstance(error, _UNARCHIVABLE) or _state(error).startswith(_BEYOND_A_LIMIT):
        return UnarchivableError(f"the archive at {database} refused: {_reason(error)}")
    if isinstance(error, _UNAVAILABLE) or _is_disconnect(error) or _state(error).startswith(_AWAY):
        return ArchiveUnavailableError(
            f"the archive at {database} can't be used ({_reason(error)}): "
            "start it, or correct DATABASE_URL"
        )
    return ArchiveError(f"the archive at {database} refused: {_reason(error)}")


def worth_a_retry(error: Exception) -> bool:
    """Say whether the same transaction may succeed on another connection."""
    return _is_disconnect(error) or _state(error) in _AGAIN


def _state(error: Exception) -> str:
    """Give PostgreSQL's code of what went wrong."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) or ""


def _is_disconnect(error: Exception) -> bool:
    return isinstance(error, exc.DBAPIError) and error.connection_invalidated


def _reason(error: Exception) -> str:
    """Give the first line of what the database said, never a value or a parameter."""
    cause = getattr(error, "orig", None) or error
    if isinstance(error, _QUOTING) or not isinstance(error, _TELLING):
        return type(cause).__name__
    if isinstance(error, TimeoutError | exc.TimeoutError):
        return "it did not answer in time"
    lines = str(cause).splitlines()
    return lines[0] if lines else type(cause).__name__
