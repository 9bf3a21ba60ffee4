"""The door of Oomnitza's API, and what its endpoints have in common: tokens, errors, listings, bodies.

Facts: Oomnitza's published OpenAPI document and the project's `oomnitza.md`. Where they leave a point open, a switch
(`switches.py`) decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from integration_tests.sandbox.oomnitza.fields import ROLES
from integration_tests.sandbox.oomnitza.filters import FilterError, Where, parse
from integration_tests.sandbox.oomnitza.store import Row, Store
from integration_tests.sandbox.oomnitza.switches import Switches

LONGEST_URL = 8000
DEFAULT_PAGE = 100
LISTING = frozenset({"limit", "skip", "sortby", "fields", "filter"})


class RefusalError(Exception):
    """An answer with an error status and the body `{"error": "..."}`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass
class Account:
    """Whom a token belongs to. `denied` names what its role may not do: "users", "users:write", "saas", "saas:write",
    "ingest", "mappings" (see `Oomnitza.issue_token`)."""

    user: str
    denied: frozenset[str] = frozenset()
    revoked: bool = False
    csrf: str = ""
    csrf_given: bool = False


def answer(content: Any, status: int = 200, **headers: str) -> Response:
    """A JSON answer; header names are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(orjson.dumps(content), status, named, "application/json")


class Api:
    """The service's state and its door: every handler begins with `admit`."""

    def __init__(self, path: Path | None, seed: int, roles: dict[int, str] | None = None) -> None:
        self.roles_of_people = dict(roles or ROLES)
        self.switches = Switches()
        self.store = Store(path, self.roles_of_people)
        self.seed = seed
        self.username, self.password = "airbyte", f"sandbox-password-{seed}"
        self.accounts: dict[str, Account] = {}
        self.token = self.issue_token()

    def issue_token(self, denied: Sequence[str] = (), user: str = "airbyte") -> str:
        """A new token, whose role lacks what `denied` names: an area ("users", "saas", "ingest", "mappings") or the
        writing in it ("users:write", "saas:write")."""
        number = len(self.accounts) + 1
        token = (
            f"sandbox-token-{self.seed}-{hashlib.blake2b(f'{self.seed} {number}'.encode(), digest_size=8).hexdigest()}"
        )
        self.accounts[token] = Account(user, frozenset(denied), csrf=f"csrf-{self.seed}-{number}")
        return token

    def revoke_token(self, token: str | None = None) -> None:
        """Refuse a token (the first unless told) from now on."""
        self.accounts[token or self.token].revoked = True

    def deny(self, *areas: str, token: str | None = None) -> None:
        """Take access away from a token's role, from now on."""
        account = self.accounts[token or self.token]
        account.denied = account.denied | set(areas)

    def admit(self, request: Request, area: str) -> Account:
        """The account that asks. Raises RefusalError 401, 403 or 414."""
        query = request.url.query
        if len(request.url.path) + len(query) + 1 > LONGEST_URL:
            raise RefusalError(414, "")
        if "authorization" in request.headers:
            raise RefusalError(401, "The header Authorization is not for tokens here.")
        if any(token in query for token in self.accounts):
            raise RefusalError(401, "A token in an address is refused.")
        account = self.accounts.get(request.headers.get("authorization2", ""))
        if account is None or account.revoked:
            raise RefusalError(401, "The API token is not valid.")
        writes = request.method != "GET"
        if area in account.denied or (writes and f"{area}:write" in account.denied):
            raise RefusalError(403, f"The role of {account.user} has no access to {area}.")
        self._check_csrf(request, account, writes)
        return account

    def _check_csrf(self, request: Request, account: Account, writes: bool) -> None:
        sent = request.headers.get("x-csrf-token")
        if self.switches.csrf == "off":
            return
        if sent is not None and sent != account.csrf:
            raise RefusalError(403, "The CSRF token is wrong.")
        if sent is None and writes and account.csrf_given and self.switches.csrf == "demanded":
            raise RefusalError(403, "The CSRF token is missing.")
        account.csrf_given = True
        request.state.csrf = account.csrf

    def reply(self, request: Request, content: Any, status: int = 200, **headers: str) -> Response:
        """A JSON answer to someone who was admitted."""
        csrf = getattr(request.state, "csrf", None)
        return answer(content, status, **headers, **({"X_CSRF_Token": csrf} if csrf else {}))

    # What every listing has in common

    def listing(self, request: Request, allowed: frozenset[str] = LISTING) -> tuple[int, int]:
        """`limit` and `skip` of a request that has no other parameters than the allowed ones."""
        unknown = set(request.query_params) - allowed
        if unknown:
            raise RefusalError(400, f"Unknown parameter: {', '.join(sorted(unknown))}.")
        limit = _whole(request, "limit", DEFAULT_PAGE)
        if not 1 <= limit <= self.switches.max_page:
            raise RefusalError(400, f"limit must be 1 to {self.switches.max_page}.")
        return limit, _whole(request, "skip", 0)

    def where(self, request: Request, columns: dict[str, Any]) -> Where:
        """The condition in `filter`."""
        expression = request.query_params.get("filter")
        if expression is None:
            return Where("1", ())
        try:
            return parse(expression, columns, self.switches.case_sensitive, self.switches.backslash_escapes)
        except FilterError as error:
            raise RefusalError(400, f"Bad filter: {error}") from error

    def order(self, request: Request, columns: dict[str, Any], default: str) -> str:
        """The SQL order in `sortby`; ties in the order of creation."""
        parts = []
        for part in filter(None, request.query_params.get("sortby", "").split(",")):
            name, _, direction = part.strip().partition(" ")
            if name not in columns or direction.strip().lower() not in ("", "asc", "desc"):
                raise RefusalError(400, f"Bad sortby: {part!r}.")
            parts.append(f"{columns[name].sql} {'DESC' if direction.strip().lower() == 'desc' else 'ASC'}")
        return ", ".join([*parts, default])

    def pick(self, request: Request, rows: list[Row], columns: dict[str, Any]) -> list[Row]:
        """The fields that `fields` asks for."""
        wanted = [name.strip() for name in request.query_params.get("fields", "").split(",") if name.strip()]
        unknown = [name for name in wanted if name not in columns]
        if unknown:
            raise RefusalError(400, f"Unknown field: {', '.join(unknown)}.")
        return [{name: row[name] for name in wanted if name in row} for row in rows] if wanted else rows


def _whole(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isdigit():
        raise RefusalError(400, f"{name} must be a whole number.")
    return int(text)


async def body_json(request: Request) -> Any:
    """A JSON body. Raises RefusalError 415 or 400."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RefusalError(415, "The body must be JSON.")
    try:
        return orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise RefusalError(400, f"The body is no JSON: {error}") from error


async def body_object(request: Request) -> Row:
    """A JSON body that is an object. Raises RefusalError 415 or 400."""
    given = await body_json(request)
    if not isinstance(given, dict):
        raise RefusalError(400, "The body must be an object.")
    return given


async def refused(_request: Request, error: Exception) -> Response:
    """The answer that a RefusalError stands for."""
    assert isinstance(error, RefusalError)
    if error.status == 414:  # the web server in front answers this one
        return Response("<html><body><h1>414 Request-URI Too Large</h1></body></html>", 414, media_type="text/html")
    return answer({"error": error.message}, error.status)


async def missing(request: Request, error: Exception) -> Response:
    """The answer to a path or a method that there is not."""
    return answer(
        {"error": f"{request.method} {request.url.path}: no such endpoint."}, getattr(error, "status_code", 404)
    )
