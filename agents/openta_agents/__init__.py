"""The assistant: a LangChain runnable that remembers its conversations."""

from openta_agents.assistant import Answer, Assistant, build_assistant

__all__ = ["Answer", "Assistant", "build_assistant"]
