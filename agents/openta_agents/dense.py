"""Papers as vectors of any LangChain embeddings, to find those that say it in other words."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from langchain_core.embeddings import Embeddings

from openta_agents.catalogue import Catalogue, Paper
from openta_agents.errors import AgentSettingsError, MissingPackageError, ModelError
from openta_agents.index import QUERY_CHARACTERS, Hit

logger = logging.getLogger("openta_agents")

# The cosine under which a paper has nothing to do with a query. It depends on the model.
LEAST_COSINE = 0.3

_Vectors = npt.NDArray[np.float32]


class Dense:
    """A catalogue's papers as vectors; build it with `Dense.build` or `Dense.load`.

    Args:
        catalogue: The papers.
        embeddings: What made their vectors, and makes a query's.
        vectors: One row a paper, in their order.
        least: The cosine under which a paper is not found.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        embeddings: Embeddings,
        vectors: _Vectors,
        *,
        least: float = LEAST_COSINE,
    ) -> None:
        self._ids = tuple(paper.id for paper in catalogue)
        self._embeddings = embeddings
        self._vectors = _of_length_one(vectors)
        self._least = least

    @classmethod
    def build(
        cls, catalogue: Catalogue, embeddings: Embeddings, *, least: float = LEAST_COSINE
    ) -> Self:
        """Have the embeddings read all papers.

        Raises:
            ModelError: When they fail, or do not give a vector of one length for each paper.
        """
        return cls(catalogue, embeddings, _embedded(catalogue, embeddings), least=least)

    @classmethod
    def load(
        cls, folder: Path | None, catalogue: Catalogue, embeddings: Embeddings, *, name: str
    ) -> Self:
        """Load the vectors saved for this catalogue and model; build and save them otherwise.

        Raises:
            ModelError: When they must be built and the embeddings fail.
        """
        if folder is None:
            return cls.build(catalogue, embeddings)
        key = hashlib.sha256(f"{name} {catalogue.fingerprint}".encode()).hexdigest()[:32]
        path = Path(folder) / f"{key}.npy"
        vectors = _saved(path, len(catalogue))
        if vectors is None:
            logger.info("[INDEX] vectors built for %d papers with %s", len(catalogue), name)
            vectors = _embedded(catalogue, embeddings)
            _save(path, vectors)
        return cls(catalogue, embeddings, vectors)

    def of_query(self, query: str) -> _Vectors | None:
        """Give a query's vector; None, with a line in the log, where the embeddings fail."""
        try:
            return self._vector(self._embeddings.embed_query(query[:QUERY_CHARACTERS]))
        except Exception as error:  # noqa: BLE001 - a provider can raise anything
            _tell(error)
            return None

    async def aof_query(self, query: str) -> _Vectors | None:
        """Give a query's vector, as `of_query` does."""
        try:
            return self._vector(await self._embeddings.aembed_query(query[:QUERY_CHARACTERS]))
        except Exception as error:  # noqa: BLE001 - a provider can raise anything
            _tell(error)
            return None

    def search(self, vector: _Vectors, k: int) -> list[Hit]:
        """Find the k papers nearest to a query's vector, the nearest first."""
        cosines = self._vectors @ vector
        near = np.flatnonzero(cosines >= self._least)
        best = near[np.argsort(-cosines[near], kind="stable")][:k]
        return [Hit(self._ids[place], float(cosines[place])) for place in best]

    def _vector(self, given: list[float]) -> _Vectors:
        vector = np.asarray(given, dtype=np.float32)
        if vector.shape != self._vectors.shape[1:] or not np.isfinite(vector).all():
            raise ValueError("a vector of another length than the papers'")
        return _of_length_one(vector)


def build_embeddings(name: str) -> Embeddings:
    """Build the embeddings of a name, `provider:name`.

    Raises:
        MissingPackageError: When their package is not installed; names the pip line.
        AgentSettingsError: When there are none of that name, or their key is missing.
    """
    try:
        made: Any = import_module("langchain.embeddings").init_embeddings(name)
    except ImportError as error:
        raise MissingPackageError(f"OPENTA_EMBEDDINGS={name}: {_first_line(error)}") from None
    except Exception as error:  # noqa: BLE001 - each provider has its own
        raise AgentSettingsError(f"OPENTA_EMBEDDINGS={name}: {_first_line(error)}") from None
    return made  # type: ignore[no-any-return]


def _embedded(catalogue: Catalogue, embeddings: Embeddings) -> _Vectors:
    try:
        vectors = embeddings.embed_documents([_said(paper) for paper in catalogue])
        array = np.asarray(vectors, dtype=np.float32)
    except Exception as error:  # noqa: BLE001 - a provider can raise anything
        reason = type(error).__name__
        raise ModelError(f"the embeddings failed on the papers: {reason}") from None
    if array.ndim != 2 or len(array) != len(catalogue) or not np.isfinite(array).all():  # noqa: PLR2004 - rows and columns
        raise ModelError("the embeddings gave no vector of one length for each paper")
    return array


def _said(paper: Paper) -> str:
    return "\n".join([paper.title, ", ".join(paper.keywords), paper.abstract])


def _of_length_one(vectors: _Vectors) -> _Vectors:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return (vectors / np.where(lengths == 0, 1, lengths)).astype(np.float32)


def _tell(error: Exception) -> None:
    logger.warning("[INDEX] embeddings failed, BM25 goes on alone: %s", type(error).__name__)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _saved(path: Path, papers: int) -> _Vectors | None:
    try:
        vectors = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    usable = vectors.ndim == 2 and len(vectors) == papers and vectors.dtype == np.float32  # noqa: PLR2004 - rows and columns
    return vectors if usable else None


def _save(path: Path, vectors: _Vectors) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, fresh = tempfile.mkstemp(prefix=".saving-", suffix=".npy", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            np.save(file, vectors, allow_pickle=False)
        Path(fresh).replace(path)
    except OSError as error:
        logger.warning("[INDEX] vectors not saved to %s: %s", path.parent, error.strerror)
