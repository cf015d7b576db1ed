"""Errors as problem documents (RFC 9457): the one place where an error becomes HTTP."""

import re
from typing import Any

from steadfast.errors import SteadfastError

_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])")


def problem_of(error: SteadfastError, request_id: str) -> dict[str, Any]:
    """The document; `code` is stable, `title` names the class of error, `detail` this one."""
    problem: dict[str, Any] = {
        "type": "about:blank",
        "status": error.status,
        "code": error.code,
        "title": title_of(type(error)),
        "detail": error.detail,
        "remedy": error.remedy,
        "request_id": request_id,
    }
    if (retry_after_s := getattr(error, "retry_after_s", None)) is not None:
        problem["retry_after_s"] = round(retry_after_s, 3)
    return problem


def title_of(kind: type[SteadfastError]) -> str:
    """The class's name in words: `NoFace` is "No face"."""
    return _WORDS.sub(" ", kind.__name__).capitalize()
