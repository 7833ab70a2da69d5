"""OpenTA over HTTP: chat that remembers."""

from openta_server.app import create_app
from openta_server.settings import ServerSettings

__all__ = ["ServerSettings", "create_app"]
