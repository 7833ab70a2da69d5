"""The errors of the library, and the one mapping from the driver's errors to them.

::

    OpenTAMemoryError
    ├── SettingsError                  (also ValueError)
    ├── SessionIdError                 (also ValueError)
    ├── MissingExtraError              (also ImportError)
    ├── MemoryClosedError
    ├── OwnerError                     (also LookupError)
    ├── MessageError                   (also ValueError)
    │   ├── MessageTooLargeError
    │   ├── UnserializableMessageError
    │   └── CorruptMessageError
    ├── StoreError
    │   ├── StoreUnavailableError      (also ConnectionError)
    │   │   └── StoreTimeoutError      (also TimeoutError)
    │   ├── StoreAuthError
    │   ├── StoreFullError
    │   ├── StoreReadOnlyError
    │   ├── WrongKeyTypeError
    │   └── StoreReplyError
    └── ArchiveError
        └── ArchiveUnavailableError    (also ConnectionError)
"""

from __future__ import annotations

import re

from redis import exceptions as driver


class OpenTAMemoryError(Exception):
    """The root: raised as one of its children when the memory can't do what was asked."""


class SettingsError(OpenTAMemoryError, ValueError):
    """Raised when a setting has a value that can't be used."""


class SessionIdError(OpenTAMemoryError, ValueError):
    """Raised when a conversation's id or an owner's name is empty, too long or not text."""


class MissingExtraError(OpenTAMemoryError, ImportError):
    """Raised when an optional dependency is needed and not installed."""


class MemoryClosedError(OpenTAMemoryError):
    """Raised when the memory was closed before its archive was done with the call."""


class OwnerError(OpenTAMemoryError, LookupError):
    """Raised when the conversation is not the given owner's; nothing was read or written."""


class MessageError(OpenTAMemoryError, ValueError):
    """Raised as one of its children when a message can't be stored or read."""


class MessageTooLargeError(MessageError):
    """Raised when a message's JSON is longer than MAX_MESSAGE_BYTES; nothing was written."""


class UnserializableMessageError(MessageError):
    """Raised when a message holds something JSON can't carry; nothing was written."""


class CorruptMessageError(MessageError):
    """Raised when a stored entry can't be decoded; it is left stored as it is."""


class StoreError(OpenTAMemoryError):
    """Raised as one of its children when Redis can't be used or refuses."""


class StoreUnavailableError(StoreError, ConnectionError):
    """Raised when Redis can't be reached, dropped the connection or is not ready."""


class StoreTimeoutError(StoreUnavailableError, TimeoutError):
    """Raised when Redis did not answer within the socket timeout."""


class StoreAuthError(StoreError):
    """Raised when Redis refuses the credentials, or the user may not run a command."""


class StoreFullError(StoreError):
    """Raised when Redis has no memory left for a write; nothing was written."""


class StoreReadOnlyError(StoreError):
    """Raised when the server is a read-only replica; nothing was written."""


class WrongKeyTypeError(StoreError):
    """Raised when one of the conversation's keys holds another type; nothing was written."""


class StoreReplyError(StoreError):
    """Raised when Redis answers with an error or a reply that is not understood."""


class ArchiveError(OpenTAMemoryError):
    """Raised when the archive's database can't be used or refuses."""


class ArchiveUnavailableError(ArchiveError, ConnectionError):
    """Raised when the archive's database can't be reached, is locked or is not ready."""


_UNREACHABLE = "can't be used ({reason}): start it, or correct REDIS_URL"

# From the special to the general: the first class that fits gives the error and its advice.
DRIVER_ERRORS: tuple[tuple[type[Exception], type[StoreError], str], ...] = (
    (
        driver.AuthenticationError,
        StoreAuthError,
        "refused the login: check REDIS_URL, REDIS_PASSWORD",
    ),
    (driver.AuthorizationError, StoreAuthError, "refused the user: check its rights"),
    (
        driver.AuthenticationWrongNumberOfArgsError,
        StoreAuthError,
        "is older than 6.0 and has no users: leave REDIS_USERNAME away",
    ),
    (driver.NoPermissionError, StoreAuthError, "denied a command: grant it ({reason})"),
    (
        driver.BusyLoadingError,
        StoreUnavailableError,
        "is still loading its data: try again in a moment",
    ),
    (
        driver.MaxConnectionsError,
        StoreUnavailableError,
        "has no free connection in the pool: raise max_connections",
    ),
    (driver.ClusterError, StoreUnavailableError, _UNREACHABLE),
    (driver.ConnectionError, StoreUnavailableError, _UNREACHABLE),
    (
        driver.TimeoutError,
        StoreTimeoutError,
        "did not answer in time: it is hung, overloaded or unreachable",
    ),
    (
        driver.OutOfMemoryError,
        StoreFullError,
        "has no memory left: raise maxmemory, or set an eviction policy",
    ),
    (
        driver.ReadOnlyError,
        StoreReadOnlyError,
        "is a read-only replica: point REDIS_URL at the primary",
    ),
    (driver.RedisClusterException, StoreUnavailableError, _UNREACHABLE),
    (driver.RedisError, StoreReplyError, "answered with an error: {reason}"),
    (driver.ChildDeadlockedError, StoreUnavailableError, "was lost in a fork: build a new memory"),
    (TimeoutError, StoreTimeoutError, "did not answer in time: it is hung or unreachable"),
    (OSError, StoreUnavailableError, _UNREACHABLE),
)

# What sending a plan can raise; all of it goes through `from_driver`.
DRIVER_FAILURES = (
    driver.RedisError,
    driver.RedisClusterException,
    driver.ChildDeadlockedError,
    OSError,
)

_COMMAND = re.compile(r"^Command # \d+ .*? of pipeline caused error: ", re.DOTALL)

# What the driver has no class for, or not where it comes from inside a script.
_MARKED: tuple[tuple[str, type[StoreError], str], ...] = (
    (
        "WRONGTYPE",
        WrongKeyTypeError,
        "holds a key of another type in this conversation's place ({reason}): rename or delete it",
    ),
    ("NOPERM", StoreAuthError, "denied a command: grant it ({reason})"),
    ("can't run this command", StoreAuthError, "denied a command in a script: grant it ({reason})"),
)


def from_driver(error: Exception, *, server: str) -> StoreError:
    """Give the library's error for one of the driver's.

    Args:
        error: What redis-py raised.
        server: The server's URL without its password, to name in the message.
    """
    for marker, ours, advice in _MARKED:
        if marker in _reason(error):
            return ours(_sentence(server, advice, error))
    for raised, ours, advice in DRIVER_ERRORS:
        if isinstance(error, raised):
            return ours(_sentence(server, advice, error))
    return StoreReplyError(_sentence(server, "failed: {reason}", error))


def _sentence(server: str, advice: str, error: Exception) -> str:
    return f"Redis at {server} " + advice.replace("{reason}", _reason(error))


def _reason(error: Exception) -> str:
    """Give what the server said, without the command that the driver puts before it."""
    words = _COMMAND.sub("", str(error)).splitlines()
    return words[0] if words else type(error).__name__
