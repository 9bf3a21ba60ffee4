"""Responses: reads every response of Oomnitza's API. Pure functions.

Oomnitza documents no error responses. They are a 4xx with JSON, text or HTML, or a 2xx with `errors`, `error` or
`success: false` (docs/oomnitza-api.md).
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from destination_oomnitza.masking import LONGEST_TEXT, masked

MAX_VALUES = 2_000_000
"""Values of a response. A page of 2,000 people with a hundred fields each has 400,000; JSON such as [[],[],[]] takes 30 times its size."""

_TRANSIENT = frozenset({408, 425, 429})  # and every 5xx
_FEW = 1 << 20
_REASON = 300
WORDS = ("error", "errors", "message", "messages", "detail", "details", "reason", "title")
_LONGEST_TEXT = 4096
_NO_WORDS = re.compile(r"<(script|style)\b[^<>]*>.*?</\1\s*>|<!--.*?-->|<[^<>]*>", re.DOTALL | re.IGNORECASE)


class RequestRejected(Exception):
    """Oomnitza rejected the content or the permissions of one request.

    The message is Oomnitza's reason.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class TransientFailure(Exception):
    """Failure that may not occur again at a later attempt.

    `sent`: the server may have processed the request. `foreign`: the response is not one of Oomnitza's API.
    `retry_after`: the header of the response.
    """

    def __init__(self, what: str, sent: bool, retry_after: str | None = None, foreign: bool = False) -> None:
        super().__init__(what)
        self.sent = sent
        self.retry_after = retry_after
        self.foreign = foreign


@dataclass(frozen=True)
class Response:
    """Response to an accepted request: the JSON (None if empty) and the headers."""

    json: Any
    headers: Mapping[str, str]


def read_response(
    status: int, headers: Mapping[str, str], content: bytes | bytearray, *, keyed: bool = False, items: bool = False
) -> Response:
    """Read a response of any status but a redirect.

    Args:
        status: The HTTP status.
        headers: The headers; their names are case-insensitive.
        content: The decoded body.
        keyed: Whether the body's keys are names that administrators chose, so that one named "error" means no error.
        items: Whether the body is a list in which the caller reads the error of each item.

    Raises:
        RequestRejected: Oomnitza rejected the request.
        TransientFailure: The server failed, or the response is broken.
    """
    if status >= 500 or status in _TRANSIENT:
        # Only 429 proves that the request was not processed.
        raise TransientFailure(f"Oomnitza answered HTTP {status}", status != 429, headers.get("Retry-After"))
    if status < 200 or status == 206:
        # An interim or partial response proves nothing.
        raise TransientFailure(f"Oomnitza answered HTTP {status}, which is not a complete response", sent=True)
    if status >= 400:
        raise RequestRejected(status, _rejection(status, content))
    if not content or content.isspace():
        return Response(None, headers)
    document = _parse(content)
    if document is _NOT_JSON:
        raise TransientFailure(f"Oomnitza answered HTTP {status} with something that is not JSON", True, foreign=True)
    reason = error_in(document, keyed, items)
    if reason is not None:
        raise RequestRejected(status, reason)
    return Response(document, headers)


_VERDICTS = ("error", "errors", "success")


def error_in(document: Any, keyed: bool = False, items: bool = False) -> str | None:
    """Return the reason if a 2xx response is a rejection, else None.

    The rejection may be that of one item of a list.
    """
    if isinstance(document, list):
        return None if items else next(filter(None, map(error_in, document)), None)
    if not isinstance(document, dict) or document.keys().isdisjoint(_VERDICTS):
        return None
    found = [document.get(name) for name in ("error", "errors")]
    failed = str(document.get("success", True)).strip().lower() in ("false", "0")
    if not failed and not any(any(_leaves(each)) for each in found if not (keyed and isinstance(each, dict))):
        return None
    return words(document) or "no reason is given"


def words(found: Any) -> str:
    """Return an error as one line of at most 300 characters.

    The line has no markup, and secrets are masked.
    """
    # Masked twice: a secret may look like markup, or have markup inside.
    text = masked(_flat(found))[:_LONGEST_TEXT]
    text = masked(" ".join(html.unescape(_NO_WORDS.sub(" ", text)).split()))
    return "".join(filter(str.isprintable, text))[:_REASON]


def _rejection(status: int, content: bytes | bytearray) -> str:
    """Return Oomnitza's reason of a 4xx response."""
    document = _parse(content) if len(content) < _FEW else _NOT_JSON
    found = content[: 4 * _LONGEST_TEXT].decode(errors="replace") if document is _NOT_JSON else document
    reason = words(found) if found else ""
    if reason and status == 403:
        return f"{reason} (HTTP 403)"  # a hint to change the role, not the record
    return reason or f"HTTP {status}"


def _flat(found: Any) -> str:
    """Return an error of any shape as text.

    `{"errors": {"email": ["is taken"]}}` becomes "email: is taken".
    """
    parts: list[str] = []
    size = 0
    for part in _leaves(found):
        parts.append(part)
        size += len(part)
        if size > LONGEST_TEXT:
            break
    return ", ".join(parts)


def _leaves(found: Any) -> Iterator[str]:
    """Yield the texts of an error with their names, without recursion."""
    nodes = [("", found)]  # the server decides how deep its error is nested
    while nodes:
        name, node = nodes.pop()
        if isinstance(node, dict):
            reason = next((node[word] for word in WORDS if node.get(word) and node[word] is not True), None)
            inner = [(str(key), value) for key, value in node.items()] if reason is None else [(name, reason)]
            nodes += reversed(inner)
        elif isinstance(node, list):
            nodes += [(name, each) for each in reversed(node)]
        elif node not in (None, "", False):
            yield f"{name}: {node}" if name else str(node)


_NOT_JSON = object()
_HALF_A_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")


def _parse(content: bytes | bytearray) -> Any:
    """Return the JSON of a body, or _NOT_JSON.

    Raises TransientFailure if it has more than MAX_VALUES values.
    """
    if len(content) > _FEW and sum(map(content.count, (b",", b":", b"[", b"{"))) > MAX_VALUES:
        raise TransientFailure("Oomnitza answered with more values than a page can hold", sent=True)
    try:
        return orjson.loads(content)
    except ValueError:
        pass  # outside the handler, so that the error with its whole text is freed
    if not _HALF_A_PAIR.search(content):
        return _NOT_JSON
    try:
        return json.loads(content)  # unlike orjson, accepts half an emoji, as at the end of a truncated name
    except (ValueError, RecursionError):
        return _NOT_JSON
