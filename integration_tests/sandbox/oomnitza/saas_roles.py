"""Roles of SaaS applications in Oomnitza, and who has them.

Two roles may have one name: Oomnitza may let it happen, and so does this, so that a test can see that one was created
twice.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from integration_tests.sandbox.oomnitza.api import RefusalError, body_object
from integration_tests.sandbox.oomnitza.store import Row, ident
from integration_tests.sandbox.oomnitza.users import Users

NO_ROLE = {"role_id": "", "role_external_id": "", "role_external_label": ""}
ROLES_AT_ONCE = 5000


class Roles(Users):
    """`/api/v3/saas/{id}/roles`."""

    def roles_routes(self) -> list[BaseRoute]:
        """The routes of this part."""
        one = "/api/v3/saas/{saas_id}"
        return [
            Route(f"{one}/roles", self._application_roles, methods=["GET"]),
            Route(f"{one}/roles", self._create_role, methods=["POST"]),
            Route(f"{one}/roles/users", self._give_roles, methods=["POST"]),
            Route(f"{one}/roles/users", self._overwrite_roles, methods=["PATCH"]),
            Route(f"{one}/roles/users", self._take_roles, methods=["DELETE"]),
        ]

    # What tests use

    def applications(self) -> list[Row]:
        """`saas_id` (integer) and `saas_name` of all applications."""
        return self.store.rows("SELECT saas_id, saas_name FROM saas ORDER BY saas_id")

    def roles(self, saas_name: str) -> list[Row]:
        """Roles of the applications of a name: role_id, role_external_id, role_external_label, users_count."""
        ids = [a["saas_id"] for a in self.applications() if a["saas_name"] == saas_name]
        return [role for saas_id in ids for role in self._roles(saas_id)]

    # HTTP

    def known_application(self, request: Request) -> Row:
        """The application in the path. Raises RefusalError 404."""
        saas_id = request.path_params["saas_id"]
        found = self.store.rows("SELECT * FROM saas WHERE saas_id = ?", (saas_id,)) if saas_id.isdigit() else []
        if not found:
            raise RefusalError(404, f"There is no SaaS {saas_id!r}.")
        return found[0]

    async def _application_roles(self, request: Request) -> Response:
        self.admit(request, "saas")
        return self.reply(request, self._roles(self.known_application(request)["saas_id"]))

    def _roles(self, saas_id: int) -> list[Row]:
        rows = self.store.rows(
            "SELECT r.*, count(u.user_id) AS users_count FROM roles r LEFT JOIN role_users u USING (role_id)"
            " WHERE r.saas_id = ? GROUP BY r.role_id ORDER BY r.number",
            (saas_id,),
        )
        return [
            {
                "role_id": row["role_id"],
                "saas_id": str(row["saas_id"]),
                "source": 1,
                "role_external_id": row["role_external_id"],
                "role_external_label": row["role_external_label"],
                "users_count": row["users_count"],
            }
            for row in rows
        ]

    def roles_of(self, rows: list[Row]) -> dict[tuple[int, str], list[Row]]:
        """The roles of SaaS users, by application and user."""
        sql = "SELECT u.user_id, r.* FROM role_users u JOIN roles r USING (role_id)"
        users = [row["user_id"] for row in rows]
        if len(users) <= ROLES_AT_ONCE:
            sql += f" WHERE u.user_id IN ({', '.join('?' * len(users))})"
        roles: dict[tuple[int, str], list[Row]] = defaultdict(list)
        for row in self.store.rows(f"{sql} ORDER BY r.number", users if len(users) <= ROLES_AT_ONCE else ()):
            roles[row["saas_id"], row["user_id"]].append({name: row[name] for name in NO_ROLE})
        return roles

    async def _create_role(self, request: Request) -> Response:
        self.admit(request, "saas")
        saas_id = self.known_application(request)["saas_id"]
        body = await body_object(request)
        if set(body) - {"role_external_label", "role_external_id"}:
            raise RefusalError(400, "A role has role_external_label and role_external_id only.")
        label = text_of(body, "role_external_label")
        external_id = text_of(body, "role_external_id") if "role_external_id" in body else label
        role_id = self._new_role(saas_id, external_id, label)
        return self.reply(request, next(r for r in self._roles(saas_id) if r["role_id"] == role_id), 201)

    def _new_role(self, saas_id: int, external_id: str, label: str) -> str:
        count = self.store.value("SELECT count(*) FROM roles WHERE saas_id = ?", (saas_id,))
        role_id = ident("role", saas_id, count)
        sql = "INSERT INTO roles (role_id, saas_id, role_external_id, role_external_label) VALUES (?, ?, ?, ?)"
        self.store.run(sql, (role_id, saas_id, external_id, label))
        return role_id

    async def _pairs(self, request: Request) -> list[tuple[str, str]]:
        """The (role id, user id) pairs that a body of users and roles stands for, each known and assigned."""
        self.admit(request, "saas")
        saas_id = self.known_application(request)["saas_id"]
        body = await body_object(request)
        if set(body) != {"users", "roles"} or not are_texts(body["users"]) or not are_texts(body["roles"]):
            raise RefusalError(400, "The body must have users and roles, both lists of ids, and no more.")
        known = {role["role_id"] for role in self._roles(saas_id)}
        for role_id in body["roles"]:
            if role_id not in known:
                raise RefusalError(400, f"The SaaS has no role {role_id!r}.")
        for user_id in body["users"]:
            self._assigned(saas_id, user_id)
        return [(role_id, user_id) for role_id in body["roles"] for user_id in body["users"]]

    def _assigned(self, saas_id: int, user_id: str) -> None:
        self.known(user_id, 400)
        sql = "SELECT 1 FROM saas_users WHERE saas_id = ? AND user_id = ?"
        if self.store.value(sql, (saas_id, user_id)) is None:
            raise RefusalError(400, f"The user {user_id!r} is not assigned to the SaaS.")

    async def _give_roles(self, request: Request) -> Response:
        pairs = await self._pairs(request)
        self.store.many("INSERT OR IGNORE INTO role_users VALUES (?, ?)", pairs)
        return self.reply(request, {"role_id": pairs[0][0], "user_id": pairs[0][1], "errors": []})

    async def _take_roles(self, request: Request) -> Response:
        pairs = await self._pairs(request)
        self.store.many("DELETE FROM role_users WHERE role_id = ? AND user_id = ?", pairs)
        return Response(status_code=204)

    async def _overwrite_roles(self, request: Request) -> Response:
        self.admit(request, "saas")
        saas_id = self.known_application(request)["saas_id"]
        body = await body_object(request)
        if set(body) != {"users", "roles"} or not isinstance(body["users"], str) or not isinstance(body["roles"], list):
            raise RefusalError(400, "The body must have users, one id, and roles, a list, and no more.")
        wanted = [_role_wanted(role) for role in body["roles"]]
        self._assigned(saas_id, body["users"])
        known = {role["role_external_id"]: role["role_id"] for role in self._roles(saas_id)}
        ids = [known.get(external_id) or self._new_role(saas_id, external_id, label) for external_id, label in wanted]
        self.store.run(
            "DELETE FROM role_users WHERE user_id = ? AND role_id IN (SELECT role_id FROM roles WHERE saas_id = ?)",
            (body["users"], saas_id),
        )
        self.store.many("INSERT OR IGNORE INTO role_users VALUES (?, ?)", [(role_id, body["users"]) for role_id in ids])
        return self.reply(request, {"role_id": ids[0] if ids else "", "user_id": body["users"], "errors": []})


def text_of(body: Row, name: str) -> str:
    """A text of a body that is not empty. Raises RefusalError 400."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise RefusalError(400, f"{name} must be a text.")
    return value


def are_texts(value: Any) -> bool:
    """Whether it is a list of one or more texts."""
    return isinstance(value, list) and bool(value) and all(isinstance(text, str) for text in value)


def _role_wanted(role: Any) -> tuple[str, str]:
    if not isinstance(role, dict) or set(role) - {"role_external_id", "role_external_label"}:
        raise RefusalError(400, "A role has role_external_id and role_external_label only.")
    external_id = text_of(role, "role_external_id")
    return external_id, text_of(role, "role_external_label") if "role_external_label" in role else external_id
