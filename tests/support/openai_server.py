"""A real HTTP server on loopback that speaks enough of the OpenAI chat completions API."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, Self


@dataclass(frozen=True)
class Say:
    """A reply in words; streamed, word by word."""

    text: str
    seconds_a_word: float = 0.0


@dataclass(frozen=True)
class Call:
    """A reply that calls tools: their names with their arguments."""

    calls: tuple[tuple[str, dict[str, Any]], ...]


@dataclass(frozen=True)
class Fail:
    """An error, whose text repeats all it was sent, as some providers do."""

    status: int


@dataclass(frozen=True)
class Hang:
    """No reply at all, until the server is closed."""


Reply = Say | Call | Fail | Hang


@dataclass
class OpenAIServer:
    """Replies in turn with what it was given, then with the last of it, and records requests.

    Attributes:
        replies: What to say, in turn.
        keeps_alive: Leave connections open for the next request.
        requests: The bodies that came, in turn.
        keys: The Authorization headers that came, in turn.
    """

    replies: list[Reply]
    keeps_alive: bool = False
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.closing = Event()
        self._server = _Quiet(("127.0.0.1", 0), _handler(self))
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    def next_reply(self) -> Reply:
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def prompt(self, number: int = -1) -> list[tuple[str, str]]:
        """Give the roles and texts of one request's messages."""
        said = self.requests[number]["messages"]
        return [(message["role"], message["content"] or "") for message in said]


class _Quiet(ThreadingHTTPServer):
    """Says nothing of clients that went away."""

    def handle_error(self, *_: object) -> None:
        """Stay quiet."""


def _handler(server: OpenAIServer) -> type[BaseHTTPRequestHandler]:
    return type("Handler", (_Handler,), {"says": server})


class _Handler(BaseHTTPRequestHandler):
    says: OpenAIServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.says.requests.append(body)
        self.says.keys.append(self.headers["authorization"])
        try:
            self._reply(self.says.next_reply(), body)
        except ConnectionError:
            self.close_connection = True

    def _reply(self, reply: Reply, body: dict[str, Any]) -> None:
        if isinstance(reply, Hang):
            self.says.closing.wait(60)
            self.close_connection = True
        elif isinstance(reply, Fail):
            error = {"message": f"{self.headers['authorization']} {body}", "code": "wrong"}
            self._send(reply.status, {"error": error})
        elif body.get("stream"):
            self._stream(reply)
        else:
            choice = {"index": 0, "message": _message(reply), "finish_reason": _reason(reply)}
            self._send(200, _completion("chat.completion", choice))

    def _send(self, status: int, document: dict[str, Any]) -> None:
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        if not self.says.keeps_alive:
            self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, reply: Say | Call) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for delta in _deltas(reply):
            choice = {"index": 0, "delta": delta, "finish_reason": None}
            self._event(json.dumps(_completion("chat.completion.chunk", choice)))
        end = {"index": 0, "delta": {}, "finish_reason": _reason(reply)}
        self._event(json.dumps(_completion("chat.completion.chunk", end)))
        self._event("[DONE]")

    def _event(self, data: str) -> None:
        self.wfile.write(f"data: {data}\n\n".encode())
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


def _completion(kind: str, choice: dict[str, Any]) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 0, "model": "m", "choices": [choice]}


def _reason(reply: Say | Call) -> str:
    return "tool_calls" if isinstance(reply, Call) else "stop"


def _message(reply: Say | Call) -> dict[str, Any]:
    if isinstance(reply, Say):
        return {"role": "assistant", "content": reply.text}
    return {"role": "assistant", "content": None, "tool_calls": _calls(reply)}


def _calls(reply: Call) -> list[dict[str, Any]]:
    # An id is one call's alone, however often the same reply is given.
    stamp = time.monotonic_ns()
    return [
        {
            "index": number,
            "id": f"call_{stamp}_{number}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        for number, (name, arguments) in enumerate(reply.calls)
    ]


def _deltas(reply: Say | Call) -> Iterator[dict[str, Any]]:
    if isinstance(reply, Call):
        yield {"role": "assistant", "content": None, "tool_calls": _calls(reply)}
        return
    yield {"role": "assistant", "content": ""}
    for number, word in enumerate(reply.text.split(" ")):
        time.sleep(reply.seconds_a_word)
        yield {"content": f" {word}" if number else word}
