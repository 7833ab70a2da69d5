"""A relay between clients and a server that counts what passes: round trips and connections.

A round trip is what the client waits for: bytes towards the server after bytes from it. However
many commands travel together, they count once; a handshake counts like anything else. Each reply
is held back for a moment: what the client sends until then, it did not wait for.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from select import select
from threading import Lock, Thread

from benchmarks.server import HOST

CHUNK = 1 << 16
# A long pipeline is sent in pieces, and a server answers the first before the last is there.
HELD_SECONDS = 0.01


class Relay:
    """Listens on a free port of loopback and passes everything on to a server's port."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._lock = Lock()
        self.trips = 0
        self.connections = 0
        self._listener = socket.create_server((HOST, 0))
        self.url = f"redis://{HOST}:{self._listener.getsockname()[1]}"
        Thread(target=self._accept, daemon=True).start()

    def reset(self) -> None:
        """Count from 0 again."""
        with self._lock:
            self.trips = self.connections = 0

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with self._lock:
                    self.connections += 1
                Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection((HOST, self._target)) as server:
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._exchange(client, server)

    def _exchange(self, client: socket.socket, server: socket.socket) -> None:
        asking = False
        while True:
            for source in select([client, server], [], [])[0]:
                data = source.recv(CHUNK)
                if not data:
                    return
                if source is server:
                    _pass(client, server)
                    client.sendall(data)
                else:
                    if not asking:
                        with self._lock:
                            self.trips += 1
                    server.sendall(data)
                asking = source is client


def _pass(client: socket.socket, server: socket.socket) -> None:
    """Pass on what the client sends while a reply to it is held back: it does not wait for that."""
    while select([client], [], [], HELD_SECONDS)[0]:
        data = client.recv(CHUNK)
        if not data:
            return
        server.sendall(data)


@contextmanager
def relayed(target: int) -> Iterator[Relay]:
    """Relay to a server's port for the length of a block."""
    relay = Relay(target)
    try:
        yield relay
    finally:
        relay.close()
