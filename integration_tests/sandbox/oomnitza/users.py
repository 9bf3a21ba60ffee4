"""People in Oomnitza: `/api/v3/users`, and the ways to a token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from integration_tests.sandbox.oomnitza.api import Api, RefusalError, answer, body_object
from integration_tests.sandbox.oomnitza.fields import Field, custom, metadata
from integration_tests.sandbox.oomnitza.store import DuplicateError, Row


class Users(Api):
    """`/api/v3/users`, `users/meta`, `request_token` and `mappings`."""

    def users_routes(self) -> list[BaseRoute]:
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

    def add_person(self, *, twin: bool = False, **values: Any) -> str:
        """Somebody who is there already; the `user_id`. User name, address and role are made up where missing.

        `twin=True` lets them have a unique value that somebody else has, as old data can.
        """
        number = self.store.value("SELECT count(*) FROM people") + 1
        given = {"username": f"person{number}", "email": f"person{number}@acme.example.com", "role": 25, **values}
        return str(
            self.store.create(self.checked(given, new=True, ignore_restriction=True), "sandbox", twin)["user_id"]
        )

    def people(self) -> list[Row]:
        """Everybody, as the API shows them, in the order of creation."""
        return [self.shown(row) for row in self.store.rows("SELECT * FROM people ORDER BY uid")]

    def person(self, **having: Any) -> Row | None:
        """The first of them who has these values: `person(email="...")`."""
        return next((p for p in self.people() if all(p.get(k) == v for k, v in having.items())), None)

    def edit_person(self, user_id: str, **values: Any) -> None:
        """Change somebody behind the connector's back."""
        self.store.update(user_id, self.checked(values, new=False, ignore_restriction=True), "administrator")

    def changes(self) -> list[Row]:
        """Every creation and edit: number, at (Unix seconds), user_id, action ("added", "updated"), fields, before, after."""
        rows = self.store.rows("SELECT * FROM changes ORDER BY number")
        values = [{name: orjson.loads(row[name]) for name in ("before", "after")} for row in rows]
        return [{**row, **each, "fields": sorted(each["after"])} for row, each in zip(rows, values, strict=True)]

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
        return self.reply(request, [])

    async def _meta(self, request: Request) -> Response:
        self.admit(request, "users")
        if self.switches.meta_status != 200:
            raise RefusalError(self.switches.meta_status, "Not available.")
        return self.reply(request, metadata(list(self.store.fields.values()), self.switches.flags))

    async def _users(self, request: Request) -> Response:
        self.admit(request, "users")
        limit, skip = self.listing(request)
        columns = self.store.columns()
        where, order = self.where(request, columns), self.order(request, columns, "uid")
        rows, total = self.store.people(where, order, limit, skip)
        shown = self.pick(request, [self.shown(row) for row in rows], columns)
        return self.reply(request, shown, X_Total_Count=str(total))

    async def _user(self, request: Request) -> Response:
        self.admit(request, "users")
        return self.reply(request, self.shown(self.known(request.path_params["user_id"])))

    async def _create(self, request: Request) -> Response:
        account = self.admit(request, "users")
        values = self.checked(await body_object(request), new=True, ignore_restriction=_ignores(request))
        try:
            return self.reply(request, self.shown(self.store.create(values, account.user)))
        except DuplicateError as error:
            raise RefusalError(self.switches.duplicate_status, str(error)) from error

    async def _edit(self, request: Request) -> Response:
        account = self.admit(request, "users")
        user_id = self.known(request.path_params["user_id"])["user_id"]
        values = self.checked(await body_object(request), new=False, ignore_restriction=_ignores(request))
        try:
            return self.reply(request, self.shown(self.store.update(user_id, values, account.user)))
        except DuplicateError as error:
            raise RefusalError(self.switches.duplicate_status, str(error)) from error

    def known(self, user_id: str, status: int = 404) -> Row:
        """The person with an id. Raises RefusalError."""
        row = self.store.person(user_id)
        if row is None:
            raise RefusalError(status, f"There is no user {user_id!r}.")
        return row

    def checked(self, given: Row, new: bool, ignore_restriction: bool) -> Row:
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
