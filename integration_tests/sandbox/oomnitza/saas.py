"""Serves SaaS applications.

Their users are in `saas_users.py`, their roles in `saas_roles.py`.

Names of applications are not unique, because Oomnitza may allow two with the same name. So a test can see that an
application was created twice.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from integration_tests.sandbox.oomnitza.api import RouteGroup, body_object, text_of
from integration_tests.sandbox.oomnitza.errors import RequestRejected
from integration_tests.sandbox.oomnitza.filters import Column
from integration_tests.sandbox.oomnitza.store import Row

COLUMNS = {"saas_id": Column("saas_id", "integer"), "saas_name": Column("saas_name", "text")}


class SaasRoutes(RouteGroup):
    """Serves `/api/v3/saas`."""

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/api/v3/saas", self._applications, methods=["GET"]),
            Route("/api/v3/saas", self._create_application, methods=["POST"]),
            Route("/api/v3/saas/{saas_id}", self._application, methods=["GET"]),
        ]

    async def _applications(self, request: Request) -> Response:
        self._api.admit(request, "saas")
        limit, skip = self._api.listing(request)
        where, order = self._api.where(request, COLUMNS), self._api.order(request, COLUMNS, "saas_id")
        sql = f"SELECT * FROM saas WHERE {where.sql} ORDER BY {order} LIMIT ? OFFSET ?"
        rows = self._store.rows(sql, (*where.parameters, limit, skip))
        total = self._store.value(f"SELECT count(*) FROM saas WHERE {where.sql}", where.parameters)
        counted = self._api.counted(total, len(rows), self._store.value("SELECT count(*) FROM saas"))
        return self._api.reply(request, [_shown_application(row) for row in rows], headers=counted)

    async def _create_application(self, request: Request) -> Response:
        self._api.admit(request, "saas")
        body = await body_object(request)
        unknown = set(body) - {"saas_name", "publisher", "url", "category"}
        if unknown and not self._api.flag(request, "Oomnitza-Allow-Unknown-Meta-Fields"):
            raise RequestRejected(400, f"Unknown or read-only field: {', '.join(sorted(unknown))}.")
        saas_id = self._oomnitza.add_application(text_of(body, "saas_name"), "api")
        self._api.changed(request, "saas", saas_id)
        return self._api.reply(request, {"saas_id": saas_id}, self._oomnitza.switches.saas_created_status)

    async def _application(self, request: Request) -> Response:
        self._api.admit(request, "saas")
        return self._api.reply(request, _shown_application(self._api.known_application(request)))


def _shown_application(row: Row) -> Row:
    return {
        "saas_id": row["saas_id"],
        "saas_name": row["saas_name"],
        "source": "api",
        "hash": False,
        "ignored": "0",
        "changedate": str(row["created"]),
        "changedby": row["created_by"],
        "creationdate": str(row["created"]),
        "createdby": row["created_by"],
        "linked": "0",
        "link_key": "",
        "deleted": "0",
        "uid": row["saas_id"],
    }
