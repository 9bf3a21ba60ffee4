"""One SaaS application over HTTP: found or created, its users, their roles, and who is active.

Sources: oomnitza.md, "SaaS applications and their users", and the OpenAPI document. Nobody is ever deleted or unassigned.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from destination_oomnitza.api.bisection import bisect
from destination_oomnitza.api.client import Client
from destination_oomnitza.api.filters import literal
from destination_oomnitza.api.pagination import Listing
from destination_oomnitza.api.responses import RequestRejected, error_in
from destination_oomnitza.api.saas_user import SaasUser, activity, activity_id, external_id, listed_roles
from destination_oomnitza.config.models import UserAndSaasUserRecords
from destination_oomnitza.errors import config_error
from destination_oomnitza.normalize import folded, is_empty

logger = logging.getLogger("airbyte")

APPLICATIONS = "/api/v3/saas"

Reasons = dict[str, str]
"""The reason of each `user_id` that Oomnitza refused."""


class SaasApplication:
    """The application and its users. For use from many threads; every method raises as Client does.

    It is found, and its users are read, when the first record needs them; it is created when the first user is assigned, and the list
    is kept true as it is written. What is written, is written for many at a time; the methods that do return whom Oomnitza refused. In
    a test run nothing is written.
    """

    def __init__(self, client: Client, wanted: UserAndSaasUserRecords, test_run: bool = False) -> None:
        self._client = client
        self._wanted = wanted
        self._test_run = test_run
        self._lock = threading.Lock()
        self._path = ""
        self._users: dict[str, SaasUser] | None = None
        self.tells_activity = False
        self.listed_whole = False
        """Whether the list holds everybody: who is not in it is not missing otherwise."""
        self._by_external_id: dict[str, str | None] = {}
        self._role_ids: dict[str, str] = {}
        self._labels: dict[str, str] = {}
        self._roles_read = False

    @property
    def name(self) -> str:
        """The application's name, as the configuration has it."""
        return self._wanted.saas_name

    # -- the application -----------------------------------------------------------------------------------------------

    def find(self) -> str | None:
        """Return the id of the application (`saas_id`, or found by its name), or None if there is none of that name.

        Raises AirbyteTracedException (config_error) if there is none of that id, or if it is not clear which one is meant.
        """
        if self._wanted.saas_id is not None:
            try:
                self._client.get(f"{APPLICATIONS}/{quote(self._wanted.saas_id, safe='')}")
            except RequestRejected as rejected:
                raise config_error(
                    f"Oomnitza does not give the SaaS application with the id {self._wanted.saas_id}: {rejected}. "
                    "Correct SaaS application id (record_type.saas_id)."
                ) from None
            return self._wanted.saas_id
        ids = self._ids_of_the_name()
        return self._one_of(ids) if len(ids) > 1 else next(iter(ids), None)

    def _one_of(self, ids: list[str]) -> str:
        """Return which of several applications of the name is meant. Raises AirbyteTracedException (config_error) if it is not clear."""
        used = [saas_id for saas_id in ids if self._has_users(saas_id)]
        if len(used) > 1:
            raise config_error(
                f"Oomnitza has {len(used)} SaaS applications named {self.name} that have users: {', '.join(used)}. "
                "Give the id of the one that is meant in SaaS application id (record_type.saas_id)."
            )
        # Of two first syncs at once each may have created one; one of them never gets a user.
        meant = (used or ids)[0]
        others = ", ".join(saas_id for saas_id in ids if saas_id != meant)
        logger.warning(
            f"Oomnitza has more than one SaaS application named {self.name}. The one with the id {meant} is used. "
            f"Without users, and to be deleted under Software > SaaS: {others}."
        )
        return meant

    def _ids_of_the_name(self) -> list[str]:
        """Return the ids of the applications of this name, or else of one that differs in case; the smallest first."""
        try:
            ids = self._ids_in(f"filter={quote(f'saas_name eq {literal(self.name)}')}")
        except (RequestRejected, ValueError):  # a name that cannot be asked for
            ids = set()
        # Whether a filter minds the case is not known: before one is created, all are looked through.
        ids = ids or self._ids_in("")
        return sorted(ids, key=lambda saas_id: (len(saas_id), saas_id) if saas_id.isdigit() else (1000, saas_id))

    def _ids_in(self, query: str) -> set[str]:
        same: set[str] = set()
        alike: set[str] = set()
        listing = Listing(self._client, APPLICATIONS, "saas_id", query=query)
        for row in listing.rows():
            name, saas_id = row.get("saas_name"), row.get("saas_id")
            if saas_id is not None and folded(name) == folded(self.name):
                (same if name == self.name else alike).add(str(saas_id))
        if not (same or alike or query or listing.whole):
            raise config_error(
                f"Oomnitza does not list all of its SaaS applications, so it is not known whether {self.name} is there. "
                "Give its id in SaaS application id (record_type.saas_id)."
            )
        return same or alike

    def _has_users(self, saas_id: str) -> bool:
        try:
            return bool(self._client.get_list(f"{_path(saas_id)}/users?limit=1&skip=0")[0])
        except RequestRejected:
            return False

    def _create(self) -> str:
        try:
            creation = self._client.create(
                APPLICATIONS, {"saas_name": self.name}, lambda: next(iter(self._ids_of_the_name()), None)
            )
        except RequestRejected as rejected:
            raise config_error(
                f"Oomnitza refused to add the SaaS application {self.name}: {rejected}. Add it under Software > SaaS."
            ) from None
        if creation.found is not None:
            return str(creation.found)
        saas_id = _id_in(creation.json, "saas_id")
        # Another sync may have created it at the same time: both take the one that was there first.
        ids = self._ids_of_the_name()
        if saas_id is None and not ids:
            raise config_error(
                f"Oomnitza added the SaaS application {self.name}, and does not list it. Give its id (record_type.saas_id)."
            )
        return ids[0] if ids else str(saas_id)

    # -- its users -----------------------------------------------------------------------------------------------------

    def users(self) -> dict[str, SaasUser]:
        """Return the users of the application by `user_id`: the same, living dict each time."""
        with self._lock:
            if self._users is None:
                saas_id = self.find()
                self._path = _path(saas_id) if saas_id is not None else ""
                users: dict[str, SaasUser] = {}
                shared: dict[tuple[str, ...], tuple[str, ...]] = {}
                listing = self._listing()
                for row in self._rows(listing):
                    user = self._read_user(row)
                    self.tells_activity = self.tells_activity or user.active is not None
                    user.roles = shared.setdefault(user.roles, user.roles)
                    users[str(row["user_id"])] = user
                self.listed_whole = listing is None or listing.whole
                self._users = users
            return self._users

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """Yield the application's list as it is now, each person once."""
        return self._rows(self._listing())

    def _listing(self) -> Listing | None:
        return Listing(self._client, f"{self._path}/users", "user_id") if self._path else None

    def _rows(self, listing: Listing | None) -> Iterator[Mapping[str, Any]]:
        try:
            yield from () if listing is None else (row for row in listing.rows() if not is_empty(row.get("user_id")))
        except RequestRejected as rejected:
            raise config_error(
                f"Oomnitza does not list the users of {self.name}: {rejected}. See whether the role of the token's user may read "
                "Software > SaaS."
            ) from None

    def user_with(self, ident: str | None) -> str | None:
        """Return the `user_id` of the one user who has this id in the application."""
        return None if ident is None else self._by_external_id.get(ident)

    def _read_user(self, row: Mapping[str, Any]) -> SaasUser:
        roles = listed_roles(row)
        for role_id, label in roles.items():
            if label:
                self._know_role(role_id, label)
        user = SaasUser(activity_id(row), external_id(row), tuple(sorted(roles)), activity(row))
        self._know_external_id(str(row["user_id"]), user.external_id)
        return user

    def _know_external_id(self, user_id: str, ident: str | None) -> None:
        if ident is not None and self._by_external_id.setdefault(ident, user_id) != user_id:
            self._by_external_id[ident] = None  # two people have it: whose it is cannot be said

    def assign(self, user_ids: Sequence[str]) -> Reasons:
        """Assign people to the application, which is created if it is absent (`POST /api/v3/saas/{id}/users`)."""
        users = self.users()
        with self._lock:
            if user_ids and not self._path and not self._test_run:
                self._path = _path(self._create())

        def call(some: Sequence[str]) -> None:
            body = [{"user_id": user_id, "assign": True} for user_id in some]
            self._client.edit("POST", f"{self._path}/users", body)

        refused = self._write(user_ids, call)
        users.update({user_id: SaasUser() for user_id in user_ids if user_id not in refused})
        return refused

    def set_external_id(self, user_id: str, ident: str) -> Reasons:
        """Write a person's id in the application (`POST /api/v3/saas/{id}/users/{user_id}`); the API takes one at a time."""

        def call(_: Sequence[str]) -> None:
            path = f"{self._path}/users/{quote(user_id, safe='')}"
            self._client.edit("POST", path, {"user_external_id": ident})

        refused = self._write([user_id], call)
        if not refused:
            user = self.users()[user_id]
            with self._lock:
                if user.external_id is not None and self._by_external_id.get(user.external_id) == user_id:
                    del self._by_external_id[user.external_id]
                user.external_id = ident
                self._know_external_id(user_id, ident)
        return refused

    # -- roles ---------------------------------------------------------------------------------------------------------

    def has_only_role(self, user: SaasUser, label: str) -> bool:
        """Say whether a user has the role of this label, and no other."""
        with self._lock:
            if not self._roles_read and any(role not in self._labels for role in user.roles):
                self._read_roles()
            return bool(user.roles) and all(self._labels.get(role) == folded(label) for role in user.roles)

    def role_id(self, label: str) -> str:
        """Return the id of a role, which is created if it is absent."""
        with self._lock:
            if folded(label) not in self._role_ids and not self._roles_read:
                self._read_roles()
            if folded(label) not in self._role_ids:
                self._know_role(self._create_role(label), label)
            return self._role_ids[folded(label)]

    def give_role(self, role_id: str, user_ids: Sequence[str]) -> Reasons:
        """Add a role to people's roles (`POST /api/v3/saas/{id}/roles/users`)."""
        refused = self._change_role("POST", role_id, user_ids)
        for user in self._all_but(refused, user_ids):
            user.roles = (*user.roles, role_id)
        return refused

    def take_role(self, role_id: str, user_ids: Sequence[str]) -> Reasons:
        """Take a role away from people (`DELETE /api/v3/saas/{id}/roles/users`)."""
        refused = self._change_role("DELETE", role_id, user_ids)
        for user in self._all_but(refused, user_ids):
            user.roles = tuple(role for role in user.roles if role != role_id)
        return refused

    def _change_role(self, method: str, role_id: str, user_ids: Sequence[str]) -> Reasons:
        def call(some: Sequence[str]) -> None:
            body = {"users": list(some), "roles": [role_id]}
            self._client.edit(method, f"{self._path}/roles/users", body)

        return self._write(user_ids, call)

    def _know_role(self, role_id: str, label: str) -> None:
        self._labels[role_id] = folded(label)
        self._role_ids.setdefault(folded(label), role_id)

    def _read_roles(self) -> None:
        if not self._path:
            return
        try:
            roles, _ = self._client.get_list(f"{self._path}/roles")
        except RequestRejected as refusal:
            raise config_error(
                f"Oomnitza does not list the roles of {self.name}: {refusal}. Switch off Set roles of SaaS users (assign_roles)."
            ) from None
        for role in roles:
            if not is_empty(role.get("role_id")):
                label = role.get("role_external_label") or role.get("role_external_id") or ""
                self._know_role(str(role["role_id"]), str(label))
        self._roles_read = True

    def _create_role(self, label: str) -> str:
        if self._test_run:
            return f"(new role {label})"

        def find() -> str | None:
            self._read_roles()
            return self._role_ids.get(folded(label))

        try:
            creation = self._client.create(f"{self._path}/roles", {"role_external_label": label}, find)
        except RequestRejected as refusal:
            raise config_error(
                f"Oomnitza refused to add the role {label} to {self.name}: {refusal}. "
                "Add it there, or switch off Set roles of SaaS users (assign_roles)."
            ) from None
        role_id = creation.found or _id_in(creation.json, "role_id") or self._client.look_again(find)
        if role_id is None:
            raise config_error(
                f"Oomnitza added the role {label} to {self.name}, and does not list it. "
                "Switch off Set roles of SaaS users (assign_roles)."
            )
        return role_id

    # -- activity ------------------------------------------------------------------------------------------------------

    def switch(self, user_ids: Sequence[str], active: bool) -> Reasons:
        """Activate or deactivate users (`PATCH /api/v3/saas_users/activate` and `/deactivate`)."""
        users = self.users()
        if any(users[user_id].saas_user_id is None for user_id in user_ids):
            for row in self.rows():
                users.setdefault(str(row["user_id"]), SaasUser()).saas_user_id = activity_id(row)
        # Whether a listing names the id that is asked for here is not known; the `user_id` is, where it does not.
        whose = {users[user_id].saas_user_id or user_id: user_id for user_id in user_ids}
        refused: Reasons = {}

        def call(some: Sequence[str]) -> None:
            path = f"/api/v3/saas_users/{'activate' if active else 'deactivate'}"
            answer = self._client.edit("PATCH", path, {"saas_user_ids": list(some)}, items=True).json
            for item in answer if isinstance(answer, list) else ():
                error = error_in(item)
                if error is not None:
                    ident = str(item.get("saas_user_id"))
                    if ident not in some:  # it is not known whose error it is
                        raise RequestRejected(200, error)
                    refused[whose[ident]] = error

        for ident, reason in self._write(list(whose), call).items():
            refused[whose[ident]] = reason
        for user in self._all_but(refused, user_ids):
            user.active = active
        return refused

    # -- all of them ---------------------------------------------------------------------------------------------------

    def _write(self, items: Sequence[str], call: Callable[[Sequence[str]], None]) -> Reasons:
        return {} if self._test_run else dict(bisect(items, call))

    def _all_but(self, refused: Reasons, user_ids: Sequence[str]) -> list[SaasUser]:
        users = self.users()
        return [users[user_id] for user_id in user_ids if user_id not in refused]


def _path(saas_id: str) -> str:
    return f"{APPLICATIONS}/{quote(saas_id, safe='')}"


def _id_in(created: Any, name: str) -> str | None:
    """Return an id as a creation answers it: in an object, in a list of one, or by itself."""
    if isinstance(created, list):
        created = created[0] if created else None
    ident = created.get(name) if isinstance(created, dict) else created
    return str(ident) if isinstance(ident, (str, int)) and not is_empty(ident) else None
