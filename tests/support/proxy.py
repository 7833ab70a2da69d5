"""A TCP proxy before Redis that can lose a reply after Redis did the work."""

from __future__ import annotations

import select
import socket
from threading import Event, Thread
from typing import Self


class ReplyLosingProxy:
    """Relays between clients and a port on loopback.

    After `lose_reply_to(word)`, the next request holding that word is handed to Redis and done
    there, but its client finds the connection closed instead of the reply. Once; then all is well.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._word = b""
        self._done = Event()
        self.lost = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def lose_reply_to(self, word: bytes) -> None:
        """Arm the proxy: the reply to the next request that holds this word is lost."""
        self._word = word

    def _accept(self) -> None:
        while not self._done.is_set():
            if select.select([self._listener], [], [], 0.05)[0]:
                thread = Thread(target=self._relay, args=(self._listener.accept()[0],))
                self._threads.append(thread)
                thread.start()

    def _relay(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._target)) as server:
            while not self._done.is_set():
                for source in select.select([client, server], [], [], 0.05)[0]:
                    data = source.recv(1 << 20)
                    if not data:
                        return
                    (server if source is client else client).sendall(data)
                    if source is client and self._loses(data):
                        server.recv(1 << 20)
                        return

    def _loses(self, data: bytes) -> bool:
        if not self._word or self._word not in data:
            return False
        self._word = b""
        self.lost += 1
        return True
