"""Conversation memory for LangChain on plain Redis."""

from openta_memory._records import Appended, Health, Metadata, Trimmed, Window
from openta_memory.codec import Codec, JSONCodec
from openta_memory.errors import (
    ArchiveError,
    ArchiveUnavailableError,
    CorruptMessageError,
    MemoryClosedError,
    MessageError,
    MessageTooLargeError,
    MissingExtraError,
    OpenTAMemoryError,
    OwnerError,
    SessionIdError,
    SettingsError,
    StoreAuthError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
    StoreReplyError,
    StoreTimeoutError,
    StoreUnavailableError,
    UnserializableMessageError,
    WrongKeyTypeError,
)
from openta_memory.history import RedisChatMessageHistory, TurnHistory
from openta_memory.memory import ConversationMemory
from openta_memory.session import SessionManager, Turn, get_session_manager
from openta_memory.settings import MemorySettings
from openta_memory.window import valid_window

__all__ = [
    "Appended",
    "ArchiveError",
    "ArchiveUnavailableError",
    "Codec",
    "ConversationMemory",
    "CorruptMessageError",
    "Health",
    "JSONCodec",
    "MemoryClosedError",
    "MemorySettings",
    "MessageError",
    "MessageTooLargeError",
    "Metadata",
    "MissingExtraError",
    "OpenTAMemoryError",
    "OwnerError",
    "RedisChatMessageHistory",
    "SessionIdError",
    "SessionManager",
    "SettingsError",
    "StoreAuthError",
    "StoreError",
    "StoreFullError",
    "StoreReadOnlyError",
    "StoreReplyError",
    "StoreTimeoutError",
    "StoreUnavailableError",
    "Trimmed",
    "Turn",
    "TurnHistory",
    "UnserializableMessageError",
    "Window",
    "WrongKeyTypeError",
    "get_session_manager",
    "valid_window",
]
