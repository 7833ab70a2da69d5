"""Every error of the driver has one of ours, and none of ours tells a secret."""

from __future__ import annotations

import inspect

import pytest
from redis import exceptions as driver

from openta_memory import errors

DRIVER = [
    error
    for _, error in inspect.getmembers(driver, inspect.isclass)
    if issubclass(error, Exception)
]
# Raised by features of the driver that the memory doesn't use; RedisError's own line covers them.
UNUSED = {
    driver.RedisError,
    driver.ResponseError,
    driver.InvalidResponse,
    driver.DataError,
    driver.PubSubError,
    driver.WatchError,
    driver.LockError,
    driver.LockNotOwnedError,
    driver.NoScriptError,
    driver.ExecAbortError,
    driver.ModuleError,
    driver.AskError,
    driver.MovedError,
    driver.TryAgainError,
    driver.ClusterCrossSlotError,
}
# Only newer drivers know these; likewise unused, or told well enough by their parent's line.
UNUSED_NAMES = {"NoSuchFieldsetError", "IncorrectPolicyType"}


def mapped(error: type[Exception]) -> type[Exception]:
    lines = (raised for raised, _, _ in errors.DRIVER_ERRORS if issubclass(error, raised))
    return next(lines, driver.RedisError)


@pytest.mark.parametrize("error", DRIVER, ids=lambda error: error.__name__)
def test_an_error_that_the_driver_grows_must_be_looked_at(error: type[Exception]) -> None:
    known = error in UNUSED or error.__name__ in UNUSED_NAMES
    assert known == (mapped(error) is driver.RedisError)


@pytest.mark.parametrize(
    ("raised", "ours"),
    [
        (driver.ConnectionError("refused"), errors.StoreUnavailableError),
        (driver.BusyLoadingError("LOADING"), errors.StoreUnavailableError),
        (driver.TimeoutError("Timeout reading"), errors.StoreTimeoutError),
        (TimeoutError(), errors.StoreTimeoutError),
        (OSError("no route"), errors.StoreUnavailableError),
        (driver.AuthenticationError("WRONGPASS"), errors.StoreAuthError),
        (driver.NoPermissionError("NOPERM"), errors.StoreAuthError),
        (driver.OutOfMemoryError("OOM"), errors.StoreFullError),
        (driver.ReadOnlyError("READONLY"), errors.StoreReadOnlyError),
        (driver.ResponseError("WRONGTYPE Operation"), errors.WrongKeyTypeError),
        (driver.ResponseError("ERR what"), errors.StoreReplyError),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_each_becomes_the_error_that_says_what_to_do(
    raised: Exception, ours: type[Exception]
) -> None:
    assert isinstance(raised, errors.DRIVER_FAILURES)
    mapped_to = errors.from_driver(raised, server="redis://host:1")
    assert type(mapped_to) is ours
    assert "redis://host:1" in str(mapped_to)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    ours = [
        name
        for name, value in inspect.getmembers(errors, inspect.isclass)
        if value.__module__ == errors.__name__
    ]
    assert all(name in (errors.__doc__ or "") for name in ours)
    assert all(issubclass(getattr(errors, name), errors.OpenTAMemoryError) for name in ours)
    assert all("aised" in (getattr(errors, name).__doc__ or "") for name in ours)


def test_callers_can_catch_by_pythons_own_names() -> None:
    assert issubclass(errors.StoreUnavailableError, ConnectionError)
    assert issubclass(errors.StoreTimeoutError, TimeoutError)
    assert issubclass(errors.MessageError, ValueError)
    assert issubclass(errors.MissingExtraError, ImportError)
