"""Serves users of SaaS applications: assignments, their ids, and activity."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from integration_tests.sandbox.oomnitza.api import RouteGroup, are_texts, body_json, body_object, text_of
from integration_tests.sandbox.oomnitza.errors import RequestRejected
from integration_tests.sandbox.oomnitza.filters import Column, Where
from integration_tests.sandbox.oomnitza.instance import LISTED, NO_ROLE
from integration_tests.sandbox.oomnitza.store import Row, ident

COLUMNS = {
    "user_id": Column("su.user_id", "text", exact=True),
    "saas_user_id": Column("su.saas_user_id", "text", exact=True),
    "user_external_id": Column("su.user_external_id", "text", exact=True),
    "email": Column("p.email", "text"),
    "username": Column("p.username", "text"),
    "full_name": Column("p.full_name", "text"),
    "last_visit": Column("su.last_visit", "integer"),
}
PARAMETERS = frozenset({"limit", "skip", "sortby"})


class SaasUserRoutes(RouteGroup):
    """Serves `/api/v3/saas/{id}/users` and `/api/v3/saas_users`."""

    def routes(self) -> list[BaseRoute]:
        users = "/api/v3/saas/{saas_id}/users"
        return [
            Route(users, self._application_users, methods=["GET"]),
            Route(users, self._assign, methods=["POST"]),
            Route(f"{users}/{{user_id}}", self._set_external_id, methods=["POST"]),
            Route("/api/v3/saas_users", self._all_users, methods=["GET"]),
            Route("/api/v3/saas_users/activate", self._activate, methods=["PATCH"]),
            Route("/api/v3/saas_users/deactivate", self._deactivate, methods=["PATCH"]),
        ]

    async def _application_users(self, request: Request) -> Response:
        self._api.admit(request, "saas")
        saas_id = self._api.known_application(request)["saas_id"]
        limit, skip = self._api.listing(request, PARAMETERS)
        if "limit" not in request.query_params or not self._oomnitza.switches.saas_users_paging:
            limit, skip = -1, 0
        return self._users(request, Where("su.saas_id = ?", (saas_id,)), limit, skip)

    async def _all_users(self, request: Request) -> Response:
        self._api.admit(request, "saas")
        limit, skip = self._api.listing(request, PARAMETERS | {"filter"})
        return self._users(request, self._api.where(request, COLUMNS), limit, skip)

    def _users(self, request: Request, where: Where, limit: int, skip: int) -> Response:
        sql = f"{LISTED} WHERE {where.sql}"
        order = self._api.order(request, COLUMNS, "su.number")
        rows = self._store.rows(f"{sql} ORDER BY {order} LIMIT ? OFFSET ?", (*where.parameters, limit, skip))
        total = self._store.value(f"SELECT count(*) FROM ({sql})", where.parameters)
        counted = self._api.counted(total, len(rows), self._store.value("SELECT count(*) FROM saas_users"))
        roles = self._oomnitza.roles_of(rows)
        shown = [self._shown_user(row, roles[row["saas_id"], row["user_id"]]) for row in rows]
        return self._api.reply(request, shown, headers=counted)

    def _shown_user(self, row: Row, roles: list[Row]) -> Row:
        shown = {
            "user_id": row["user_id"],
            "username": row["username"],
            "email": row["email"],
            "full_name": row["full_name"] or "",
            "last_visit": row["last_visit"],
            "old_usage": False,
            "media_url": "",
            "contract_id": row["contract_id"],
            "user_external_id": row["user_external_id"],
            "roles": self._shown_roles(roles),
        }
        if self._oomnitza.switches.saas_user_id:
            shown["saas_user_id"] = row["saas_user_id"]
        active, word = bool(row["active"]), self._oomnitza.switches.saas_activity
        if word is not None:
            words = {"deactivated": not active, "status": "active" if active else "deactivated"}
            shown[word] = words.get(word, active)
        return shown

    def _shown_roles(self, roles: list[Row]) -> Any:
        shape = self._oomnitza.switches.saas_roles
        if shape == "object":
            return roles[0] if roles else NO_ROLE
        if shape == "names":
            return [role["role_external_label"] for role in roles]
        shown = [name for name in NO_ROLE if shape == "list" or name != "role_id"]
        return [{name: role[name] for name in shown} for role in roles]

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
        for entry in batch:
            self._api.changed(request, "saas_users", entry["user_id"])
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
        self._api.changed(request, "saas_users", user_id)
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
                # A deactivation removes the contracts: help centre, article 6439418226839.
                kept = "contract_id" if active else "''"
                self._store.run(
                    f"UPDATE saas_users SET active = ?, contract_id = {kept} WHERE {name} = ?", (active, one)
                )
                self._api.changed(request, "saas_users", owner)
            answers.append({"saas_user_id": one, "error": error})
        return self._api.reply(request, answers)
