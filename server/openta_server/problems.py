"""Errors as problem documents (RFC 9457), which never hold what was said."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from openta_agents import ModelError, OpenTAAgentError, QuestionError
from openta_memory import (
    ArchiveError,
    MemoryClosedError,
    MessageTooLargeError,
    OpenTAMemoryError,
    OwnerError,
    SessionIdError,
    StoreError,
    UnserializableMessageError,
    WrongKeyTypeError,
)

logger = logging.getLogger("openta_server")

NAMED_ERRORS = 20
NAME_CHARACTERS = 100

# From the special to the general; without a text, the error's own is fit for the caller.
MEMORY_ERRORS: tuple[tuple[type[OpenTAMemoryError], int, str | None], ...] = (
    (OwnerError, 404, "There is no such conversation."),
    (SessionIdError, 422, None),
    (MessageTooLargeError, 413, "The message is too long to be stored: shorten it."),
    (UnserializableMessageError, 422, None),
    (WrongKeyTypeError, 500, "This conversation's data is not a conversation; see the log."),
    (ArchiveError, 503, "Conversations can't be read or stored now; the log says why. Try later."),
    (StoreError, 503, "Conversations can't be read or stored now; the log says why. Try later."),
    (MemoryClosedError, 503, "The service is about to end. Try again in a moment."),
    (OpenTAMemoryError, 500, "The memory failed; the log says why."),
)

AGENT_ERRORS: tuple[tuple[type[OpenTAAgentError], int, str | None], ...] = (
    (QuestionError, 422, None),
    (ModelError, 502, "The model gave no answer; the log says why. The question is kept."),
    (OpenTAAgentError, 500, "The assistant failed; the log says why."),
)


class ProblemResponse(JSONResponse):
    """A problem document.

    Args:
        status: The HTTP status.
        detail: What happened, to what, and what to do next.
        headers: To send along.
        more: Further members of the document.
    """

    media_type = "application/problem+json"

    def __init__(
        self, status: int, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
        super().__init__({**document, "detail": detail, **more}, status, headers)


def install(app: FastAPI) -> None:
    """Let an app answer every error with a problem document."""
    app.exception_handler(OpenTAMemoryError)(_of_ours)
    app.exception_handler(OpenTAAgentError)(_of_ours)
    app.exception_handler(RequestValidationError)(_of_validation)
    app.exception_handler(HTTPException)(_of_http)
    app.exception_handler(Exception)(_of_bug)


async def _of_ours(_: Request, error: OpenTAMemoryError | OpenTAAgentError) -> ProblemResponse:
    known = (*MEMORY_ERRORS, *AGENT_ERRORS)
    status, detail = next(
        (status, detail) for kind, status, detail in known if isinstance(error, kind)
    )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("%s", error)
    return ProblemResponse(status, detail or _printable(str(error)))


async def _of_validation(_: Request, error: RequestValidationError) -> ProblemResponse:
    errors = [_wrong_field(one) for one in error.errors()[:NAMED_ERRORS]]
    detail = "; ".join(f"{one['field']}: {one['reason']}" for one in errors)
    return ProblemResponse(422, detail, errors=errors)


async def _of_http(_: Request, error: HTTPException) -> ProblemResponse:
    return ProblemResponse(error.status_code, error.detail, headers=error.headers)


async def _of_bug(_: Request, __: Exception) -> ProblemResponse:
    return ProblemResponse(500, "The service failed; the log says why.")


def _wrong_field(error: Mapping[str, Any]) -> dict[str, str]:
    place = [str(part) for part in error["loc"][1:]]
    reasons = {
        "extra_forbidden": "is unknown: leave it away or correct its name",
        "missing": "is missing",
        "string_too_short": "must not be empty",
        "json_invalid": "is no valid JSON",
        "model_attributes_type": "must be a JSON object, sent as Content-Type: application/json",
    }
    reason = reasons.get(error["type"], error["msg"])
    in_body = place and error["type"] != "json_invalid"
    field = _printable(".".join(place))[:NAME_CHARACTERS] if in_body else "body"
    return {"field": field, "reason": reason}


def _printable(text: str) -> str:
    # JSON can spell halves of characters, which no response can carry.
    return text.encode(errors="replace").decode()
