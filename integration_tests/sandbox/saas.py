"""SaaS applications in Oomnitza: who is assigned to them, in which role, and who is active there.

Names of applications and roles are not unique: Oomnitza may let two of a name happen, and so does this, so that a
test can see that something was created twice.
"""

from __future__ import annotations

import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from .api import RefusalError, body_json, body_object
from .filters import Column, Where
from .store import Row, ident
from .users import Users

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
LISTED = "SELECT su.*, p.email, p.username, p.full_name FROM saas_users su JOIN people p ON p.user_id = su.user_id"
NO_ROLE = {"role_id": "", "role_external_id": "", "role_external_label": ""}
ROLES_AT_ONCE = 5000


class Saas(Users):
    """`/api/v3/saas` and `/api/v3/saas_users`. `refuse_activity` gives user ids that cannot be activated or
    deactivated the reason that the answer tells."""

    def __init__(self, path: Path | None, seed: int) -> None:
        super().__init__(path, seed)
        self.refuse_activity: dict[str, str] = {}

    def saas_routes(self) -> list[BaseRoute]:
        """The routes of this part."""
        one = "/api/v3/saas/{saas_id}"
        return [
            Route("/api/v3/saas", self._applications, methods=["GET"]),
            Route("/api/v3/saas", self._create_application, methods=["POST"]),
            Route(one, self._application, methods=["GET"]),
            Route(f"{one}/users", self._application_users, methods=["GET"]),
            Route(f"{one}/users", self._assign, methods=["POST"]),
            Route(f"{one}/users/{{user_id}}", self._set_external_id, methods=["POST"]),
            Route(f"{one}/roles", self._application_roles, methods=["GET"]),
            Route(f"{one}/roles", self._create_role, methods=["POST"]),
            Route(f"{one}/roles/users", self._give_roles, methods=["POST"]),
            Route(f"{one}/roles/users", self._overwrite_roles, methods=["PATCH"]),
            Route(f"{one}/roles/users", self._take_roles, methods=["DELETE"]),
            Route("/api/v3/saas_users", self._all_users, methods=["GET"]),
            Route("/api/v3/saas_users/activate", self._activate, methods=["PATCH"]),
            Route("/api/v3/saas_users/deactivate", self._deactivate, methods=["PATCH"]),
        ]

    # What tests use

    def applications(self) -> list[Row]:
        """`saas_id` (integer) and `saas_name` of all applications."""
        return self.store.rows("SELECT saas_id, saas_name FROM saas ORDER BY saas_id")

    def add_application(self, saas_name: str) -> str:
        """An application that is there already; its id."""
        sql = "INSERT INTO saas (saas_name, created, created_by) VALUES (?, ?, ?)"
        return str(self.store.insert(sql, (saas_name, int(time.time()), "sandbox")))

    def saas_users(self, saas_name: str) -> list[Row]:
        """Users of the applications of a name: user_id, username, email, full_name, user_external_id, saas_user_id,
        active (a boolean), roles (a list of labels)."""
        rows = self.store.rows(
            f"{LISTED} JOIN saas USING (saas_id) WHERE saas.saas_name = ? ORDER BY su.number", (saas_name,)
        )
        roles = self._roles_of(rows)
        kept = (
            "user_id",
            "username",
            "email",
            "full_name",
            "user_external_id",
            "saas_user_id",
            "saas_id",
            "last_visit",
        )
        return [
            {
                **{name: row[name] for name in kept},
                "active": bool(row["active"]),
                "roles": [role["role_external_label"] for role in roles[row["saas_id"], row["user_id"]]],
            }
            for row in rows
        ]

    def roles(self, saas_name: str) -> list[Row]:
        """Roles of the applications of a name: role_id, role_external_id, role_external_label, users_count."""
        ids = [a["saas_id"] for a in self.applications() if a["saas_name"] == saas_name]
        return [role for saas_id in ids for role in self._roles(saas_id)]

    def assign(self, saas_id: str | int, user_id: str, user_external_id: str = "", active: bool = True) -> str:
        """Somebody who is assigned already; the `saas_user_id`."""
        saas_user_id = ident("saas user", saas_id, user_id)
        self.store.run(
            "INSERT INTO saas_users (saas_user_id, saas_id, user_id, user_external_id, active) VALUES (?, ?, ?, ?, ?)",
            (saas_user_id, int(saas_id), user_id, user_external_id, active),
        )
        return saas_user_id

    # Applications

    async def _applications(self, request: Request) -> Response:
        self.admit(request, "saas")
        limit, skip = self.listing(request)
        where = self.where(request, SAAS_COLUMNS)
        order = self.order(request, SAAS_COLUMNS, "saas_id")
        rows = self.store.rows(
            f"SELECT * FROM saas WHERE {where.sql} ORDER BY {order} LIMIT ? OFFSET ?", (*where.parameters, limit, skip)
        )
        total = self.store.value(f"SELECT count(*) FROM saas WHERE {where.sql}", where.parameters)
        return self.reply(request, [_shown_application(row) for row in rows], X_Total_Count=str(total))

    async def _create_application(self, request: Request) -> Response:
        self.admit(request, "saas")
        body = await body_object(request)
        unknown = set(body) - {"saas_name", "publisher", "url", "category"}
        if unknown:
            raise RefusalError(400, f"Unknown or read-only field: {', '.join(sorted(unknown))}.")
        saas_id = self.add_application(_text(body, "saas_name"))
        return self.reply(request, {"saas_id": saas_id}, self.switches.saas_created_status)

    async def _application(self, request: Request) -> Response:
        self.admit(request, "saas")
        return self.reply(request, _shown_application(self._known_application(request)))

    def _known_application(self, request: Request) -> Row:
        saas_id = request.path_params["saas_id"]
        found = self.store.rows("SELECT * FROM saas WHERE saas_id = ?", (saas_id,)) if saas_id.isdigit() else []
        if not found:
            raise RefusalError(404, f"There is no SaaS {saas_id!r}.")
        return found[0]

    # Users of an application

    async def _application_users(self, request: Request) -> Response:
        self.admit(request, "saas")
        saas_id = self._known_application(request)["saas_id"]
        limit, skip = self.listing(request, frozenset({"limit", "skip", "last_visit", "roles"}))
        where = Where("su.saas_id = ?", (saas_id,))
        if "limit" not in request.query_params or not self.switches.saas_users_paging:
            limit, skip = -1, 0
        return self.reply(request, self._user_rows(where, limit, skip))

    async def _all_users(self, request: Request) -> Response:
        self.admit(request, "saas")
        limit, skip = self.listing(request, frozenset({"limit", "skip", "filter", "text", "roles"}))
        return self.reply(request, self._user_rows(self.where(request, USER_COLUMNS), limit, skip))

    def _user_rows(self, where: Where, limit: int, skip: int) -> list[Row]:
        rows = self.store.rows(
            f"{LISTED} WHERE {where.sql} ORDER BY su.number LIMIT ? OFFSET ?", (*where.parameters, limit, skip)
        )
        roles = self._roles_of(rows)
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
            "roles": roles if self.switches.saas_roles == "list" else (roles[0] if roles else NO_ROLE),
        }
        if self.switches.saas_user_id:
            shown["saas_user_id"] = row["saas_user_id"]
        active = bool(row["active"])
        words = {"deactivated": not active, "status": "active" if active else "deactivated"}
        if self.switches.saas_activity is not None:
            shown[self.switches.saas_activity] = words.get(self.switches.saas_activity, active)
        return shown

    async def _assign(self, request: Request) -> Response:
        self.admit(request, "saas")
        saas_id = self._known_application(request)["saas_id"]
        lot = await body_json(request)
        if not isinstance(lot, list) or not lot:
            raise RefusalError(400, "The body must be a list.")
        for entry in lot:
            if not isinstance(entry, dict) or set(entry) != {"user_id", "assign"} or type(entry["assign"]) is not bool:
                raise RefusalError(400, "Every entry must have user_id and assign, and no more.")
            self.known(_text(entry, "user_id"), 400)
        self.store.many(
            "INSERT OR IGNORE INTO saas_users (saas_user_id, saas_id, user_id) VALUES (?, ?, ?)",
            [
                (ident("saas user", saas_id, entry["user_id"]), saas_id, entry["user_id"])
                for entry in lot
                if entry["assign"]
            ],
        )
        gone = [(saas_id, entry["user_id"]) for entry in lot if not entry["assign"]]
        self.store.many("DELETE FROM saas_users WHERE saas_id = ? AND user_id = ?", gone)
        own_roles = "role_id IN (SELECT role_id FROM roles WHERE saas_id = ?)"
        self.store.many(f"DELETE FROM role_users WHERE {own_roles} AND user_id = ?", gone)
        reply = self.reply(request, {})
        reply.body = self.switches.assign_answer
        reply.headers["content-length"] = str(len(reply.body))
        return reply

    async def _set_external_id(self, request: Request) -> Response:
        self.admit(request, "saas")
        saas_id = self._known_application(request)["saas_id"]
        user_id = self.known(request.path_params["user_id"])["user_id"]
        body = await body_object(request)
        if set(body) != {"user_external_id"} or not isinstance(body["user_external_id"], str):
            raise RefusalError(400, "The body must have user_external_id, a text, and no more.")
        external_id = body["user_external_id"]
        touched = self.store.run(
            "UPDATE saas_users SET user_external_id = ? WHERE saas_id = ? AND user_id = ?",
            (external_id, saas_id, user_id),
        )
        errors = [] if touched else [f"The user {user_id} is not assigned to the SaaS."]
        return self.reply(request, {"user_external_id": external_id, "errors": errors})

    # Activity

    async def _activate(self, request: Request) -> Response:
        return await self._set_activity(request, True)

    async def _deactivate(self, request: Request) -> Response:
        return await self._set_activity(request, False)

    async def _set_activity(self, request: Request, active: bool) -> Response:
        self.admit(request, "saas")
        body = await body_object(request)
        ids = body.get("saas_user_ids", [])
        if set(body) != {"saas_user_ids"} or not _texts(ids):
            raise RefusalError(400, "The body must have saas_user_ids, a list of ids, and no more.")
        name = "saas_user_id" if self.switches.saas_user_id else "user_id"
        answers = []
        for one in ids:
            owner = self.store.value(f"SELECT user_id FROM saas_users WHERE {name} = ?", (one,))
            error = f"There is no SaaS user {one!r}." if owner is None else self.refuse_activity.get(owner)
            if error is None:
                self.store.run(f"UPDATE saas_users SET active = ? WHERE {name} = ?", (active, one))
            answers.append({"saas_user_id": one, "error": error})
        return self.reply(request, answers)

    # Roles

    async def _application_roles(self, request: Request) -> Response:
        self.admit(request, "saas")
        return self.reply(request, self._roles(self._known_application(request)["saas_id"]))

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

    def _roles_of(self, rows: list[Row]) -> dict[tuple[int, str], list[Row]]:
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
        saas_id = self._known_application(request)["saas_id"]
        body = await body_object(request)
        if set(body) - {"role_external_label", "role_external_id"}:
            raise RefusalError(400, "A role has role_external_label and role_external_id only.")
        label = _text(body, "role_external_label")
        external_id = _text(body, "role_external_id") if "role_external_id" in body else label
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
        saas_id = self._known_application(request)["saas_id"]
        body = await body_object(request)
        if set(body) != {"users", "roles"} or not _texts(body["users"]) or not _texts(body["roles"]):
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
        saas_id = self._known_application(request)["saas_id"]
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


def _text(body: Row, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise RefusalError(400, f"{name} must be a text.")
    return value


def _texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(text, str) for text in value)


def _role_wanted(role: Any) -> tuple[str, str]:
    if not isinstance(role, dict) or set(role) - {"role_external_id", "role_external_label"}:
        raise RefusalError(400, "A role has role_external_id and role_external_label only.")
    external_id = _text(role, "role_external_id")
    return external_id, _text(role, "role_external_label") if "role_external_label" in role else external_id
