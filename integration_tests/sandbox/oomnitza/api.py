"""Authenticates requests, and shares errors, listings and bodies of endpoints.

`docs/oomnitza-api.md` has the source of each fact. A switch (`switches.py`) decides each open point.
"""

from __future__ import annotations

import html
import itertools
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from integration_tests.sandbox.oomnitza.errors import RequestRejected
from integration_tests.sandbox.oomnitza.filters import FilterError, Where, parse
from integration_tests.sandbox.oomnitza.instance import Account, Oomnitza
from integration_tests.sandbox.oomnitza.store import Row

LONGEST_URL = 8000
DEFAULT_PAGE = 100
LISTING = frozenset({"limit", "skip", "sortby", "fields", "filter"})


def answer(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON response."""
    return Response(orjson.dumps(content), status, headers, "application/json")


class Api:
    """Serves all routes of an instance. Every handler begins with `admit`."""

    def __init__(self, oomnitza: Oomnitza) -> None:
        self.oomnitza = oomnitza
        self._requests = itertools.count(1)

    def admit(self, request: Request, *areas: str) -> Account:
        """Return the requesting account. Raises RequestRejected 401, 403 or 414."""
        query = request.url.query
        if len(request.url.path) + len(query) + 1 > LONGEST_URL:
            raise RequestRejected(414, "")
        if "authorization" in request.headers:
            raise RequestRejected(401, "The header Authorization is not for tokens here.")
        if any(token in query for token in self.oomnitza.accounts):
            raise RequestRejected(401, "A token in an address is refused.")
        account = self.oomnitza.accounts.get(request.headers.get("authorization2", ""))
        if account is None or account.revoked or account.requests_left == 0:
            raise RequestRejected(401, "The API token is not valid.")
        if account.requests_left is not None:
            account.requests_left -= 1
        writes = request.method != "GET"
        for area in areas:
            if area in account.denied or (writes and f"{area}:write" in account.denied):
                raise RequestRejected(403, f"The role of {account.user} has no access to {area}.")
        self._check_csrf(request, account, writes)
        return account

    def _check_csrf(self, request: Request, account: Account, writes: bool) -> None:
        sent = request.headers.get("x-csrf-token")
        if self.oomnitza.switches.csrf == "off":
            return
        if sent is not None and sent != account.csrf:
            raise RequestRejected(403, "The CSRF token is wrong.")
        if sent is None and writes and account.csrf_given and self.oomnitza.switches.csrf == "demanded":
            raise RequestRejected(403, "The CSRF token is missing.")
        account.csrf_given = True
        request.state.csrf = account.csrf

    def reply(
        self, request: Request, content: Any, status: int = 200, headers: dict[str, str] | None = None
    ) -> Response:
        """Return a JSON response to an admitted request."""
        csrf = getattr(request.state, "csrf", None)
        return answer(content, status, {**(headers or {}), **({"X-CSRF-Token": csrf} if csrf else {})})

    async def rejected(self, request: Request, error: Exception) -> Response:
        """Return the response for a RequestRejected."""
        assert isinstance(error, RequestRejected)
        how, message, status = self.oomnitza.switches.rejections, error.message, error.status
        if status == 414:  # sent by the web server in front
            return _page("414 Request-URI Too Large", 414)
        if how == "html":
            return _page(message, status)
        if how == "text":
            return Response(message, status, media_type="text/plain")
        if how != "status" and status in (400, 409):
            bodies = {"errors": [message], "error": message, "success": False}
            return answer({how: bodies[how], **({"message": message} if how == "success" else {})})
        return answer({"error": message}, status)

    def listing(self, request: Request, allowed: frozenset[str] = LISTING) -> tuple[int, int]:
        """Return `limit` and `skip`; reject parameters that are not allowed."""
        unknown = set(request.query_params) - allowed
        if unknown:
            raise RequestRejected(400, f"Unknown parameter: {', '.join(sorted(unknown))}.")
        limit, largest = _whole(request, "limit", DEFAULT_PAGE), self.oomnitza.switches.max_page
        if limit < 1 or (limit > largest and self.oomnitza.switches.above_max_page == "rejected"):
            raise RequestRejected(400, f"limit must be 1 to {largest}.")
        return min(limit, largest), _whole(request, "skip", 0)

    def counted(self, total: int, of_page: int, of_all: int) -> dict[str, str]:
        """Return the header X-Total-Count, or none."""
        words = {"exact": f"{total}", "page": f"{of_page}", "text": f"about {total}", "unfiltered": f"{of_all}"}
        word = words.get(self.oomnitza.switches.total_count)
        return {} if word is None else {"X-Total-Count": word}

    def flag(self, request: Request, header: str) -> bool:
        """Return whether a header of "1" or "0" is on. Raises RequestRejected 400."""
        word = request.headers.get(header, "0")
        if word not in ("0", "1"):
            raise RequestRejected(400, f"{header} must be 0 or 1.")
        return word == "1"

    def changed(self, request: Request, what: str, ident: str) -> None:
        """Start the workflows of a change, unless a header forbids it."""
        if not self.flag(request, "Oomnitza-Not-Trigger-WF"):
            self.oomnitza.workflows.append((what, ident))

    def known_person(self, user_id: str, status: int = 404) -> Row:
        """Return the person with an id. Raises RequestRejected."""
        row = self.oomnitza.store.person(user_id)
        if row is None:
            raise RequestRejected(status, f"There is no user {user_id!r}.")
        return row

    def known_application(self, request: Request) -> Row:
        """Return the application in the path. Raises RequestRejected 404."""
        saas_id = request.path_params["saas_id"]
        sql = "SELECT * FROM saas WHERE saas_id = ?"
        found = self.oomnitza.store.rows(sql, (saas_id,)) if saas_id.isdigit() else []
        if not found:
            raise RequestRejected(404, f"There is no SaaS {saas_id!r}.")
        return found[0]

    def where(self, request: Request, columns: dict[str, Any]) -> Where:
        """Return the condition in `filter`."""
        expression = request.query_params.get("filter")
        if expression is None:
            return Where("1", ())
        switches = self.oomnitza.switches
        try:
            return parse(expression, columns, switches.case_sensitive, switches.backslash_escapes)
        except FilterError as error:
            raise RequestRejected(400, f"Bad filter: {error}") from error

    def order(self, request: Request, columns: dict[str, Any], default: str) -> str:
        """Return the SQL order of `sortby`, with ties by `default` or shuffled."""
        parts = []
        for part in filter(None, request.query_params.get("sortby", "").split(",")):
            name, _, direction = part.strip().partition(" ")
            if name not in columns or direction.strip().lower() not in ("", "asc", "desc"):
                raise RequestRejected(400, f"Bad sortby: {part!r}.")
            parts.append(f"{columns[name].sql} {'DESC' if direction.strip().lower() == 'desc' else 'ASC'}")
        if self.oomnitza.switches.unsorted == "shuffled":
            default = f"mixed({default}, {next(self._requests)})"
        return ", ".join([*parts, default])

    def pick(self, request: Request, rows: list[Row], columns: dict[str, Any]) -> list[Row]:
        """Return the fields that `fields` selects."""
        wanted = [name.strip() for name in request.query_params.get("fields", "").split(",") if name.strip()]
        unknown = [name for name in wanted if name not in columns]
        if unknown:
            raise RequestRejected(400, f"Unknown field: {', '.join(unknown)}.")
        return [{name: row[name] for name in wanted if name in row} for row in rows] if wanted else rows


class RouteGroup:
    """Serves one part of the API; all parts share one `Api`."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._oomnitza = api.oomnitza
        self._store = api.oomnitza.store

    def routes(self) -> list[BaseRoute]:
        """Return the routes of this part."""
        raise NotImplementedError


def _page(words: str, status: int) -> Response:
    text = f"<html><head><title>Error</title></head><body><h1>{html.escape(words)}</h1></body></html>"
    return Response(text, status, media_type="text/html")


def _whole(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isdigit():
        raise RequestRejected(400, f"{name} must be a whole number.")
    return int(text)


def text_of(body: Row, name: str) -> str:
    """Return a text of a body that is not empty. Raises RequestRejected 400."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise RequestRejected(400, f"{name} must be a text.")
    return value


def are_texts(value: Any) -> bool:
    """Return whether it is a list of one or more texts."""
    return isinstance(value, list) and bool(value) and all(isinstance(text, str) for text in value)


async def body_json(request: Request) -> Any:
    """Return a JSON body. Raises RequestRejected 415 or 400."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RequestRejected(415, "The body must be JSON.")
    try:
        return orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise RequestRejected(400, f"The body is no JSON: {error}") from error


async def body_object(request: Request) -> Row:
    """Return a JSON body that is an object. Raises RequestRejected 415 or 400."""
    given = await body_json(request)
    if not isinstance(given, dict):
        raise RequestRejected(400, "The body must be an object.")
    return given


async def missing(request: Request, error: Exception) -> Response:
    """Reject a path or a method that does not exist."""
    return answer(
        {"error": f"{request.method} {request.url.path}: no such endpoint."}, getattr(error, "status_code", 404)
    )
