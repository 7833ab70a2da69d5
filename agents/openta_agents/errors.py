"""The errors of the assistant.

::

    OpenTAAgentError
    ├── AgentSettingsError     (also ValueError)
    ├── CatalogueError         (also ValueError)
    ├── QuestionError          (also ValueError)
    ├── MissingPackageError    (also ImportError)
    └── ModelError
"""

from __future__ import annotations


class OpenTAAgentError(Exception):
    """The root: raised as one of its children when the assistant can't do what was asked."""


class AgentSettingsError(OpenTAAgentError, ValueError):
    """Raised when a setting of the assistant has a value that can't be used."""


class CatalogueError(OpenTAAgentError, ValueError):
    """Raised when a catalogue can't be read, or holds no paper that can be used."""


class QuestionError(OpenTAAgentError, ValueError):
    """Raised when a question can't be answered as it was put, such as in an unknown language."""


class MissingPackageError(OpenTAAgentError, ImportError):
    """Raised when a model needs a package that is not installed; names the pip line."""


class ModelError(OpenTAAgentError):
    """Raised when a model failed, was too slow or gave nothing; never holds what was said."""
