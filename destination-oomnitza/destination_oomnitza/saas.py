"""The SaaS side: who of the people uses the application, in which role, and who does not any more.

Sources: oomnitza.md, "SaaS applications and their users", and the OpenAPI document. Nobody is ever deleted or unassigned.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from destination_oomnitza.client import Client, Refusal, config_error
from destination_oomnitza.config import RestWriting, UserAndSaasUserRecords
from destination_oomnitza.filters import literal
from destination_oomnitza.mapping import Refused, Row
from destination_oomnitza.people import failed, pages
from destination_oomnitza.plan import StreamPlan
from destination_oomnitza.protocol import StreamKey
from destination_oomnitza.report import Outcome, Report, Result
from destination_oomnitza.values import folded, is_empty

logger = logging.getLogger("airbyte")

APPLICATIONS = "/api/v3/saas"

# The source's words for roles, as a person reads them (issue "User plus SaaS user").
ROLE_LABELS = {
    "primary_owner": "Primary Owner",
    "owner": "Owner",
    "admin": "Admin",
    "member": "Member",
    "multi_channel_guest": "Multi-Channel Guest",
    "single_channel_guest": "Single-Channel Guest",
    "bot": "Bot",
}


def role_label(role: str) -> str:
    """Return a role as people read it: Slack's by their names, any other as the source says it."""
    return ROLE_LABELS.get(role.lower(), role)


@dataclass(frozen=True, slots=True)
class Member:
    """A row whose person is in Oomnitza."""

    index: int
    user_id: str
    row: Row


@dataclass(slots=True)
class SaasUser:
    """What the application's list says of one person."""

    saas_user_id: str | None
    external_id: str | None
    roles: frozenset[str]
    active: bool | None
    """None where the listing does not tell."""


def read_saas_user(row: Mapping[str, Any]) -> SaasUser:
    """Read one row of `GET /api/v3/saas/{id}/users` (OpenAPI schema "SaaS assigned User").

    `roles` is an object there and plural by name: an object or a list is taken. Activity is taken where it is told.
    """
    roles = row.get("roles")
    each = roles if isinstance(roles, list) else [roles] if isinstance(roles, dict) and roles else []
    ids = frozenset(
        str(role["role_id"]) for role in each if isinstance(role, dict) and role.get("role_id") not in (None, "")
    )
    saas_user_id = row.get("saas_user_id", row.get("user_id"))
    return SaasUser(
        saas_user_id=None if saas_user_id is None else str(saas_user_id),
        external_id=None if is_empty(row.get("user_external_id")) else str(row["user_external_id"]),
        roles=ids,
        active=_activity(row),
    )


def _activity(row: Mapping[str, Any]) -> bool | None:
    def truth(value: Any) -> bool | None:
        word = str(value).strip().lower()
        return (
            True
            if word in ("true", "1", "yes", "active")
            else False
            if word in ("false", "0", "no", "inactive", "deactivated")
            else None
        )

    for name in ("active", "is_active", "status"):
        if row.get(name) is not None:
            return truth(row[name])
    if row.get("deactivated") is not None:
        told = truth(row["deactivated"])
        return None if told is None else not told
    return None


class SaasUsers:
    """The users of one application. For use from many threads.

    The application and its list are read when the first record needs them, and the list is kept true as it is written.
    """

    def __init__(
        self, client: Client, application: UserAndSaasUserRecords, options: RestWriting, report: Report, test_run: bool
    ) -> None:
        self._client = client
        self._application = application
        self._options = options
        self._report = report
        self._test_run = test_run
        self._lock = threading.Lock()
        self._saas_id: str | None = None
        self._users: dict[str, SaasUser] | None = None
        self._role_ids: dict[str, str] = {}
        self._appeared: set[tuple[str, str]] = set()
        self._whole: set[StreamKey] = set()
        self._whole_title = ""

    # -- one lot -------------------------------------------------------------------------------------------------------

    def write(self, plan: StreamPlan, members: list[Member]) -> dict[int, Result]:
        """Make the SaaS side of some people true. Returns, by row index, results that replace those of the people.

        Raises AirbyteTracedException as Client does.
        """
        users = self._load()
        lot = _Lot(plan.stream.title, users)
        for member in members:
            if plan.whole:
                self._note(plan, [("user_id", member.user_id)])
            (lot.inactive if member.row.inactive or plan.soft_delete else lot.active).append(member)
        self._assign(lot, [member for member in lot.active if member.user_id not in users])
        for member in [*lot.active, *(m for m in lot.inactive if m.user_id in users)]:
            self._set_external_id(lot, member)
        if self._options.assign_roles:
            self._set_roles(lot)
        if self._options.deactivate_inactive or plan.soft_delete:
            self._set_activity(lot, lot.inactive, active=False)
            self._set_activity(lot, lot.active, active=True)
        results = {index: failed(f"SaaS user: {reason}") for index, reason in lot.failures.items()}
        if plan.saas_user_only:
            for index in lot.changed - results.keys():
                results[index] = Result(Outcome.UPDATED)
        return results

    def _assign(self, lot: _Lot, members: list[Member]) -> None:
        def assign(some: list[Member]) -> None:
            if not self._test_run:
                body = [{"user_id": member.user_id, "assign": True} for member in some]
                self._client.edit("POST", f"{APPLICATIONS}/{self._saas_id}/users", body)
            for member in some:
                lot.users[member.user_id] = SaasUser(None, None, frozenset(), None)
            lot.note(some)
            self._report.count_saas(lot.stream, "assigned", len(some))

        lot.failures.update(_in_halves(members, assign, "could not be assigned"))

    def _set_external_id(self, lot: _Lot, member: Member) -> None:
        user = lot.users.get(member.user_id)
        wanted = member.row.external_id
        if user is None or member.index in lot.failures or wanted is None or wanted == user.external_id:
            return
        if not self._test_run:
            path = f"{APPLICATIONS}/{self._saas_id}/users/{quote(member.user_id, safe='')}"
            try:
                answer = self._client.edit("POST", path, {"user_external_id": wanted}).json
            except Refusal as refusal:
                lot.failures[member.index] = f"its external id could not be set: {refusal}"
                return
            errors = answer.get("errors") if isinstance(answer, dict) else None
            if errors:
                lot.failures[member.index] = f"its external id could not be set: {_joined(errors)}"
                return
        user.external_id = wanted
        lot.note([member])

    # -- roles ---------------------------------------------------------------------------------------------------------

    def _set_roles(self, lot: _Lot) -> None:
        """Give each active member the one role of its record, in lots by role, and take other roles away afterwards."""
        wanted: dict[str, list[Member]] = {}
        for member in lot.active:
            if member.row.role is not None and member.user_id in lot.users and member.index not in lot.failures:
                wanted.setdefault(member.row.role, []).append(member)
        for role, members in wanted.items():
            role_id = self._role_id(role)
            differing = [member for member in members if lot.users[member.user_id].roles != {role_id}]
            self._replace_roles(lot, role_id, differing)

    def _replace_roles(self, lot: _Lot, role_id: str, members: list[Member]) -> None:
        path = f"{APPLICATIONS}/{self._saas_id}/roles/users"

        def change(method: str, role: str) -> Callable[[list[Member]], None]:
            def call(some: list[Member]) -> None:
                if not self._test_run:
                    answer = self._client.edit(method, path, {"users": [m.user_id for m in some], "roles": [role]})
                    _raise_for_errors(answer.json)

            return call

        adding = [member for member in members if role_id not in lot.users[member.user_id].roles]
        lot.failures.update(_in_halves(adding, change("POST", role_id), "its role could not be set"))
        for old in sorted({role for member in members for role in lot.users[member.user_id].roles} - {role_id}):
            removing = [m for m in members if old in lot.users[m.user_id].roles and m.index not in lot.failures]
            lot.failures.update(_in_halves(removing, change("DELETE", old), "its former role could not be taken away"))
        done = [member for member in members if member.index not in lot.failures]
        for member in done:
            lot.users[member.user_id].roles = frozenset({role_id})
        lot.note(done)
        self._report.count_saas(lot.stream, "roles_changed", len(done))

    def _role_id(self, role: str) -> str:
        """Return the id of a role, which is created if it is absent."""
        label = role_label(role)
        with self._lock:
            known = self._role_ids.get(folded(label))
            if known is None:
                known = self._create_role(label)
                self._role_ids[folded(label)] = known
        return known

    def _create_role(self, label: str) -> str:
        if self._test_run:
            return f"(new role {label})"
        path = f"{APPLICATIONS}/{self._saas_id}/roles"
        try:
            created, _ = self._client.create(
                path, {"role_external_label": label}, lambda: self._read_roles().get(folded(label))
            )
        except Refusal as refusal:
            raise config_error(
                f"Oomnitza refused to add the role {label} to {self._application.saas_name}: {refusal}. "
                "Add it there, or switch off Set roles."
            ) from None
        role_id = created if isinstance(created, str) else created.get("role_id") if isinstance(created, dict) else None
        role_id = role_id or self._read_roles().get(folded(label))
        if role_id is None:
            raise config_error(
                f"Oomnitza added the role {label}, and does not list it. Switch off Set roles of SaaS users."
            )
        return str(role_id)

    def _read_roles(self) -> dict[str, str]:
        answer = self._client.get(f"{APPLICATIONS}/{self._saas_id}/roles").json
        roles = [role for role in answer if isinstance(role, dict)] if isinstance(answer, list) else []
        return {folded(role.get("role_external_label")): str(role["role_id"]) for role in roles if "role_id" in role}

    # -- activity ------------------------------------------------------------------------------------------------------

    def _set_activity(self, lot: _Lot, members: list[Member], active: bool) -> None:
        """Activate or deactivate those whose state differs.

        Where the listing does not tell, inactive accounts are deactivated in every sync, and nobody is activated.
        """
        if active:
            differing = [m for m in members if m.user_id in lot.users and lot.users[m.user_id].active is False]
        else:
            differing = [m for m in members if m.user_id in lot.users and lot.users[m.user_id].active is not False]
        differing = [member for member in differing if member.index not in lot.failures]
        if not differing:
            return
        errors = self._switch([member.user_id for member in differing], active)
        for member in differing:
            if member.user_id in errors:
                what = "activated" if active else "deactivated"
                lot.failures[member.index] = f"could not be {what}: {errors[member.user_id]}"
        done = [member for member in differing if member.index not in lot.failures]
        lot.note(done)
        self._report.count_saas(lot.stream, "activated" if active else "deactivated", len(done))

    def _switch(self, user_ids: list[str], active: bool) -> dict[str, str]:
        """Activate or deactivate SaaS users. Returns the reason of each `user_id` that Oomnitza refused."""
        users = self._load()
        if any(users[user_id].saas_user_id is None for user_id in user_ids) and not self._test_run:
            self._learn_saas_user_ids(users)
        by_id = {users[user_id].saas_user_id or user_id: user_id for user_id in user_ids}
        errors: dict[str, str] = {}

        def switch(some: list[str]) -> None:
            if self._test_run:
                return
            path = f"/api/v3/saas_users/{'activate' if active else 'deactivate'}"
            answer = self._client.edit("PATCH", path, {"saas_user_ids": some}).json
            for told in answer if isinstance(answer, list) else []:
                if isinstance(told, dict) and told.get("error"):
                    user_id = by_id.get(str(told.get("saas_user_id")))
                    if user_id is not None:
                        errors[user_id] = str(told["error"])

        refused = _in_halves(
            [_Indexed(n, each) for n, each in enumerate(by_id)], lambda some: switch([e.value for e in some]), "refused"
        )
        ids = list(by_id)
        errors.update({by_id[ids[index]]: reason for index, reason in refused.items()})
        for user_id in user_ids:
            # What cannot be told from a listing stays so: it has to be sent again.
            if user_id not in errors and users[user_id].active is not None:
                users[user_id].active = active
        return errors

    def _learn_saas_user_ids(self, users: dict[str, SaasUser]) -> None:
        for user_id, user in self._read_users().items():
            users.setdefault(user_id, user).saas_user_id = user.saas_user_id

    # -- the application and its list ----------------------------------------------------------------------------------

    def _load(self) -> dict[str, SaasUser]:
        with self._lock:
            if self._users is None:
                self._saas_id = self._find_application()
                if self._saas_id is None and not self._test_run:
                    self._saas_id = self._create_application()
                self._users = self._read_users() if self._saas_id is not None else {}
                if self._options.assign_roles and self._saas_id is not None:
                    self._role_ids = self._read_roles()
            return self._users

    def _find_application(self) -> str | None:
        """Return the id of the application (`saas_id`, or found by its name), or None where there is none of that name."""
        wanted = self._application
        if wanted.saas_id is not None:
            try:
                self._client.get(f"{APPLICATIONS}/{quote(wanted.saas_id, safe='')}")
            except Refusal:
                raise config_error(
                    f"Oomnitza has no SaaS application with the id {wanted.saas_id} (record_type.saas_id)."
                ) from None
            return quote(wanted.saas_id, safe="")
        ids = {
            str(row["saas_id"])
            for page in self._applications()
            for row in page
            if folded(row.get("saas_name")) == folded(wanted.saas_name) and row.get("saas_id") is not None
        }
        if len(ids) > 1:
            raise config_error(
                f"Oomnitza has {len(ids)} SaaS applications named {wanted.saas_name}: give the id of the one that is "
                "meant (record_type.saas_id): "
                f"{', '.join(sorted(ids))}."
            )
        return quote(ids.pop(), safe="") if ids else None

    def _applications(self) -> Iterable[Sequence[Mapping[str, Any]]]:
        try:
            query = quote(f"saas_name eq {literal(self._application.saas_name)}")
            yield from pages(self._client, APPLICATIONS, f"filter={query}")
        except (Refusal, ValueError):  # a name that cannot be asked for: look through all of them
            yield from pages(self._client, APPLICATIONS, "")

    def _create_application(self) -> str:
        name = self._application.saas_name
        try:
            created, _ = self._client.create(APPLICATIONS, {"saas_name": name}, self._find_application)
        except Refusal as refusal:
            raise config_error(
                f"Oomnitza refused to add the SaaS application {name}: {refusal}. Add it under Software > SaaS."
            ) from None
        saas_id = created.get("saas_id") if isinstance(created, dict) else created
        saas_id = saas_id if isinstance(saas_id, (str, int)) and str(saas_id) else self._find_application()
        if saas_id is None:
            raise config_error(
                f"Oomnitza added the SaaS application {name}, and does not list it. Give its id (record_type.saas_id)."
            )
        return quote(str(saas_id), safe="")

    def _rows(self) -> Iterable[Mapping[str, Any]]:
        """Yield the rows of the application's list, each person once. Paging is not documented: it ends where a page brings nobody new."""
        seen: set[str] = set()
        skip = 0
        while True:
            answer = self._client.get(f"{APPLICATIONS}/{self._saas_id}/users?limit=500&skip={skip}").json
            rows = (
                [row for row in answer if isinstance(row, dict) and row.get("user_id") is not None]
                if isinstance(answer, list)
                else []
            )
            new = [row for row in rows if str(row["user_id"]) not in seen]
            if not new:
                return
            seen.update(str(row["user_id"]) for row in new)
            yield from new
            skip += len(rows)

    def _read_users(self) -> dict[str, SaasUser]:
        return {str(row["user_id"]): read_saas_user(row) for row in self._rows()}

    # -- who is missing ------------------------------------------------------------------------------------------------

    def seen(self, plan: StreamPlan, record: Mapping[str, Any]) -> None:
        """Note whom a filtered or skipped record is of, for it counts as appearing."""
        try:
            row = plan.mapping(record)
        except Refused:
            row = None
        marks = (
            []
            if row is None
            else [
                (key, value) for key, value in zip(plan.mapping.sync_keys, row.keys, strict=True) if value is not None
            ]
        )
        external_id = row.external_id if row is not None else record.get("id")
        if external_id is not None:
            marks.append(("user_external_id", external_id))
        self._note(plan, marks)

    def _note(self, plan: StreamPlan, marks: Iterable[tuple[str, Any]]) -> None:
        with self._lock:
            self._whole.add(plan.stream.key)
            self._whole_title = plan.stream.title
            self._appeared.update((name, folded(value)) for name, value in marks)

    def finish(self, complete: set[StreamKey], refused: bool) -> None:
        """Deactivate the SaaS users that appeared in no record, where a stream is the whole truth and was COMPLETE.

        Nobody is deactivated if any record was refused, or if no record came. Raises AirbyteTracedException (config_error) where it
        would be more than `max_deactivated_percent` of the active ones; then nobody is deactivated either.
        """
        if not self._whole or not self._appeared:
            return
        if not self._whole <= complete or refused:
            why = "records were refused" if refused else "the source did not say that it had read everybody"
            logger.warning(f"Nobody was deactivated for being missing, because {why}.")
            return
        users = self._load()
        active: list[str] = []
        missing: list[str] = []
        for row in self._rows() if self._saas_id is not None else []:
            user_id = str(row["user_id"])
            users.setdefault(user_id, read_saas_user(row))
            if read_saas_user(row).active is False:
                continue
            active.append(user_id)
            marks = {
                (name, folded(row[name]))
                for name in ("user_id", "user_external_id", "email", "username")
                if not is_empty(row.get(name))
            }
            if marks.isdisjoint(self._appeared):
                missing.append(user_id)
        self._deactivate_missing(active, missing)

    def _deactivate_missing(self, active: list[str], missing: list[str]) -> None:
        if not missing:
            return
        share = 100 * len(missing) / len(active)
        limit = self._options.max_deactivated_percent
        if share > limit:
            raise config_error(
                f"{len(missing)} of the {len(active)} active SaaS users of {self._application.saas_name} are missing "
                f"from the source: {share:.0f} percent, "
                f"and at most {limit:g} may be deactivated (write_method.max_deactivated_percent). "
                "Nobody was deactivated for being missing. "
                "If they really left, raise the setting for one sync; if not, see what the source reads."
            )
        errors = self._switch(missing, active=False)
        self._report.count_saas(self._whole_title, "deactivated", len(missing) - len(errors))
        for user_id, reason in errors.items():
            self._report.refuse(
                self._whole_title,
                f"user_id={user_id}",
                f"SaaS user: is missing, and could not be deactivated: {reason}",
            )


class _Lot:
    """The SaaS side of one lot while it is written."""

    def __init__(self, stream: str, users: dict[str, SaasUser]) -> None:
        self.stream = stream
        self.users = users
        self.active: list[Member] = []
        self.inactive: list[Member] = []
        self.failures: dict[int, str] = {}
        self.changed: set[int] = set()

    def note(self, members: Iterable[Member]) -> None:
        self.changed.update(member.index for member in members)


@dataclass(frozen=True)
class _Indexed:
    index: int
    value: str


def _in_halves(items: list[Any], call: Callable[[list[Any]], None], what: str) -> dict[int, str]:
    """Call with all items; where Oomnitza refuses, with each half, so that one bad item does not cost the others.

    Returns the reasons by the items' `index`.
    """
    if not items:
        return {}
    try:
        call(items)
        return {}
    except Refusal as refusal:
        if len(items) == 1:
            return {items[0].index: f"{what}: {refusal}"}
    middle = len(items) // 2
    return {**_in_halves(items[:middle], call, what), **_in_halves(items[middle:], call, what)}


def _joined(errors: Any) -> str:
    return ", ".join(map(str, errors)) if isinstance(errors, list) else str(errors)


def _raise_for_errors(answer: Any) -> None:
    """Take errors told in an answer of HTTP 200 for what they are."""
    for told in answer if isinstance(answer, list) else [answer]:
        if isinstance(told, dict) and told.get("errors"):
            raise Refusal(200, _joined(told["errors"]))
