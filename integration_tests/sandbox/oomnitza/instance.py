"""Simulates an Oomnitza instance: people, applications, runs and tokens.

Routes and tests use the same object.
"""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from integration_tests.sandbox.oomnitza.fields import ROLES, Field, custom_id
from integration_tests.sandbox.oomnitza.person_values import PersonValues
from integration_tests.sandbox.oomnitza.runs import Integration, Run
from integration_tests.sandbox.oomnitza.store import Row, Store, ident
from integration_tests.sandbox.oomnitza.switches import Switches

NO_ROLE = {"role_id": "", "role_external_id": "", "role_external_label": ""}
LISTED = "SELECT su.*, p.email, p.username, p.full_name FROM saas_users su JOIN people p ON p.user_id = su.user_id"
_ROLES_AT_ONCE = 5000
_SHOWN_OF_SAAS_USERS = (
    *(
        "user_id",
        "username",
        "email",
        "full_name",
        "user_external_id",
        "saas_user_id",
        "saas_id",
        "last_visit",
        "contract_id",
    ),
)


@dataclass
class Account:
    """Describes the owner of a token.

    `denied` names the areas that the role cannot access (see `Oomnitza.issue_token`).
    """

    user: str
    denied: frozenset[str] = frozenset()
    revoked: bool = False
    csrf: str = ""
    csrf_given: bool = False
    requests_left: int | None = None


class Oomnitza:
    """Holds an instance. The package's docstring lists what tests use."""

    def __init__(self, path: Path | None, seed: int) -> None:
        self.switches = Switches()
        self.store = Store(path, ROLES)
        self.seed = seed
        self.username, self.password = "airbyte", f"sandbox-password-{seed}"
        self.accounts: dict[str, Account] = {}
        self.token = self.issue_token()
        self.values = PersonValues(self.store.fields, self.switches)
        self.refuse_edit: dict[str, str] = {}
        self.refuse_activity: dict[str, str] = {}
        self.workflows: list[tuple[str, str]] = []
        self.connectors = {12: Integration("Slack")}
        self.mappings: dict[str, Row] = {}
        self.due: list[Row] = []
        self.cancel_after: int | None = None
        kept = self.store.rows("SELECT * FROM runs ORDER BY number")
        self.runs_by_portion = {row["portion"]: Run(**orjson.loads(row["state"])) for row in kept}

    # Tokens

    def issue_token(self, denied: Sequence[str] = (), user: str = "airbyte") -> str:
        """Issue a token.

        `denied` names areas ("users", "saas", "ingest", "mappings"), or writing in one ("users:write").
        """
        number = len(self.accounts) + 1
        digest = hashlib.blake2b(f"{self.seed} {number}".encode(), digest_size=8).hexdigest()
        token = f"sandbox-token-{self.seed}-{digest}"
        self.accounts[token] = Account(user, frozenset(denied), csrf=f"csrf-{self.seed}-{number}")
        return token

    def issue_token_of_password(self, user: str) -> str:
        """Issue a token for the password; the first one may expire after some requests."""
        first = all(account.user != user or token == self.token for token, account in self.accounts.items())
        token = self.issue_token(user=user)
        self.accounts[token].requests_left = self.switches.token_requests if first else None
        return token

    def revoke_token(self, token: str | None = None) -> None:
        """Reject a token (the first one by default) from now on."""
        self.accounts[token or self.token].revoked = True

    def deny(self, *areas: str, token: str | None = None) -> None:
        """Deny access to a token's role from now on."""
        account = self.accounts[token or self.token]
        account.denied = account.denied | set(areas)

    # Fields of people

    def add_field(
        self,
        external_id: str,
        label: str,
        data_type: str = "text",
        *,
        unique: bool = False,
        editable: bool = True,
        mandatory: bool = False,
        default: str | None = None,
        internal_id: str | None = None,
        choices: Sequence[tuple[str, str]] = (),
        length: int = 255,
    ) -> str:
        """Add a custom field, and return its internal id.

        A field that is not editable needs Oomnitza-Ignore-Meta-Restriction. `choices` are the (key, value) pairs of a
        drop-down.
        """
        field = Field(
            external_id,
            label,
            data_type,
            internal_id or custom_id(external_id),
            unique=unique,
            editable=editable,
            optional=not mandatory,
            default=default,
            choices=tuple(choices),
            length=length,
            system=False,
        )
        self.store.add_field(field)
        return field.internal_id

    def set_field(self, external_id: str, **changes: Any) -> None:
        """Change attributes of a field: `editable=False`, `label="..."`, ..."""
        self.store.fields[external_id] = replace(self.store.fields[external_id], **changes)

    # People

    def add_person(self, *, twin: bool = False, **values: Any) -> str:
        """Add a person, and return the `user_id`.

        Makes up user name, address and role if they are missing.

        `twin=True` allows a unique value that another person has, as in old data.
        """
        number = self.store.value("SELECT count(*) FROM people") + 1
        given = {"username": f"person{number}", "email": f"person{number}@acme.example.com", "role": 25, **values}
        kept = self.values.of_administrator(given, new=True)
        return str(self.store.create(kept, "sandbox", twin)["user_id"])

    def create(self, values: Row, by: str) -> Row:
        """Create a person by the API; lookups may miss them. Raises DuplicateValue."""
        created = self.store.create(values, by)
        if self.switches.lookup_lag:
            self.store.unseen[created["user_id"]] = self.switches.lookup_lag
        return created

    def archive(self, user_id: str) -> None:
        """Archive a person as an administrator does. Their unique values stay taken."""
        self.store.run("UPDATE people SET deleted = '1' WHERE user_id = ?", (user_id,))

    def people(self) -> list[Row]:
        """Return all people as the API shows them, in the order of creation."""
        return [self.shown(row) for row in self.store.rows("SELECT * FROM people ORDER BY uid")]

    def person(self, **having: Any) -> Row | None:
        """Return the first person with these values: `person(email="...")`."""
        return next((p for p in self.people() if all(p.get(k) == v for k, v in having.items())), None)

    def edit_person(self, user_id: str, **values: Any) -> None:
        """Update a person as an administrator does."""
        self.store.update(user_id, self.values.of_administrator(values, new=False), "administrator")

    def changes(self) -> list[Row]:
        """Return all changes: number, at, user_id, action, fields, before, after.

        `at` is in Unix seconds, `action` is "added" or "updated"; `before` and `after` hold the values of `fields`.
        """
        rows = self.store.rows("SELECT * FROM changes ORDER BY number")
        values = [{name: orjson.loads(row[name]) for name in ("before", "after")} for row in rows]
        return [{**row, **each, "fields": sorted(each["after"])} for row, each in zip(rows, values, strict=True)]

    def shown(self, row: Row) -> Row:
        """Return a person as the API shows them."""
        shown: Row = {}
        for name, field in self.store.fields.items():
            value = row[name]
            if value is not None:
                shown[name] = bool(value) if field.kind == "boolean" else value
            elif self.switches.empty == "null":
                shown[name] = None
            elif self.switches.empty == "empty" and field.kind == "text":
                shown[name] = ""
        return shown

    # Applications, their users and roles

    def applications(self) -> list[Row]:
        """Return `saas_id` (integer) and `saas_name` of all applications."""
        return self.store.rows("SELECT saas_id, saas_name FROM saas ORDER BY saas_id")

    def add_application(self, saas_name: str, by: str = "sandbox") -> str:
        """Add an application, and return its id. Two may have the same name."""
        sql = "INSERT INTO saas (saas_name, created, created_by) VALUES (?, ?, ?)"
        return str(self.store.insert(sql, (saas_name, int(time.time()), by)))

    def saas_users(self, saas_name: str) -> list[Row]:
        """Return the users of the applications with a name.

        user_id, username, email, full_name, user_external_id, saas_user_id, saas_id, last_visit, contract_id, active (a
        boolean), roles (a list of labels).
        """
        sql = f"{LISTED} JOIN saas USING (saas_id) WHERE saas.saas_name = ? ORDER BY su.number"
        rows = self.store.rows(sql, (saas_name,))
        roles = self.roles_of(rows)
        return [
            {
                **{name: row[name] for name in _SHOWN_OF_SAAS_USERS},
                "active": bool(row["active"]),
                "roles": [role["role_external_label"] for role in roles[row["saas_id"], row["user_id"]]],
            }
            for row in rows
        ]

    def assign(
        self,
        saas_id: str | int,
        user_id: str,
        user_external_id: str = "",
        active: bool = True,
        *,
        last_visit: int = 0,
        contract_id: str = "",
    ) -> str:
        """Assign a person to an application, and return the `saas_user_id`.

        `last_visit` is in Unix seconds.
        """
        saas_user_id = ident("saas user", saas_id, user_id)
        row = (saas_user_id, int(saas_id), user_id, user_external_id, active, last_visit, contract_id)
        names = "saas_user_id, saas_id, user_id, user_external_id, active, last_visit, contract_id"
        self.store.run(f"INSERT INTO saas_users ({names}) VALUES ({', '.join('?' * len(row))})", row)
        return saas_user_id

    def roles(self, saas_name: str) -> list[Row]:
        """Return the roles of the applications with a name.

        A role has role_id, role_external_id, role_external_label and users_count.
        """
        ids = [a["saas_id"] for a in self.applications() if a["saas_name"] == saas_name]
        return [role for saas_id in ids for role in self.application_roles(saas_id)]

    def application_roles(self, saas_id: int) -> list[Row]:
        """Return the roles of one application, as the API shows them."""
        rows = self.store.rows(
            "SELECT r.*, count(u.user_id) AS users_count FROM roles r LEFT JOIN role_users u USING (role_id)"
            " WHERE r.saas_id = ? GROUP BY r.role_id ORDER BY r.number",
            (saas_id,),
        )
        names = ("role_id", "role_external_id", "role_external_label", "users_count")
        return [{**{name: row[name] for name in names}, "saas_id": str(row["saas_id"]), "source": 1} for row in rows]

    def roles_of(self, rows: list[Row]) -> dict[tuple[int, str], list[Row]]:
        """Return the roles of SaaS users, by application and user."""
        sql = "SELECT u.user_id, r.* FROM role_users u JOIN roles r USING (role_id)"
        users = [row["user_id"] for row in rows]
        if len(users) <= _ROLES_AT_ONCE:
            sql += f" WHERE u.user_id IN ({', '.join('?' * len(users))})"
        roles: dict[tuple[int, str], list[Row]] = defaultdict(list)
        for row in self.store.rows(f"{sql} ORDER BY r.number", users if len(users) <= _ROLES_AT_ONCE else ()):
            roles[row["saas_id"], row["user_id"]].append({name: row[name] for name in NO_ROLE})
        return roles

    # Integrations and their runs

    def add_integration(
        self,
        name: str,
        mapping: Mapping[str, Row] | None = None,
        *,
        connector_id: int | None = None,
        saas_sync_key: str | None = None,
    ) -> int:
        """Configure an integration with a drawn mapping, and return its id.

        See `Integration` for `mapping`.
        """
        number = connector_id or max(self.connectors, default=0) + 1
        self.connectors[number] = Integration(name, dict(mapping or {}), saas_sync_key)
        return number

    def runs(self) -> list[Run]:
        """Return all runs, in the order of their first batches."""
        return list(self.runs_by_portion.values())

    def cancel_runs(self, after_batches: int | None = 0) -> None:
        """Cancel every run after some batches, as an administrator does; None: stop that."""
        self.cancel_after = after_batches

    def begin_run(self, run: Run) -> None:
        """Add a new run; its number is the `portion_id`."""
        self.runs_by_portion[run.portion] = run
        sql = "INSERT INTO runs (portion, connector, started, state) VALUES (?, ?, ?, ?)"
        self.store.run(sql, (run.portion, run.sender, run.started, orjson.dumps(asdict(run))))

    def keep_run(self, run: Run) -> None:
        """Save a run."""
        self.store.run("UPDATE runs SET state = ? WHERE portion = ?", (orjson.dumps(asdict(run)), run.portion))
