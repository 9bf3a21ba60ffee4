"""Reads the people of the workspaces: the stream `users`."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from source_slack_users.coercion import iso, text
from source_slack_users.custom_fields import CustomFields
from source_slack_users.errors import transient_error
from source_slack_users.grid import Membership
from source_slack_users.listing import Item, Listing
from source_slack_users.streams import Record, SlackStream, State
from source_slack_users.users import GUESTS, Standing, last_change, to_record
from source_slack_users.workspaces import Workspace, workspaces_to_read


class Users(SlackStream):
    """Reads the people of the workspaces (Slack: users.list)."""

    primary_key = "id"
    cursor_field = "updated"

    def records(self, state: State) -> Iterator[Record]:
        """Read all workspaces, and yield the records that the settings include.

        On a Grid, all workspaces but the last are listed twice: first to find the workspaces of each person, then for
        the records. If the workspace that gives somebody's record changes meanwhile, it is listed once more.
        """
        identity = self.identify()
        identity.require_scopes()
        workspaces = workspaces_to_read(self._api, identity, self.config.team_ids)
        team_ids = [workspace.id for workspace in workspaces]
        since = self.since(state)
        self._largest = 0
        membership = Membership(team_ids, since)
        build = partial(to_record, sync_time=iso(self.started), own={identity.workspace.id, *team_ids})
        custom_fields = CustomFields(self._api, workspaces) if self.config.include_custom_fields else None
        last = len(workspaces) - 1
        for index in range(last):
            for _ in self._members(workspaces[index], index, membership):
                pass
        for index in _in_turn(last, membership):
            for members in self._members(workspaces[index], index, membership):
                # One at a time: a record that is emitted before the next is built is still in the processor's cache.
                records = self._due(members, membership, build)
                yield from custom_fields.complete(records) if custom_fields else records
        if membership.left():
            raise transient_error(
                f"{membership.left()} people left a workspace or were deactivated in one while the workspaces were read, so "
                "the listing is incomplete. The next attempt reads it again."
            )

    def next_state(self, state: State) -> State:
        """Return the largest `updated` listed.

        It is never later than the start of the read, because people on pages already read may have changed since. It
        never goes back.
        """
        return {"updated": max(self.since(state), min(self._largest, self.started))}

    def _members(self, workspace: Workspace, index: int, membership: Membership) -> Iterator[list[Item]]:
        """Yield the members of a workspace by page, and record them in `membership`.

        Raises transient_error if the workspace has none.
        """
        membership.begin_listing(index)
        found = False
        params = {"include_locale": "true", "team_id": workspace.parameter}
        for members in Listing(self._api, "users.list", "members", _versioned, params=params).pages():
            found = found or bool(members)
            self._largest = max(self._largest, *(updated for _, updated, _ in members), 0)
            membership.see(members)
            yield members
            members.clear()  # so that memory holds one page at a time
        if not found:
            raise transient_error(
                f"Slack's users.list returned no members of {workspace.name} ({workspace.id}), but every workspace has "
                "some. The next attempt reads it again."
            )

    def _due(
        self, members: list[Item], membership: Membership, build: Callable[[Any, Standing], Record]
    ) -> Iterator[Record]:
        """Yield the records of a page that this listing gives and the settings include."""
        for person, updated, member in members:
            standing = membership.take(person, updated)
            if standing and self._wants(record := build(member, standing)):
                yield record

    def _wants(self, record: Record) -> bool:
        config = self.config
        return (
            (config.include_deactivated or not record["deleted"])
            and (config.include_guests or record["role"] not in GUESTS)
            and (config.include_bots or record["role"] != "bot")
            and (config.include_external or not record["is_external"])
        )


def _versioned(member: Any) -> tuple[str | None, int]:
    return (text(member.get("id")), last_change(member)) if isinstance(member, dict) else (None, 0)


def _in_turn(last: int, membership: Membership) -> Iterator[int]:
    """Yield the workspaces to read for records, then those to read once more."""
    yield last
    yield from range(last)
    yield from membership.awaited()
