"""A Redis that refuses: what it says is told, and nothing is half written."""

from __future__ import annotations

import time
import traceback
from typing import Any

import pytest
import redis
from support.faces import Call, both
from support.operations import LIST, META, OPERATIONS, SECRET, TURN, StartRedis, dump
from support.redis_server import RedisServer
from support.turns import make_turn

from openta_memory import (
    ConversationMemory,
    StoreAuthError,
    StoreFullError,
    StoreReadOnlyError,
    WrongKeyTypeError,
)


@both
@pytest.mark.parametrize("owner", [None, "u1"], ids=["unowned", "owned"])
@pytest.mark.parametrize("session_id", ["c", "new"])
def test_a_full_redis_says_so_and_nothing_is_half_written(
    start_redis: StartRedis, call: Call, owner: str | None, session_id: str
) -> None:
    # Given a conversation in a Redis that has no memory left and evicts nothing
    server = start_redis("--maxmemory-policy", "noeviction")
    memory = ConversationMemory(redis_url=server.url)
    call(memory, "append", "c", TURN, owner=owner)
    with server.client() as client:
        client.config_set("maxmemory", 1)
    before = dump(server)
    # When a turn, an empty session or a question is stored
    for batch in (TURN, []):
        with pytest.raises(StoreFullError, match="maxmemory"):
            call(memory, "append", session_id, batch, owner=owner)
    with pytest.raises(StoreFullError, match="maxmemory"):
        call(memory, "window_then_append", session_id, TURN, owner=owner)
    # Then all keys are what they were
    assert dump(server) == before
    assert call(memory, "metadata", "c", owner=owner).length == len(TURN)
    memory.close()


@both
@pytest.mark.parametrize(
    ("key", "method", "args"),
    [(LIST, *operation) for operation in OPERATIONS]
    + [(META, *operation) for operation in OPERATIONS],
    ids=lambda value: str(value)[:18],
)
@pytest.mark.parametrize("beside", [True, False], ids=["beside", "alone"])
def test_a_key_of_a_wrong_type_is_named_and_nothing_is_written(
    redis_server: RedisServer,
    call: Call,
    key: str,
    method: str,
    args: tuple[Any, ...],
    *,
    beside: bool,
) -> None:
    # Given a key of another program under the name of a conversation's key
    memory = ConversationMemory(redis_url=redis_server.url)
    if beside:
        memory.append("c", TURN)
    with redis_server.client() as client:
        client.set(key, "of another program")
    before = dump(redis_server)
    # When any operation meets it
    with pytest.raises(WrongKeyTypeError, match="rename or delete"):
        call(memory, method, *args)
    # Then nothing is written, to neither key
    assert dump(redis_server) == before
    memory.close()


@both
def test_a_wrong_typed_owner_index_stops_the_whole_append(
    redis_server: RedisServer, call: Call
) -> None:
    # Given a key of another type under the name of the owner's index
    memory = ConversationMemory(redis_url=redis_server.url)
    with redis_server.client() as client:
        client.set("openta:owner:u1", "of another program")
    before = dump(redis_server)
    # When the owner's turn is stored, then nothing of it is
    with pytest.raises(WrongKeyTypeError):
        call(memory, "append", "c", TURN, owner="u1")
    assert dump(redis_server) == before
    memory.close()


@both
@pytest.mark.parametrize("how", ["option", "command"])
def test_a_read_only_replica_says_so_and_is_not_written(
    start_redis: StartRedis, call: Call, how: str
) -> None:
    # Given a replica, made by its configuration or by a command while in use
    primary = start_redis()
    where = ("127.0.0.1", str(primary.port))
    replica = start_redis(*(("--replicaof", *where) if how == "option" else ()))
    memory = ConversationMemory(redis_url=replica.url)
    if how == "command":
        call(memory, "append", "c", TURN)
        with replica.client() as client:
            client.replicaof(*where)
    # When something is written there
    for method in ("append", "window_then_append"):
        with pytest.raises(StoreReadOnlyError, match="primary"):
            call(memory, method, "new", TURN)
    # Then it is refused and not written
    with replica.client() as client:
        assert client.exists("conversation:new", "conversation:meta:new") == 0
    memory.close()


@both
@pytest.mark.parametrize("login", [f"me:{SECRET}@", f":{SECRET}@", ""], ids=["user", "pass", "no"])
def test_a_refused_login_says_so_and_nothing_tells_the_password(
    start_redis: StartRedis, call: Call, login: str, caplog: pytest.LogCaptureFixture
) -> None:
    # Given a Redis that asks for another password
    caplog.set_level("DEBUG")
    server = start_redis("--requirepass", "the-right-one")
    memory = ConversationMemory(redis_url=f"redis://{login}127.0.0.1:{server.port}")
    # When the memory is used
    for method, args in OPERATIONS:
        start = time.monotonic()
        with pytest.raises(StoreAuthError, match="REDIS_PASSWORD") as failure:
            call(memory, method, *args)
        # Then the error comes soon, and neither it, its causes nor the log tell the password
        assert time.monotonic() - start < 3
        assert f"{server.port}" in str(failure.value)
        told = "".join(traceback.format_exception(failure.value)) + repr(chain(failure.value))
        assert SECRET not in told + caplog.text + repr(memory.settings)
    memory.close()


def chain(error: BaseException | None) -> list[tuple[str, tuple[Any, ...]]]:
    """Give an error and all that led to it, with their arguments."""
    if error is None:
        return []
    return [(repr(error), error.args), *chain(error.__cause__), *chain(error.__context__)]


@both
@pytest.mark.parametrize(
    ("rights", "refused"),
    [
        (("+@all", "-evalsha"), ("append", "window", "metadata", "trim", "clear")),
        (("+@all", "-lrange"), ("window",)),
        (("+@all", "resetkeys", "~other:*"), ("append", "window", "metadata", "trim", "clear")),
    ],
    ids=["evalsha", "lrange", "keys"],
)
def test_a_user_without_the_rights_learns_which_and_nothing_is_written(
    start_redis: StartRedis, call: Call, rights: tuple[str, ...], refused: tuple[str, ...]
) -> None:
    # Given a user who lacks a right
    server = start_redis()
    ConversationMemory(redis_url=server.url).append("c", TURN)
    with server.client() as client:
        words = ("on", f">{SECRET}", "~*", "&*", *rights)
        client.execute_command("ACL", "SETUSER", "app", *words)
    before = dump(server)
    memory = ConversationMemory(redis_url=f"redis://app:{SECRET}@127.0.0.1:{server.port}")
    # When what needs it is done, then the error says so and nothing was written
    for method, args in OPERATIONS:
        if method in refused:
            with pytest.raises(StoreAuthError, match="grant") as failure:
                call(memory, method, *args)
            assert SECRET not in repr(chain(failure.value))
    assert dump(server) == before
    memory.close()


@both
def test_a_redis_without_administrative_commands_serves_everything(
    start_redis: StartRedis, call: Call
) -> None:
    # Given a Redis whose administrative commands are disabled, as managed ones do
    disabled = ("KEYS", "CONFIG", "MODULE", "SCAN", "FLUSHALL", "FLUSHDB", "SCRIPT", "FUNCTION")
    disabled += ("CLIENT", "INFO", "DEBUG", "COMMAND", "WAIT", "SELECT", "DBSIZE", "MONITOR")
    options = [word for name in disabled for word in ("--rename-command", name, "")]
    server = start_redis(*options)
    with server.client() as client, pytest.raises(redis.ResponseError, match="unknown command"):
        client.execute_command("KEYS", "*")
    memory = ConversationMemory(redis_url=server.url, max_messages=4)
    # When everything is done there, then it is served
    call(memory, "ping")
    call(memory, "append", "c", TURN, owner="u1")
    window, appended = call(memory, "window_then_append", "c", make_turn(0, 1), owner="u1")
    assert (len(window.messages), appended.length) == (4, 2)
    assert call(memory, "metadata", "c", owner="u1", own_ttl=60).ttl == 60
    assert call(memory, "trim", "c", 1, owner="u1").length == 1
    assert len(call(memory, "window", "c", owner="u1").messages) == 1
    assert call(memory, "clear", "c", owner="u1")
    memory.close()


@both
def test_a_full_redis_can_still_be_read(start_redis: StartRedis, call: Call) -> None:
    # Given a conversation in a Redis that has no memory left
    server = start_redis("--maxmemory-policy", "noeviction")
    memory = ConversationMemory(redis_url=server.url)
    call(memory, "append", "c", TURN)
    with server.client() as client:
        client.config_set("maxmemory", 1)
    # When it is read, then it is there
    assert len(call(memory, "window", "c").messages) == len(TURN)
    memory.close()


@both
@pytest.mark.parametrize("beside", [True, False], ids=["beside", "alone"])
def test_a_clear_leaves_a_key_of_another_type(
    redis_server: RedisServer, call: Call, *, beside: bool
) -> None:
    # Given a key of another program under the name of a conversation
    memory = ConversationMemory(redis_url=redis_server.url)
    if beside:
        memory.append("c", TURN)
    with redis_server.client() as client:
        client.set(LIST, "of another program")
    before = dump(redis_server)
    # When the conversation is cleared
    with pytest.raises(WrongKeyTypeError, match="rename or delete"):
        call(memory, "clear", "c")
    # Then nothing is deleted
    assert dump(redis_server) == before
    memory.close()


@both
@pytest.mark.parametrize("command", ["rpush", "hset", "expire"])
def test_a_user_who_lacks_a_right_in_a_script_learns_so_and_nothing_is_half_written(
    start_redis: StartRedis, call: Call, command: str
) -> None:
    # Given a user who may run scripts, but not one of the commands in them
    server = start_redis()
    with server.client() as client:
        words = ("on", ">word", "~*", "&*", "+@all", f"-{command}")
        client.execute_command("ACL", "SETUSER", "app", *words)
    memory = ConversationMemory(redis_url=f"redis://app:word@127.0.0.1:{server.port}")
    # When a conversation is begun
    with pytest.raises(StoreAuthError) as failure:
        call(memory, "append", "c", TURN)
    # Then the error says what is missing, and nothing was written
    assert dump(server) == {}
    assert command.upper() in str(failure.value)
    memory.close()
