"""People in Oomnitza: `/api/v3/users` and their metadata."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from integration_tests.sandbox.oomnitza.api import Api, body_object
from integration_tests.sandbox.oomnitza.errors import DuplicateValue, RequestRejected
from integration_tests.sandbox.oomnitza.fields import metadata
from integration_tests.sandbox.oomnitza.person_values import check_person
from integration_tests.sandbox.oomnitza.store import Row


class UserRoutes:
    """`/api/v3/users` and `/api/v3/users/meta`."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._oomnitza = api.oomnitza
        self._store = api.oomnitza.store

    def routes(self) -> list[BaseRoute]:
        """Return the routes of this part."""
        return [
            Route("/api/v3/users", self._users, methods=["GET"]),
            Route("/api/v3/users", self._create, methods=["POST"]),
            Route("/api/v3/users/meta", self._meta, methods=["GET"]),
            Route("/api/v3/users/{user_id}", self._user, methods=["GET"]),
            Route("/api/v3/users/{user_id}", self._edit, methods=["PATCH"]),
        ]

    async def _meta(self, request: Request) -> Response:
        self._api.admit(request, "users")
        switches = self._oomnitza.switches
        if switches.meta_status != 200:
            raise RequestRejected(switches.meta_status, "Not available.")
        return self._api.reply(request, metadata(list(self._store.fields.values()), switches.flags))

    async def _users(self, request: Request) -> Response:
        self._api.admit(request, "users")
        limit, skip = self._api.listing(request)
        columns = self._store.columns()
        where, order = self._api.where(request, columns), self._api.order(request, columns, "uid")
        rows, total = self._store.people(where, order, limit, skip)
        shown = self._api.pick(request, [self._oomnitza.shown(row) for row in rows], columns)
        return self._api.reply(request, shown, X_Total_Count=str(total))

    async def _user(self, request: Request) -> Response:
        self._api.admit(request, "users")
        return self._api.reply(request, self._oomnitza.shown(self._api.known_person(request.path_params["user_id"])))

    async def _create(self, request: Request) -> Response:
        account = self._api.admit(request, "users")
        values = await self._values(request, new=True)
        try:
            created = self._store.create(values, account.user)
        except DuplicateValue as error:
            raise RequestRejected(self._oomnitza.switches.duplicate_status, str(error)) from error
        return self._api.reply(request, self._oomnitza.shown(created))

    async def _edit(self, request: Request) -> Response:
        account = self._api.admit(request, "users")
        user_id = self._api.known_person(request.path_params["user_id"])["user_id"]
        values = await self._values(request, new=False)
        try:
            edited = self._store.update(user_id, values, account.user)
        except DuplicateValue as error:
            raise RequestRejected(self._oomnitza.switches.duplicate_status, str(error)) from error
        return self._api.reply(request, self._oomnitza.shown(edited))

    async def _values(self, request: Request, *, new: bool) -> Row:
        given = await body_object(request)
        ignore_restriction = self._api.flag(request, "Oomnitza-Ignore-Meta-Restriction")
        return check_person(self._store.fields, given, new=new, ignore_restriction=ignore_restriction)
