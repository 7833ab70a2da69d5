"""The assistant: LangChain runnables that answer from papers and remember their conversations."""

from openta_agents.assistant import Answer, Assistant, build_assistant
from openta_agents.catalogue import Catalogue, Paper, load_catalogue, load_sample
from openta_agents.citations import Citation
from openta_agents.errors import (
    AgentSettingsError,
    CatalogueError,
    MissingPackageError,
    ModelError,
    OpenTAAgentError,
    QuestionError,
)
from openta_agents.models import build_model
from openta_agents.retrieval import PaperRetriever, build_retriever
from openta_agents.settings import AgentSettings

__all__ = [
    "AgentSettings",
    "AgentSettingsError",
    "Answer",
    "Assistant",
    "Catalogue",
    "CatalogueError",
    "Citation",
    "MissingPackageError",
    "ModelError",
    "OpenTAAgentError",
    "Paper",
    "PaperRetriever",
    "QuestionError",
    "build_assistant",
    "build_model",
    "build_retriever",
    "load_catalogue",
    "load_sample",
]
