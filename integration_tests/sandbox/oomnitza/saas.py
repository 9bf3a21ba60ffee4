"""SaaS applications in Oomnitza: who is assigned to them, in which role, and who is active there.

Names of applications are not unique: Oomnitza may let two of a name happen, and so does this, so that a test can see
that one was created twice. Roles are in `saas_roles.py`.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from integration_tests.sandbox.oomnitza.api import Api, are_texts, body_json, body_object, text_of
from integration_tests.sandbox.oomnitza.errors import RequestRejected
from integration_tests.sandbox.oomnitza.filters import Column, Where
from integration_tests.sandbox.oomnitza.instance import LISTED, NO_ROLE
from integration_tests.sandbox.oomnitza.store import Row, ident

SAAS_COLUMNS = {"saas_id": Column("saas_id", "integer"), "saas_name": Column("saas_name", "text")}
USER_COLUMNS = {
    "user_id": Column("su.user_id", "text", exact=True),
    "saas_user_id": Column("su.saas_user_id", "text", exact=True),
    "user_external_id": Column("su.user_external_id", "text", exact=True),
    "email": Column("p.email", "text"),
    "username": Column("p.username", "text"),
    "full_name": Column("p.full_name", "text"),
    "last_visit": Column("su.last_visit", "integer"),
}


class SaasRoutes:
    """`/api/v3/saas` and `/api/v3/saas_users`."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._oomnitza = api.oomnitza
        self._store = api.oomnitza.store

    def routes(self) -> list[BaseRoute]:
        """Return the routes of this part."""
        one = "/api/v3/saas/{saas_id}"
        return [
            Route("/api/v3/saas", self._applications, methods=["GET"]),
            Route("/api/v3/saas", self._create_application, methods=["POST"]),
            Route(one, self._application, methods=["GET"]),
            Route(f"{one}/users", self._application_users, methods=["GET"]),
            Route(f"{one}/users", self._assign, methods=["POST"]),
            Route(f"{one}/users/{{user_id}}", self._set_external_id, methods=["POST"]),
            Route("/api/v3/saas_users", self._all_users, methods=["GET"]),
            Route("/api/v3/saas_users/activate", self._activate, methods=["PATCH"]),
            Route("/api/v3/saas_users/deactivate", self._deactivate, methods=["PATCH"]),
        ]

    # Applications

    async def _applications(self, request: Request) -> Response:
        self._api.admit(request, "saas")
        limit, skip = self._api.listing(request)
        where = self._api.where(request, SAAS_COLUMNS)
        order = self._api.order(request, SAAS_COLUMNS, "saas_id")
        rows = self._store.rows(
            f"SELECT * FROM saas WHERE {where.sql} ORDER BY {order} LIMIT ? OFFSET ?", (*where.parameters, limit, skip)
        )
        total = self._store.value(f"SELECT count(*) FROM saas WHERE {where.sql}", where.parameters)
        return self._api.reply(request, [_shown_application(row) for row in rows], X_Total_Count=str(total))

    async def _create_application(self, request: Request) -> Response:
        self._api.admit(request, "saas")
        body = await body_object(request)
        unknown = set(body) - {"saas_name", "publisher", "url", "category"}
        if unknown:
            raise RequestRejected(400, f"Unknown or read-only field: {', '.join(sorted(unknown))}.")
        saas_id = self._oomnitza.add_application(text_of(body, "saas_name"), "api")
        return self._api.reply(request, {"saas_id": saas_id}, self._oomnitza.switches.saas_created_status)

    async def _application(self, request: Request) -> Response:
        self._api.admit(request, "saas")
        return self._api.reply(request, _shown_application(self._api.known_application(request)))

    # Users of an application

    async def _application_users(self, request: Request) -> Response:
        self._api.admit(request, "saas")
        saas_id = self._api.known_application(request)["saas_id"]
        limit, skip = self._api.listing(request, frozenset({"limit", "skip", "last_visit", "roles"}))
        where = Where("su.saas_id = ?", (saas_id,))
        if "limit" not in request.query_params or not self._oomnitza.switches.saas_users_paging:
            limit, skip = -1, 0
        return self._api.reply(request, self._user_rows(where, limit, skip))

    async def _all_users(self, request: Request) -> Response:
        self._api.admit(request, "saas")
        limit, skip = self._api.listing(request, frozenset({"limit", "skip", "filter", "text", "roles"}))
        return self._api.reply(request, self._user_rows(self._api.where(request, USER_COLUMNS), limit, skip))

    def _user_rows(self, where: Where, limit: int, skip: int) -> list[Row]:
        rows = self._store.rows(
            f"{LISTED} WHERE {where.sql} ORDER BY su.number LIMIT ? OFFSET ?", (*where.parameters, limit, skip)
        )
        roles = self._oomnitza.roles_of(rows)
        return [self._shown_user(row, roles[row["saas_id"], row["user_id"]]) for row in rows]

    def _shown_user(self, row: Row, roles: list[Row]) -> Row:
        shown = {
            "user_id": row["user_id"],
            "username": row["username"],
            "email": row["email"],
            "full_name": row["full_name"] or "",
            "last_visit": row["last_visit"],
            "old_usage": False,
            "media_url": "",
            "contract_id": "",
            "user_external_id": row["user_external_id"],
            "roles": roles if self._oomnitza.switches.saas_roles == "list" else (roles[0] if roles else NO_ROLE),
        }
        if self._oomnitza.switches.saas_user_id:
            shown["saas_user_id"] = row["saas_user_id"]
        active = bool(row["active"])
        words = {"deactivated": not active, "status": "active" if active else "deactivated"}
        if self._oomnitza.switches.saas_activity is not None:
            shown[self._oomnitza.switches.saas_activity] = words.get(self._oomnitza.switches.saas_activity, active)
        return shown

    async def _assign(self, request: Request) -> Response:
        self._api.admit(request, "saas")
        saas_id = self._api.known_application(request)["saas_id"]
        batch = await body_json(request)
        if not isinstance(batch, list) or not batch:
            raise RequestRejected(400, "The body must be a list.")
        for entry in batch:
            if not isinstance(entry, dict) or set(entry) != {"user_id", "assign"} or type(entry["assign"]) is not bool:
                raise RequestRejected(400, "Every entry must have user_id and assign, and no more.")
            self._api.known_person(text_of(entry, "user_id"), 400)
        self._store.many(
            "INSERT OR IGNORE INTO saas_users (saas_user_id, saas_id, user_id) VALUES (?, ?, ?)",
            [
                (ident("saas user", saas_id, entry["user_id"]), saas_id, entry["user_id"])
                for entry in batch
                if entry["assign"]
            ],
        )
        gone = [(saas_id, entry["user_id"]) for entry in batch if not entry["assign"]]
        self._store.many("DELETE FROM saas_users WHERE saas_id = ? AND user_id = ?", gone)
        own_roles = "role_id IN (SELECT role_id FROM roles WHERE saas_id = ?)"
        self._store.many(f"DELETE FROM role_users WHERE {own_roles} AND user_id = ?", gone)
        reply = self._api.reply(request, {})
        reply.body = self._oomnitza.switches.assign_answer
        reply.headers["content-length"] = str(len(reply.body))
        return reply

    async def _set_external_id(self, request: Request) -> Response:
        self._api.admit(request, "saas")
        saas_id = self._api.known_application(request)["saas_id"]
        user_id = self._api.known_person(request.path_params["user_id"])["user_id"]
        body = await body_object(request)
        if set(body) != {"user_external_id"} or not isinstance(body["user_external_id"], str):
            raise RequestRejected(400, "The body must have user_external_id, a text, and no more.")
        external_id = body["user_external_id"]
        touched = self._store.run(
            "UPDATE saas_users SET user_external_id = ? WHERE saas_id = ? AND user_id = ?",
            (external_id, saas_id, user_id),
        )
        errors = [] if touched else [f"The user {user_id} is not assigned to the SaaS."]
        return self._api.reply(request, {"user_external_id": external_id, "errors": errors})

    # Activity

    async def _activate(self, request: Request) -> Response:
        return await self._set_activity(request, True)

    async def _deactivate(self, request: Request) -> Response:
        return await self._set_activity(request, False)

    async def _set_activity(self, request: Request, active: bool) -> Response:
        self._api.admit(request, "saas")
        body = await body_object(request)
        ids = body.get("saas_user_ids", [])
        if set(body) != {"saas_user_ids"} or not are_texts(ids):
            raise RequestRejected(400, "The body must have saas_user_ids, a list of ids, and no more.")
        name = "saas_user_id" if self._oomnitza.switches.saas_user_id else "user_id"
        answers = []
        for one in ids:
            owner = self._store.value(f"SELECT user_id FROM saas_users WHERE {name} = ?", (one,))
            error = f"There is no SaaS user {one!r}." if owner is None else self._oomnitza.refuse_activity.get(owner)
            if error is None:
                self._store.run(f"UPDATE saas_users SET active = ? WHERE {name} = ?", (active, one))
            answers.append({"saas_user_id": one, "error": error})
        return self._api.reply(request, answers)


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
