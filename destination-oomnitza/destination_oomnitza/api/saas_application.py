"""SaaS application over HTTP: finds or creates it, and manages its users.

People are never deleted or unassigned (docs/oomnitza-api.md).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from destination_oomnitza.api.bisection import bisect
from destination_oomnitza.api.client import Client
from destination_oomnitza.api.filters import literal
from destination_oomnitza.api.pagination import Listing
from destination_oomnitza.api.responses import RequestRejected, error_in
from destination_oomnitza.api.saas_roles import SaasRoles
from destination_oomnitza.api.saas_user import (
    Reasons,
    SaasUser,
    activity,
    activity_id,
    external_id,
    id_in,
    listed_roles,
)
from destination_oomnitza.config.models import UserAndSaasUserRecords
from destination_oomnitza.errors import config_error
from destination_oomnitza.normalize import folded, is_empty

logger = logging.getLogger("airbyte")

APPLICATIONS = "/api/v3/saas"


class SaasApplication:
    """Application and its users. Thread-safe; every method raises as Client does.

    The first record that needs it finds the application and reads its users; the first assignment creates it if it is absent.
    Writes keep the list up to date. Methods that write many users at a time return those that Oomnitza rejected.
    """

    def __init__(self, client: Client, wanted: UserAndSaasUserRecords) -> None:
        self._client = client
        self._wanted = wanted
        self._lock = threading.Lock()
        self._path = ""
        self._users: dict[str, SaasUser] | None = None
        self.reports_activity = False
        self.active_at_start = 0
        """Number of users who were not inactive in the first listing."""
        self.listed_whole = False
        """Whether the last listing was complete."""
        self._by_external_id: dict[str, str | None] = {}
        self.roles = SaasRoles(client, self.name)

    @property
    def name(self) -> str:
        """Name of the application, as configured."""
        return self._wanted.saas_name

    # -- the application -----------------------------------------------------------------------------------------------

    def find(self) -> str | None:
        """Return the application's id (`saas_id`, or found by name), or None if absent.

        Raises AirbyteTracedException (config_error) if no application has `saas_id`, or if several have the name.
        """
        if self._wanted.saas_id is not None:
            try:
                self._client.get(f"{APPLICATIONS}/{quote(self._wanted.saas_id, safe='')}")
            except RequestRejected as rejected:
                raise config_error(
                    f"Oomnitza did not return the SaaS application with the id {self._wanted.saas_id}: {rejected}. "
                    "Correct SaaS application id (record_type.saas_id)."
                ) from None
            return self._wanted.saas_id
        ids = self._ids_of_the_name()
        return self._one_of(ids) if len(ids) > 1 else next(iter(ids), None)

    def _one_of(self, ids: list[str]) -> str:
        """Return the application of this name that has users.

        Raises AirbyteTracedException (config_error) if several have users.
        """
        used = [saas_id for saas_id in ids if self._has_users(saas_id)]
        if len(used) > 1:
            raise config_error(
                f"Oomnitza has {len(used)} SaaS applications named {self.name} that have users: {', '.join(used)}. "
                "Enter the id of the right one in SaaS application id (record_type.saas_id)."
            )
        # Two first syncs at the same time may each have created one; one of them never gets a user.
        meant = (used or ids)[0]
        others = ", ".join(saas_id for saas_id in ids if saas_id != meant)
        logger.warning(
            f"Oomnitza has more than one SaaS application named {self.name}; using the one with the id {meant}. "
            f"Delete those without users under Software > SaaS: {others}."
        )
        return meant

    def _ids_of_the_name(self) -> list[str]:
        """Return the ids of the applications of this name, smallest first.

        If none has exactly this name, those whose name differs in case count.
        """
        try:
            ids = self._ids_in(f"filter={quote(f'saas_name eq {literal(self.name)}')}")
        except (RequestRejected, ValueError):  # a name that no filter can have
            ids = set()
        # Filters may compare case, so all applications are read before one is created.
        ids = ids or self._ids_in("")
        return sorted(ids, key=lambda saas_id: (len(saas_id), saas_id) if saas_id.isdigit() else (1000, saas_id))

    def _ids_in(self, query: str) -> set[str]:
        # An application that is added meanwhile shifts the pages, so they are read twice.
        for _ in range(2):
            ids, whole = self._read_ids(query)
            if ids or whole or query:
                return ids
        raise config_error(
            f"Oomnitza does not list all of its SaaS applications, so {self.name} may or may not exist. "
            "Enter its id in SaaS application id (record_type.saas_id)."
        )

    def _read_ids(self, query: str) -> tuple[set[str], bool]:
        """Return the ids of this name, and whether the list is complete."""
        same: set[str] = set()
        alike: set[str] = set()
        listing = Listing(self._client, APPLICATIONS, "saas_id", query=query)
        for row in listing.rows():
            name, saas_id = row.get("saas_name"), row.get("saas_id")
            if saas_id is not None and folded(name) == folded(self.name):
                (same if name == self.name else alike).add(str(saas_id))
        return same or alike, listing.whole

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
                f"Oomnitza rejected the new SaaS application {self.name}: {rejected}. Add it under Software > SaaS."
            ) from None
        if creation.found is not None:
            return str(creation.found)
        saas_id = id_in(creation.json, "saas_id")
        # Another sync may have created it at the same time: both use the one with the smaller id.
        ids = self._ids_of_the_name()
        if saas_id is None and not ids:
            raise config_error(
                f"Oomnitza added the SaaS application {self.name}, but does not list it. "
                "Enter its id in SaaS application id (record_type.saas_id)."
            )
        return ids[0] if ids else str(saas_id)

    # -- its users -----------------------------------------------------------------------------------------------------

    def users(self) -> dict[str, SaasUser]:
        """Return the users by `user_id`; always the same dict, kept up to date."""
        with self._lock:
            if self._users is None:
                saas_id = self.find()
                if saas_id is not None:
                    self._use(saas_id)
                users: dict[str, SaasUser] = {}
                shared: dict[tuple[str, ...], tuple[str, ...]] = {}
                for row in self.rows():
                    user = self._read_user(row)
                    self.reports_activity = self.reports_activity or user.active is not None
                    user.roles = shared.setdefault(user.roles, user.roles)
                    users[str(row["user_id"])] = user
                self.active_at_start = sum(user.active is not False for user in users.values())
                self._users = users
            return self._users

    def _use(self, saas_id: str) -> None:
        self._path = self.roles.path = _path(saas_id)

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """Yield the current list, each user once.

        Sets `listed_whole` to whether the list is complete.
        """
        self.listed_whole = True
        if not self._path:
            return
        listing = Listing(self._client, f"{self._path}/users", "user_id")
        try:
            yield from (row for row in listing.rows() if not is_empty(row.get("user_id")))
        except RequestRejected as rejected:
            raise config_error(
                f"Oomnitza does not list the users of {self.name}: {rejected}. Check that the role of the token's user may read "
                "Software > SaaS."
            ) from None
        self.listed_whole = listing.whole

    def user_with(self, ident: str | None) -> str | None:
        """Return the `user_id` of the only user who has this id in the application."""
        return None if ident is None else self._by_external_id.get(ident)

    def _read_user(self, row: Mapping[str, Any]) -> SaasUser:
        roles = listed_roles(row)
        self.roles.add(roles)
        user = SaasUser(activity_id(row), external_id(row), tuple(sorted(roles)), activity(row))
        self._add_external_id(str(row["user_id"]), user.external_id)
        return user

    def _add_external_id(self, user_id: str, ident: str | None) -> None:
        if ident is not None and self._by_external_id.setdefault(ident, user_id) != user_id:
            self._by_external_id[ident] = None  # two people have it

    def assign(self, user_ids: Sequence[str]) -> Reasons:
        """Assign people; create the application if absent.

        Sends `POST /api/v3/saas/{id}/users`.
        """
        users = self.users()
        with self._lock:
            if user_ids and not self._path:
                self._use(self._create())

        def call(some: Sequence[str]) -> None:
            body = [{"user_id": user_id, "assign": True} for user_id in some]
            self._client.edit("POST", f"{self._path}/users", body)

        rejected = dict(bisect(user_ids, call))
        users.update({user_id: SaasUser() for user_id in user_ids if user_id not in rejected})
        return rejected

    def set_external_id(self, user_id: str, ident: str) -> Reasons:
        """Write a person's id in the application.

        Sends `POST /api/v3/saas/{id}/users/{user_id}`, which takes one user per request.
        """

        try:
            self._client.edit("POST", f"{self._path}/users/{quote(user_id, safe='')}", {"user_external_id": ident})
        except RequestRejected as rejected:
            return {user_id: str(rejected)}
        user = self.users()[user_id]
        with self._lock:
            if user.external_id is not None and self._by_external_id.get(user.external_id) == user_id:
                del self._by_external_id[user.external_id]
            user.external_id = ident
            self._add_external_id(user_id, ident)
        return {}

    # -- activity ------------------------------------------------------------------------------------------------------

    def switch(self, user_ids: Sequence[str], active: bool) -> Reasons:
        """Activate or deactivate users.

        Sends `PATCH /api/v3/saas_users/activate` or `/deactivate`.
        """
        users = self.users()
        if any(users[user_id].saas_user_id is None for user_id in user_ids):
            for row in self.rows():
                users.setdefault(str(row["user_id"]), SaasUser()).saas_user_id = activity_id(row)
        # A listing may lack `saas_user_id`; the `user_id` takes its place.
        whose = {users[user_id].saas_user_id or user_id: user_id for user_id in user_ids}
        rejected: Reasons = {}

        def call(some: Sequence[str]) -> None:
            path = f"/api/v3/saas_users/{'activate' if active else 'deactivate'}"
            answer = self._client.edit("PATCH", path, {"saas_user_ids": list(some)}, items=True).json
            for item in answer if isinstance(answer, list) else ():
                error = error_in(item)
                if error is not None:
                    ident = str(item.get("saas_user_id"))
                    if ident not in some:  # an error of an unknown user
                        raise RequestRejected(200, error)
                    rejected[whose[ident]] = error

        rejected.update((whose[ident], reason) for ident, reason in bisect(list(whose), call))
        for user_id in user_ids:
            if user_id not in rejected:
                users[user_id].active = active
        return rejected


def _path(saas_id: str) -> str:
    return f"{APPLICATIONS}/{quote(saas_id, safe='')}"
