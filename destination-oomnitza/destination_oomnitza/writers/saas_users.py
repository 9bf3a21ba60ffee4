"""The SaaS side of one batch of people: who uses the application, in which role, and who does not any more.

Source: issue "User plus SaaS user". Nobody is ever deleted or unassigned.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from destination_oomnitza.api.saas_application import Reasons, SaasApplication
from destination_oomnitza.api.saas_user import SaasUser
from destination_oomnitza.config.models import RestWriting
from destination_oomnitza.mapping.record_mapping import MappedRecord
from destination_oomnitza.planning.stream_plan import StreamPlan
from destination_oomnitza.report import Outcome, Report, Result
from destination_oomnitza.writers.people import failed

# The source's words for roles, as a person reads them.
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
    """A row whose person is in Oomnitza, or may be known there by the id in the application alone (`user_id` None)."""

    index: int
    user_id: str | None
    row: MappedRecord


class SaasUsers:
    """Makes the users of one application what the records say. For use from many threads."""

    def __init__(self, application: SaasApplication, options: RestWriting, report: Report) -> None:
        self._application = application
        self._options = options
        self._report = report

    def write(self, plan: StreamPlan, members: Iterable[Member], pool: Executor) -> dict[int, Result]:
        """Make the SaaS side of some people true; `pool` takes what is asked one by one.

        Returns, by row index, results that replace those of the people. Raises AirbyteTracedException as Client does.
        """
        batch = Batch(self._application.users())
        self._sort(plan, batch, members)
        stream = plan.stream.title
        self._assign(stream, batch)
        self._set_external_ids(batch, pool)
        if self._options.assign_roles:
            self._set_roles(stream, batch)
        if self._options.deactivate_inactive or plan.soft_delete:
            self._set_activity(stream, batch, batch.inactive, active=False)
            self._set_activity(stream, batch, batch.active, active=True)
        results = {index: failed(f"SaaS user: {'; '.join(reasons)}") for index, reasons in batch.failures.items()}
        if plan.saas_user_only:
            for index in batch.changed - results.keys():
                results[index] = Result(Outcome.UPDATED)
        return results

    def _sort(self, plan: StreamPlan, batch: Batch, members: Iterable[Member]) -> None:
        """Tell active accounts from inactive ones, of which only those that are assigned concern the application."""
        by_external_id: list[Member] = []
        for member in members:
            inactive = member.row.inactive or plan.soft_delete
            user = batch.users.get(member.user_id) if member.user_id is not None else None
            if user is not None:
                user.appeared = True
            if member.user_id is None:
                by_external_id += [member] if inactive else []
            elif not inactive:
                batch.active[member.user_id] = member
            elif user is not None:
                batch.inactive[member.user_id] = member
        for member in by_external_id:
            # Deactivated accounts often lose their e-mail address. Somebody who is here under a newer account stays as that one says.
            user_id = self._application.user_with(member.row.external_id)
            if user_id is not None and not batch.users[user_id].appeared:
                batch.inactive[user_id] = member

    def _assign(self, stream: str, batch: Batch) -> None:
        new = [user_id for user_id in batch.active if user_id not in batch.users]
        done = batch.note(new, self._application.assign(new), "could not be assigned")
        for user_id in done:
            batch.users[user_id].appeared = True
        self._report.count_saas(stream, "assigned", len(done))

    def _set_external_ids(self, batch: Batch, pool: Executor) -> None:
        wanted = [
            (user_id, member.row.external_id)
            for user_id, member in batch.assigned().items()
            if member.row.external_id not in (None, batch.users[user_id].external_id)
        ]
        set_one = self._application.set_external_id
        for (user_id, _), refused in zip(wanted, pool.map(lambda each: set_one(*each), wanted), strict=True):
            batch.note([user_id], refused, "its external id could not be set")

    def _set_roles(self, stream: str, batch: Batch) -> None:
        """Give each active member the one role of its record, in batches by role, and take other roles away afterwards."""
        wanted: dict[str, list[str]] = {}
        for user_id, member in batch.active.items():
            if member.row.role is not None and user_id in batch.users:
                label = role_label(member.row.role)
                if not self._application.has_only_role(batch.users[user_id], label):
                    wanted.setdefault(label, []).append(user_id)
        for label, user_ids in wanted.items():
            done = self._replace_roles(batch, self._application.role_id(label), user_ids)
            self._report.count_saas(stream, "roles_changed", len(done))

    def _replace_roles(self, batch: Batch, role_id: str, user_ids: Sequence[str]) -> list[str]:
        def those_with(role: str) -> list[str]:
            return [user_id for user_id in done if role in batch.users[user_id].roles]

        without = [user_id for user_id in user_ids if role_id not in batch.users[user_id].roles]
        refused = self._application.give_role(role_id, without)
        batch.note(without, refused, "its role could not be set")
        done = [user_id for user_id in user_ids if user_id not in refused]
        for other in sorted({role for user_id in done for role in batch.users[user_id].roles} - {role_id}):
            having = those_with(other)
            refused = self._application.take_role(other, having)
            batch.note(having, refused, "its former role could not be taken away")
            done = [user_id for user_id in done if user_id not in refused]
        return done

    def _set_activity(self, stream: str, batch: Batch, members: dict[str, Member], active: bool) -> None:
        """Activate or deactivate those whose state differs.

        Where the listing does not tell, inactive accounts are deactivated in every sync, and nobody is activated.
        """

        def differs(user: SaasUser | None) -> bool:
            return user is not None and (user.active is False if active else user.active is not False)

        word = "activated" if active else "deactivated"
        differing = [user_id for user_id in members if differs(batch.users.get(user_id))]
        done = batch.note(differing, self._application.switch(differing, active), f"could not be {word}")
        self._report.count_saas(stream, word, len(done))


class Batch:
    """The SaaS side of one batch while it is written. People are named by their `user_id`."""

    def __init__(self, users: dict[str, SaasUser]) -> None:
        self.users = users
        self.active: dict[str, Member] = {}
        self.inactive: dict[str, Member] = {}
        self.failures: dict[int, list[str]] = {}
        self.changed: set[int] = set()

    def assigned(self) -> dict[str, Member]:
        """Return everybody of the batch who uses the application."""
        return {user_id: each for user_id, each in {**self.active, **self.inactive}.items() if user_id in self.users}

    def note(self, user_ids: Iterable[str], refused: Reasons, what: str) -> list[str]:
        """Note what was written, and return for whom it succeeded. One refusal does not keep the other parts from being written."""
        done: list[str] = []
        for user_id in user_ids:
            member = self.active.get(user_id) or self.inactive[user_id]
            if user_id in refused:
                self.failures.setdefault(member.index, []).append(f"{what}: {refused[user_id]}")
            else:
                self.changed.add(member.index)
                done.append(user_id)
        return done
