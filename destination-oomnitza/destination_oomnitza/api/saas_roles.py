"""Roles of one SaaS application over HTTP: finds or creates, assigns, removes."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from destination_oomnitza.api.bisection import bisect
from destination_oomnitza.api.client import Client
from destination_oomnitza.api.pagination import Listing
from destination_oomnitza.api.responses import RequestRejected
from destination_oomnitza.api.saas_user import Reasons, SaasUser, id_in, role_reference
from destination_oomnitza.errors import config_error
from destination_oomnitza.normalize import folded, is_empty

_SWITCH_OFF = "switch off Set roles of SaaS users (assign_roles)"


class SaasRoles:
    """Roles by id and by label. Thread-safe; every method raises as Client does.

    The roles are listed when a label or an id occurs that no listed user has. `path` is that of the application.
    """

    def __init__(self, client: Client, application: str) -> None:
        """Take the client, and the name of the application for messages."""
        self._client = client
        self._application = application
        self._lock = threading.Lock()
        self._ids: dict[str, str] = {}
        self._labels: dict[str, str] = {}
        self._external_ids: dict[str, str] = {}
        self._listed = False
        self.path = ""

    def add(self, labels: Mapping[str, str]) -> None:
        """Add roles by id with their labels; "" if a label is unknown."""
        for role_id, label in labels.items():
            if label:
                self._labels[role_id] = folded(label)
                self._ids.setdefault(folded(label), role_id)

    def is_only(self, user: SaasUser, label: str) -> bool:
        """Return whether this role is the only one of a user.

        Replaces role names in `user.roles` by the roles' ids.
        """
        with self._lock:
            if any(role not in self._labels for role in user.roles):
                if not self._listed:
                    self._list()
                user.roles = tuple(map(self._id_of_listed, user.roles))
            return bool(user.roles) and all(self._labels.get(role) == folded(label) for role in user.roles)

    def id_of(self, label: str) -> str:
        """Return the id of a role; create the role if it is absent.

        Raises RequestRejected if Oomnitza rejects the new role.
        """
        with self._lock:
            if folded(label) not in self._ids and not self._listed:
                self._list()
            if folded(label) not in self._ids:
                self.add({self._create(label): label})
            return self._ids[folded(label)]

    def _id_of_listed(self, role: str) -> str:
        """Return the id of a role by the id, label or external id it was listed with."""
        if role in self._labels:
            return role
        name = folded(role)
        return self._ids.get(name) or self._external_ids.get(name) or role

    def give(self, role_id: str, users: Mapping[str, SaasUser]) -> Reasons:
        """Add a role to users by `user_id` (`POST /api/v3/saas/{id}/roles/users`)."""
        rejected = self._change("POST", role_id, list(users))
        for user_id, user in users.items():
            if user_id not in rejected:
                user.roles = (*user.roles, role_id)
        return rejected

    def take(self, role_id: str, users: Mapping[str, SaasUser]) -> Reasons:
        """Remove a role from users by `user_id` (`DELETE /api/v3/saas/{id}/roles/users`)."""
        rejected = self._change("DELETE", role_id, list(users))
        for user_id, user in users.items():
            if user_id not in rejected:
                user.roles = tuple(role for role in user.roles if role != role_id)
        return rejected

    def _change(self, method: str, role_id: str, user_ids: Sequence[str]) -> Reasons:
        def call(some: Sequence[str]) -> None:
            self._client.edit(method, f"{self.path}/roles/users", {"users": list(some), "roles": [role_id]})

        return dict(bisect(user_ids, call))

    def _list(self) -> None:
        if not self.path:
            return
        # A role that another sync adds meanwhile shifts the pages, so they are read again.
        if not self._client.look_again(lambda: self._read_list() or None):
            # A role missing in an incomplete list would be created a second time.
            raise config_error(
                f"Oomnitza does not list all roles of {self._application}. Until it does, {_SWITCH_OFF}."
            )
        self._listed = True

    def _read_list(self) -> bool:
        """Add the listed roles; return whether the list is complete."""
        listing = Listing(self._client, f"{self.path}/roles", "role_id")
        try:
            for role in listing.rows():
                role_id, external_id = role_reference(role), role.get("role_external_id")
                if role_id is not None:
                    self.add({role_id: str(role.get("role_external_label") or external_id or "")})
                    if not is_empty(external_id):
                        self._external_ids.setdefault(folded(external_id), role_id)
        except RequestRejected as rejected:
            raise config_error(
                f"Oomnitza does not list the roles of {self._application}: {rejected}. "
                f"Check that the role of the token's user may read Software > SaaS, or {_SWITCH_OFF}."
            ) from None
        return listing.whole

    def _create(self, label: str) -> str:
        def find() -> str | None:
            self._list()
            return self._ids.get(folded(label))

        creation = self._client.create(f"{self.path}/roles", {"role_external_label": label}, find)
        role_id: str | None = creation.found or id_in(creation.json, "role_id") or self._client.look_again(find)
        if role_id is None:
            raise config_error(
                f"Oomnitza added the role {label} to {self._application}, but does not list it. Until it does, {_SWITCH_OFF}."
            )
        return role_id
