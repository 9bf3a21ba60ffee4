"""Oomnitza's REST API: authentication, and people. `saas.py` and `ingest.py` add the rest.

Facts: Oomnitza's published OpenAPI document and the project's `oomnitza.md`. Where they leave a point open, a switch
(`switches.py`) decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from .fields import ROLES, Field, custom, metadata
from .filters import FilterError, Where, parse
from .store import DuplicateError, Row, Store
from .switches import Switches

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
            return parse(expression, columns, self.switches.case_sensitive)
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


class People(Api):
    """`/api/v3/users`, and the ways to a token."""

    def routes(self) -> list[BaseRoute]:
        """The routes of this part."""
        return [
            Route("/api/request_token", self._request_token, methods=["POST"]),
            Route("/api/v2/mappings", self._mappings, methods=["GET"]),
            Route("/api/v3/users", self._users, methods=["GET"]),
            Route("/api/v3/users", self._create, methods=["POST"]),
            Route("/api/v3/users/meta", self._meta, methods=["GET"]),
            Route("/api/v3/users/{user_id}", self._user, methods=["GET"]),
            Route("/api/v3/users/{user_id}", self._edit, methods=["PATCH"]),
        ]

    def app(self, pages: Sequence[BaseRoute] = ()) -> Starlette:
        """The ASGI application."""
        app = Starlette(
            routes=[*self.routes(), *pages], exception_handlers={RefusalError: _refused, 404: _missing, 405: _missing}
        )
        app.router.redirect_slashes = False
        return app

    # What tests use

    def add_field(
        self,
        external_id: str,
        label: str,
        data_type: str = "text",
        *,
        unique: bool = False,
        editable: bool = True,
        internal_id: str | None = None,
        choices: Sequence[tuple[str, str]] = (),
        length: int = 255,
    ) -> str:
        """A custom field of people; its internal id. Not editable: needs Oomnitza-Ignore-Meta-Restriction."""
        more = {"internal_id": internal_id} if internal_id else {}
        field = custom(
            external_id,
            label,
            data_type,
            unique=unique,
            editable=editable,
            choices=tuple(choices),
            length=length,
            **more,
        )
        self.store.add_field(field)
        return field.internal_id

    def set_field(self, external_id: str, **changes: Any) -> None:
        """Change how a field is described and what it takes: `editable=False`, `unique=False`, `label="..."`, ..."""
        self.store.fields[external_id] = replace(self.store.fields[external_id], **changes)

    def add_person(self, **values: Any) -> str:
        """Somebody who is there already; the `user_id`. User name, address and role are made up where missing."""
        number = self.store.value("SELECT count(*) FROM people") + 1
        given = {"username": f"person{number}", "email": f"person{number}@acme.example.com", "role": 25, **values}
        return str(self.store.create(self._checked(given, new=True, ignore_restriction=True), "sandbox")["user_id"])

    def people(self) -> list[Row]:
        """Everybody, as the API shows them, in the order of creation."""
        return [self.shown(row) for row in self.store.rows("SELECT * FROM people ORDER BY uid")]

    def person(self, **having: Any) -> Row | None:
        """The first of them who has these values: `person(email="...")`."""
        return next((p for p in self.people() if all(p.get(k) == v for k, v in having.items())), None)

    def edit_person(self, user_id: str, **values: Any) -> None:
        """Change somebody behind the connector's back."""
        self.store.update(user_id, self._checked(values, new=False, ignore_restriction=True), "administrator")

    def changes(self) -> list[Row]:
        """Every creation and edit: number, at (Unix seconds), user_id, action ("added", "updated"), fields."""
        rows = self.store.rows("SELECT * FROM changes ORDER BY number")
        return [{**row, "fields": orjson.loads(row["fields"])} for row in rows]

    def shown(self, row: Row) -> Row:
        """A person as the API gives them."""
        shown: Row = {}
        for name, field in self.store.fields.items():
            value = row[name]
            if value is None:
                if self.switches.empty == "null":
                    shown[name] = None
                elif self.switches.empty == "empty" and field.kind == "text":
                    shown[name] = ""
            else:
                shown[name] = bool(value) if field.kind == "boolean" else value
        return shown

    # HTTP

    async def _request_token(self, request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
            raise RefusalError(400, "The body must be form-encoded.")
        form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        if set(form) != {"login", "password"} or request.url.query:
            raise RefusalError(400, "The body must have login and password, and the address no parameters.")
        if (form["login"], form["password"]) != (self.username, self.password):
            raise RefusalError(401, "Wrong user name or password.")
        return answer({"token": self.issue_token(user=form["login"])})

    async def _mappings(self, request: Request) -> Response:
        self.admit(request, "mappings")
        if request.query_params.get("name") != "AuthTest":
            raise RefusalError(400, "name is missing.")
        return self._answer(request, [])

    async def _meta(self, request: Request) -> Response:
        self.admit(request, "users")
        if self.switches.meta_status != 200:
            raise RefusalError(self.switches.meta_status, "Not available.")
        return self._answer(request, metadata(list(self.store.fields.values()), self.switches.flags))

    async def _users(self, request: Request) -> Response:
        self.admit(request, "users")
        limit, skip = self.listing(request)
        columns = self.store.columns()
        where, order = self.where(request, columns), self.order(request, columns, "uid")
        rows, total = self.store.people(where, order, limit, skip)
        shown = self.pick(request, [self.shown(row) for row in rows], columns)
        return self._answer(request, shown, X_Total_Count=str(total))

    async def _user(self, request: Request) -> Response:
        self.admit(request, "users")
        return self._answer(request, self.shown(self.known(request.path_params["user_id"])))

    async def _create(self, request: Request) -> Response:
        account = self.admit(request, "users")
        values = self._checked(await body_object(request), new=True, ignore_restriction=_ignores(request))
        try:
            return self._answer(request, self.shown(self.store.create(values, account.user)))
        except DuplicateError as error:
            raise RefusalError(self.switches.duplicate_status, str(error)) from error

    async def _edit(self, request: Request) -> Response:
        account = self.admit(request, "users")
        user_id = self.known(request.path_params["user_id"])["user_id"]
        values = self._checked(await body_object(request), new=False, ignore_restriction=_ignores(request))
        try:
            return self._answer(request, self.shown(self.store.update(user_id, values, account.user)))
        except DuplicateError as error:
            raise RefusalError(self.switches.duplicate_status, str(error)) from error

    def known(self, user_id: str, status: int = 404) -> Row:
        """The person with an id. Raises RefusalError."""
        row = self.store.person(user_id)
        if row is None:
            raise RefusalError(status, f"There is no user {user_id!r}.")
        return row

    def _answer(self, request: Request, content: Any, status: int = 200, **headers: str) -> Response:
        csrf = getattr(request.state, "csrf", None)
        return answer(content, status, **headers, **({"X_CSRF_Token": csrf} if csrf else {}))

    def _checked(self, given: Row, new: bool, ignore_restriction: bool) -> Row:
        """A body's values, ready to be kept. Raises RefusalError 400 with all that is wrong."""
        wrong = []
        for name, value in given.items():
            field = self.store.fields.get(name)
            if field is None:
                wrong.append(f"{name}: there is no such field")
            elif not field.editable and (field.system or not ignore_restriction):
                wrong.append(f"{name}: is read-only")
            elif (reason := field.wrong(value)) is not None:
                wrong.append(f"{name}: {reason}")
        if new:
            required = (f.name for f in self.store.fields.values() if not f.optional)
            wrong += [f"{name}: is required" for name in required if name not in given]
        elif not given:
            wrong.append("nothing to change")
        if wrong:
            raise RefusalError(400, "; ".join(wrong))
        return {name: _kept(self.store.fields[name], value) for name, value in given.items()}


def _kept(field: Field, value: Any) -> Any:
    if value == "":
        return None
    if field.kind == "date" and isinstance(value, str):
        return int(datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp())
    return value


def _ignores(request: Request) -> bool:
    header = request.headers.get("oomnitza-ignore-meta-restriction", "0")
    if header not in ("0", "1"):
        raise RefusalError(400, "Oomnitza-Ignore-Meta-Restriction must be 0 or 1.")
    return header == "1"


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


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusalError)
    if error.status == 414:  # the web server in front answers this one
        return Response("<html><body><h1>414 Request-URI Too Large</h1></body></html>", 414, media_type="text/html")
    return answer({"error": error.message}, error.status)


async def _missing(request: Request, error: Exception) -> Response:
    return answer(
        {"error": f"{request.method} {request.url.path}: no such endpoint."}, getattr(error, "status_code", 404)
    )
