"""Serves people: `/api/v3/users`, their metadata and their applications."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from integration_tests.sandbox.oomnitza.api import RouteGroup, body_object
from integration_tests.sandbox.oomnitza.errors import DuplicateValue, RequestRejected
from integration_tests.sandbox.oomnitza.fields import metadata
from integration_tests.sandbox.oomnitza.filters import Where
from integration_tests.sandbox.oomnitza.person_values import Allowed
from integration_tests.sandbox.oomnitza.store import Row


class UserRoutes(RouteGroup):
    """Serves `/api/v3/users` and its subpaths."""

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/api/v3/users", self._users, methods=["GET"]),
            Route("/api/v3/users", self._create, methods=["POST"]),
            Route("/api/v3/users/meta", self._meta, methods=["GET"]),
            Route("/api/v3/users/{user_id}", self._user, methods=["GET"]),
            Route("/api/v3/users/{user_id}", self._edit, methods=["PATCH"]),
            Route("/api/v3/users/{user_id}/software/saas", self._applications, methods=["GET"]),
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
        if self._oomnitza.switches.archived == "hidden":
            where = Where(f"({where.sql}) AND deleted = '0'", where.parameters)
        rows, total = self._store.people(where, order, limit, skip)
        shown = self._api.pick(request, [self._oomnitza.shown(row) for row in rows], columns)
        everybody = int(self._store.value("SELECT count(*) FROM people"))
        return self._api.reply(request, shown, headers=self._api.counted(total, len(rows), everybody))

    async def _user(self, request: Request) -> Response:
        self._api.admit(request, "users")
        return self._api.reply(request, self._oomnitza.shown(self._api.known_person(request.path_params["user_id"])))

    async def _create(self, request: Request) -> Response:
        account = self._api.admit(request, "users")
        allowed = self._allowed(request)
        values = self._oomnitza.values.of_creation(await body_object(request), allowed)
        try:
            created = self._oomnitza.create(values, account.user)
        except DuplicateValue as error:
            raise RequestRejected(self._oomnitza.switches.duplicate_status, str(error)) from error
        self._api.changed(request, "users", created["user_id"])
        return self._creation(request, self._oomnitza.shown(created))

    def _creation(self, request: Request, shown: Row) -> Response:
        how = self._oomnitza.switches.creation_answer
        if how == "nothing":
            return Response(status_code=200)
        without = {name: value for name, value in shown.items() if name != "user_id"}
        return self._api.reply(request, {"person": shown, "no_user_id": without, "empty": {}}[how])

    async def _edit(self, request: Request) -> Response:
        account = self._api.admit(request, "users")
        user_id = self._api.known_person(request.path_params["user_id"])["user_id"]
        if user_id in self._oomnitza.refuse_edit:
            raise RequestRejected(403, self._oomnitza.refuse_edit[user_id])
        allowed = self._allowed(request)
        values = self._oomnitza.values.of_edit(await body_object(request), allowed)
        try:
            edited = self._store.update(user_id, values, account.user)
        except DuplicateValue as error:
            raise RequestRejected(self._oomnitza.switches.duplicate_status, str(error)) from error
        self._api.changed(request, "users", user_id)
        return self._api.reply(request, self._oomnitza.shown(edited))

    def _allowed(self, request: Request) -> Allowed:
        restricted = self._api.flag(request, "Oomnitza-Ignore-Meta-Restriction")
        return Allowed(restricted, unknown=self._api.flag(request, "Oomnitza-Allow-Unknown-Meta-Fields"))

    async def _applications(self, request: Request) -> Response:
        self._api.admit(request, "users", "saas")
        user_id = self._api.known_person(request.path_params["user_id"])["user_id"]
        sql = "SELECT su.*, saas.saas_name FROM saas_users su JOIN saas USING (saas_id) WHERE user_id = ? ORDER BY saas_id"
        rows = self._store.rows(sql, (user_id,))
        roles = self._oomnitza.roles_of(rows)
        return self._api.reply(request, [_shown_application(row, roles[row["saas_id"], user_id]) for row in rows])


def _shown_application(row: Row, roles: list[Row]) -> Row:
    return {
        "saas_id": str(row["saas_id"]),
        "saas_name": row["saas_name"],
        "assigned_contract_id": row["contract_id"],
        "available_contracts": [],
        "estimated_spend": 0,
        "roles": roles,
        "uid": row["number"],
    }
