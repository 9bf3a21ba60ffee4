"""Parses arguments and cursors of a call, and hides what a token cannot see."""

from __future__ import annotations

import base64
import hashlib
import re
from urllib.parse import parse_qsl

import orjson
from starlette.requests import Request

from integration_tests.sandbox.slack.members import Member
from integration_tests.sandbox.slack.tokens import SlackError

Params = dict[str, str]


def seen(member: Member, private: set[str], hidden: set[str]) -> Member:
    """Return the part of a member that a token can see."""
    shown = {name: value for name, value in member.items() if name not in private}
    if hidden:
        shown["profile"] = {name: value for name, value in member["profile"].items() if name not in hidden}
    return shown


def sealed(position: int, listing: str) -> str:
    """Return an opaque cursor that is valid for one listing only."""
    digest = hashlib.blake2b(f"{listing} {position}".encode(), digest_size=6).hexdigest()
    return base64.b64encode(f"user:{position}:{digest}".encode()).decode()


def opened(cursor: str, listing: str) -> int:
    """Return the position in a cursor of this listing. Raises SlackError."""
    if not cursor:
        return 0
    try:
        text = base64.b64decode(cursor, validate=True).decode()
    except ValueError as error:
        raise SlackError("invalid_cursor") from error
    found = re.fullmatch(r"user:(\d+):[0-9a-f]+", text)
    if found is None or sealed(int(found[1]), listing) != cursor:
        raise SlackError("invalid_cursor")
    return int(found[1])


def whole(params: Params, name: str, default: int) -> int:
    """Return a positive integer; `limit=0` counts as absent, as with Slack."""
    text = params.get(name, "")
    if text in ("", "0"):
        return default
    if not text.isdigit():
        raise SlackError("invalid_limit" if name == "limit" else "invalid_arguments")
    return int(text)


def boolean(params: Params, name: str) -> bool:
    """Return a flag; False if absent."""
    return params.get(name, "false").lower() in ("true", "1")


async def arguments(request: Request) -> Params:
    """Return the arguments of a call: from the query, a form, or a JSON body."""
    params = dict(request.query_params)
    body = await request.body()
    if not body:
        return params
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return {**params, **dict(parse_qsl(body.decode(), keep_blank_values=True))}
    if kind == "application/json":
        try:
            given = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise SlackError("invalid_json") from error
        if not isinstance(given, dict):
            raise SlackError("json_not_object")
        return {**params, **{k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in given.items()}}
    raise SlackError("invalid_form_data" if request.method == "POST" else "invalid_arguments")
