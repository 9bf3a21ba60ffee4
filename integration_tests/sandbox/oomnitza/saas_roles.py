"""Serves roles of SaaS applications, and their users.

Two roles may have the same name, because Oomnitza may allow it. So a test can see that a role was created twice.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from integration_tests.sandbox.oomnitza.api import RouteGroup, are_texts, body_object, text_of
from integration_tests.sandbox.oomnitza.errors import RequestRejected
from integration_tests.sandbox.oomnitza.store import ident


class RoleRoutes(RouteGroup):
    """Serves `/api/v3/saas/{id}/roles`."""

    def routes(self) -> list[BaseRoute]:
        one = "/api/v3/saas/{saas_id}"
        return [
            Route(f"{one}/roles", self._application_roles, methods=["GET"]),
            Route(f"{one}/roles", self._create_role, methods=["POST"]),
            Route(f"{one}/roles/users", self._give_roles, methods=["POST"]),
            Route(f"{one}/roles/users", self._overwrite_roles, methods=["PATCH"]),
            Route(f"{one}/roles/users", self._take_roles, methods=["DELETE"]),
        ]

    async def _application_roles(self, request: Request) -> Response:
        self._api.admit(request, "saas")
        return self._api.reply(
            request, self._oomnitza.application_roles(self._api.known_application(request)["saas_id"])
        )

    async def _create_role(self, request: Request) -> Response:
        self._api.admit(request, "saas")
        saas_id = self._api.known_application(request)["saas_id"]
        body = await body_object(request)
        if set(body) - {"role_external_label", "role_external_id"}:
            raise RequestRejected(400, "A role has role_external_label and role_external_id only.")
        label = text_of(body, "role_external_label")
        external_id = text_of(body, "role_external_id") if "role_external_id" in body else label
        role_id = self._new_role(saas_id, external_id, label)
        return self._api.reply(
            request, next(r for r in self._oomnitza.application_roles(saas_id) if r["role_id"] == role_id), 201
        )

    def _new_role(self, saas_id: int, external_id: str, label: str) -> str:
        count = self._store.value("SELECT count(*) FROM roles WHERE saas_id = ?", (saas_id,))
        role_id = ident("role", saas_id, count)
        sql = "INSERT INTO roles (role_id, saas_id, role_external_id, role_external_label) VALUES (?, ?, ?, ?)"
        self._store.run(sql, (role_id, saas_id, external_id, label))
        return role_id

    async def _pairs(self, request: Request) -> list[tuple[str, str]]:
        """Return the (role id, user id) pairs of a body, each known and assigned."""
        self._api.admit(request, "saas")
        saas_id = self._api.known_application(request)["saas_id"]
        body = await body_object(request)
        if set(body) != {"users", "roles"} or not are_texts(body["users"]) or not are_texts(body["roles"]):
            raise RequestRejected(400, "The body must have users and roles, both lists of ids, and no more.")
        known = {role["role_id"] for role in self._oomnitza.application_roles(saas_id)}
        for role_id in body["roles"]:
            if role_id not in known:
                raise RequestRejected(400, f"The SaaS has no role {role_id!r}.")
        for user_id in body["users"]:
            self._assigned(saas_id, user_id)
        return [(role_id, user_id) for role_id in body["roles"] for user_id in body["users"]]

    def _assigned(self, saas_id: int, user_id: str) -> None:
        self._api.known_person(user_id, 400)
        sql = "SELECT 1 FROM saas_users WHERE saas_id = ? AND user_id = ?"
        if self._store.value(sql, (saas_id, user_id)) is None:
            raise RequestRejected(400, f"The user {user_id!r} is not assigned to the SaaS.")

    async def _give_roles(self, request: Request) -> Response:
        pairs = await self._pairs(request)
        self._store.many("INSERT OR IGNORE INTO role_users VALUES (?, ?)", pairs)
        for _, user_id in pairs:
            self._api.changed(request, "saas_users", user_id)
        return self._api.reply(request, {"role_id": pairs[0][0], "user_id": pairs[0][1], "errors": []})

    async def _take_roles(self, request: Request) -> Response:
        pairs = await self._pairs(request)
        self._store.many("DELETE FROM role_users WHERE role_id = ? AND user_id = ?", pairs)
        for _, user_id in pairs:
            self._api.changed(request, "saas_users", user_id)
        return Response(status_code=204)

    async def _overwrite_roles(self, request: Request) -> Response:
        self._api.admit(request, "saas")
        saas_id = self._api.known_application(request)["saas_id"]
        body = await body_object(request)
        if set(body) != {"users", "roles"} or not isinstance(body["users"], str) or not isinstance(body["roles"], list):
            raise RequestRejected(400, "The body must have users, one id, and roles, a list, and no more.")
        wanted = [_role_wanted(role) for role in body["roles"]]
        self._assigned(saas_id, body["users"])
        known = {role["role_external_id"]: role["role_id"] for role in self._oomnitza.application_roles(saas_id)}
        ids = [known.get(external_id) or self._new_role(saas_id, external_id, label) for external_id, label in wanted]
        self._store.run(
            "DELETE FROM role_users WHERE user_id = ? AND role_id IN (SELECT role_id FROM roles WHERE saas_id = ?)",
            (body["users"], saas_id),
        )
        self._store.many(
            "INSERT OR IGNORE INTO role_users VALUES (?, ?)", [(role_id, body["users"]) for role_id in ids]
        )
        return self._api.reply(request, {"role_id": ids[0] if ids else "", "user_id": body["users"], "errors": []})


def _role_wanted(role: Any) -> tuple[str, str]:
    if not isinstance(role, dict) or set(role) - {"role_external_id", "role_external_label"}:
        raise RequestRejected(400, "A role has role_external_id and role_external_label only.")
    external_id = text_of(role, "role_external_id")
    return external_id, text_of(role, "role_external_label") if "role_external_label" in role else external_id
