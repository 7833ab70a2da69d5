"""The service as its users meet it: in this process, and as a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from openta_server import ServerSettings, create_app

START_SECONDS = 30.0

Connect = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


class Service:
    """One `python -m openta_server` on a free port; Python's warnings are errors in it."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self._output = directory / "service.log"
        port = str(_free_port())
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "error", "-m", "openta_server", "--port", port],
                cwd=directory,
                env=os.environ | environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20)

    @property
    def output(self) -> str:
        return self._output.read_text()

    def wait(self) -> Service:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self.http.get("/health/live").raise_for_status()
            except httpx.TransportError:
                time.sleep(0.05)
            else:
                return self
        raise RuntimeError(f"the service did not start:\n{self.output}")

    def ask(self, query: str, **meta_params: object) -> httpx.Response:
        return self.http.post("/chat/basic", json={"query": query, "meta_params": meta_params})

    def stop(self) -> None:
        self.http.close()
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(20)


@pytest.fixture(autouse=True)
def clean_service_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENTA_HOST", "OPENTA_PORT", "OPENTA_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def connect() -> Connect:
    """Run the service in this process: `async with connect(redis_url=...) as client`."""

    @asynccontextmanager
    async def run(**settings: object) -> AsyncIterator[httpx.AsyncClient]:
        app = create_app(ServerSettings.load(**settings))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://service") as client,
        ):
            yield client

    return run


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Start the service as a process of its own; its settings are given as environment."""
    started: list[Service] = []

    def start(**environment: str) -> Service:
        directory = tmp_path / f"service-{len(started)}"
        directory.mkdir()
        started.append(Service(directory, environment))
        return started[-1].wait()

    yield start
    for service in started:
        service.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
