"""SaaS users of one application: assigns, activates, deactivates, sets roles.

People are never deleted or unassigned.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor

from destination_oomnitza.api.responses import RequestRejected
from destination_oomnitza.api.saas_application import SaasApplication
from destination_oomnitza.api.saas_user import Reasons, SaasUser
from destination_oomnitza.config.models import RestWriting
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.report import Outcome, Report
from destination_oomnitza.writers.base import RecordWrite
from destination_oomnitza.writers.deactivation_limit import DeactivationLimit

# Labels of Slack's roles.
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
    """Return the label of a role: that of Slack's role, or the source's own word."""
    return ROLE_LABELS.get(role.lower(), role)


def _deactivates_all(plan: StreamPlan) -> bool:
    return plan.saas is not None and plan.saas.deactivates_all


class SaasUsers:
    """Makes the users of one application match the records. Thread-safe."""

    def __init__(
        self, application: SaasApplication, limit: DeactivationLimit, options: RestWriting, report: Report
    ) -> None:
        self._application = application
        self._limit = limit
        self._options = options
        self._report = report

    def write(self, plan: StreamPlan, writes: Iterable[RecordWrite], pool: Executor) -> None:
        """Write the SaaS users of some people; raises as Client.

        A record without a `user_id` may be of a SaaS user who is known by the id in the application only. `pool` runs requests for
        single users.
        """
        batch = Members(self._application.users())
        self._sort(plan, batch, writes)
        stream = plan.stream.title
        self._assign(stream, batch)
        self._set_external_ids(batch, pool)
        if self._options.assign_roles:
            self._set_roles(stream, batch)
        if self._options.deactivate_inactive or _deactivates_all(plan):
            self._deactivate(stream, batch)
            self._activate(stream, batch)
        batch.end(plan)

    def would_deactivate(self, external_id: str | None) -> bool:
        """Return whether an inactive account of this id would deactivate somebody."""
        users = self._application.users()
        user_id = self._application.user_with(external_id)
        return self._options.deactivate_inactive and user_id is not None and users[user_id].active is not False

    def _sort(self, plan: StreamPlan, batch: Members, writes: Iterable[RecordWrite]) -> None:
        """Separate active from inactive accounts; of those only assigned ones count."""
        by_external_id: list[RecordWrite] = []
        for write in writes:
            inactive = write.record.inactive or _deactivates_all(plan)
            user = batch.users.get(write.user_id) if write.user_id is not None else None
            if user is not None:
                user.appeared = True
            if write.user_id is None:
                by_external_id += [write] if inactive else []
            elif not inactive:
                batch.active[write.user_id] = write
            elif user is not None:
                batch.inactive[write.user_id] = write
        for write in by_external_id:
            # Deactivated accounts often lose their e-mail address. If the person has a newer account, that one decides; so these come
            # when all others are written (Deferral.ACCOUNT).
            user_id = self._application.user_with(write.record.external_id)
            if user_id is not None and not batch.users[user_id].appeared:
                batch.inactive[user_id] = write

    def _assign(self, stream: str, batch: Members) -> None:
        new = [user_id for user_id in batch.active if user_id not in batch.users]
        done = batch.note(new, self._application.assign(new), "could not be assigned")
        for user_id in done:
            batch.users[user_id].appeared = True
        self._report.count_saas(stream, "assigned", len(done))

    def _set_external_ids(self, batch: Members, pool: Executor) -> None:
        wanted = [
            (user_id, write.record.external_id)
            for user_id, write in batch.assigned().items()
            if write.record.external_id not in (None, batch.users[user_id].external_id)
        ]
        set_one = self._application.set_external_id
        for (user_id, _), rejected in zip(wanted, pool.map(lambda each: set_one(*each), wanted), strict=True):
            batch.note([user_id], rejected, "its id in the application could not be set")

    def _set_roles(self, stream: str, batch: Members) -> None:
        """Give each active member the role of its record, then remove other roles.

        Sends one request per role for many users.
        """
        wanted: dict[str, list[str]] = {}
        for user_id, write in batch.active.items():
            if write.record.role is not None and user_id in batch.users:
                label = role_label(write.record.role)
                if not self._application.roles.is_only(batch.users[user_id], label):
                    wanted.setdefault(label, []).append(user_id)
        for label, user_ids in wanted.items():
            try:
                role_id = self._application.roles.id_of(label)
            except RequestRejected as rejected:
                batch.note(user_ids, dict.fromkeys(user_ids, str(rejected)), f"its new role {label} was rejected")
                continue
            done = self._replace_roles(batch, role_id, user_ids)
            self._report.count_saas(stream, "roles_changed", len(done))

    def _replace_roles(self, batch: Members, role_id: str, user_ids: Sequence[str]) -> list[str]:
        """Give users a role and remove all others; return those with no other role."""
        roles = self._application.roles
        users = {user_id: batch.users[user_id] for user_id in user_ids}
        without = {user_id: user for user_id, user in users.items() if role_id not in user.roles}
        rejected = roles.give(role_id, without)
        batch.note(without, rejected, "its role could not be set")
        done = {user_id: user for user_id, user in users.items() if user_id not in rejected}
        for other in sorted({role for user in done.values() for role in user.roles} - {role_id}):
            having = {user_id: user for user_id, user in done.items() if other in user.roles}
            rejected = roles.take(other, having)
            batch.note(having, rejected, "its former role could not be removed")
            done = {user_id: user for user_id, user in done.items() if user_id not in rejected}
        return list(done)

    def _deactivate(self, stream: str, batch: Members) -> None:
        """Deactivate inactive accounts up to the limit.

        If the list does not report who is active, they are deactivated again in every sync.
        """
        active = [
            user_id for user_id in batch.inactive if user_id in batch.users and batch.users[user_id].active is not False
        ]
        done = batch.note(*self._limit.deactivate(active), "could not be deactivated")
        self._report.count_saas(stream, "deactivated", len(done))

    def _activate(self, stream: str, batch: Members) -> None:
        """Activate active accounts that are listed as inactive."""
        inactive = [
            user_id for user_id in batch.active if user_id in batch.users and batch.users[user_id].active is False
        ]
        done = batch.note(inactive, self._application.switch(inactive, active=True), "could not be activated")
        self._report.count_saas(stream, "activated", len(done))


class Members:
    """SaaS users of one batch while it is written, by `user_id`."""

    def __init__(self, users: dict[str, SaasUser]) -> None:
        self.users = users
        self.active: dict[str, RecordWrite] = {}
        self.inactive: dict[str, RecordWrite] = {}
        self._rejected: dict[str, list[str]] = {}
        self._changed: set[str] = set()

    def assigned(self) -> dict[str, RecordWrite]:
        """Return the people of the batch who use the application."""
        return {user_id: each for user_id, each in {**self.active, **self.inactive}.items() if user_id in self.users}

    def note(self, user_ids: Iterable[str], rejected: Reasons, what: str) -> list[str]:
        """Note the results of one step; return the users for whom it succeeded.

        A rejected step does not keep the other steps of a user from being written.
        """
        done: list[str] = []
        for user_id in user_ids:
            if user_id in rejected:
                self._rejected.setdefault(user_id, []).append(f"{what}: {rejected[user_id]}")
            else:
                self._changed.add(user_id)
                done.append(user_id)
        return done

    def end(self, plan: StreamPlan) -> None:
        """Reject the records with a rejected step.

        A record of a SaaS user without a person counts as updated if any step changed it.
        """
        for user_id, write in {**self.active, **self.inactive}.items():
            if user_id in self._rejected:
                write.fail(f"SaaS user: {'; '.join(self._rejected[user_id])}")
            elif plan.people is None and user_id in self._changed:
                write.end(Outcome.UPDATED)
