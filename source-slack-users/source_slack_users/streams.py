"""The three streams. Each lists whole, or fails: none goes on in the middle of a listing."""

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from datetime import datetime, timezone
from typing import Any

from airbyte_cdk.models import (
    AirbyteMessage,
    AirbyteRecordMessage,
    ConfiguredAirbyteStream,
    SyncMode,
    Type,
)
from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.sources.streams import Stream
from airbyte_cdk.sources.streams.core import NO_CURSOR_STATE_KEY
from airbyte_cdk.sources.utils.schema_helpers import InternalConfig
from airbyte_cdk.sources.utils.slice_logger import SliceLogger
from airbyte_cdk.utils.datetime_helpers import ab_datetime_parse
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from requests.auth import AuthBase

from source_slack_users.config import Config
from source_slack_users.errors import config_error, surprise, transient_error
from source_slack_users.grid import Sightings
from source_slack_users.retries import Patience
from source_slack_users.slack_api import MOST_NUMBERED_PAGES, SlackApi, by_cursor, by_number, is_cut
from source_slack_users.users import is_bot, is_guest, last_change, to_record
from source_slack_users.workspaces import Identity, Workspace, identify, workspaces_to_read

Record = dict[str, Any]
State = Mapping[str, Any]

CLOCKS_DIFFER = 5
"""Seconds by which this machine's clock may be ahead of Slack's: an answer's time is told in whole seconds, and may be old."""


class SlackStream(Stream, ABC):
    """A stream that lists whole, emits ready messages, and ends with one STATE."""

    page_size: int | None = None  # where it is not the administrator's choice

    # What a failed full refresh has written is thrown away, for the next attempt begins anew.
    is_resumable = False

    def __init__(self, config: Config, auth: AuthBase, started: float) -> None:
        """`started` is the start of the read, in Unix seconds."""
        self.config = config
        self.started = int(started)
        self.failure: AirbyteTracedException | None = None
        self._api = SlackApi(
            self.name, config.api_url, auth, patience=Patience(), page_size=self.page_size or config.page_size
        )

    @abstractmethod
    def records(self, state: State) -> Iterator[Record]:
        """List everything, and yield the records at or after `state`; nobody comes twice."""

    @abstractmethod
    def next_state(self, state: State) -> State:
        """Give the state for the next read, once everything is listed."""

    def read(  # noqa: PLR0917 - the CDK's signature
        self,
        configured_stream: ConfiguredAirbyteStream,
        logger: logging.Logger,
        slice_logger: SliceLogger,
        stream_state: MutableMapping[str, Any],
        state_manager: ConnectorStateManager,
        internal_config: InternalConfig,
    ) -> Iterator[AirbyteMessage]:
        """Yield the RECORD messages, then the STATE.

        The CDK's own `read` asks for a state after each record; here there is none before the end. A full refresh
        takes no heed of a state.
        """
        state = stream_state if configured_stream.sync_mode == SyncMode.incremental else {}
        try:
            yield from self.read_records(configured_stream.sync_mode, stream_state=state)
            after = self.next_state(state)
        except AirbyteTracedException as failure:
            self.failure = failure
            raise
        except Exception as error:
            self.failure = surprise(error)
            raise self.failure from error
        state_manager.update_state_for_stream(self.name, self.namespace, after)
        yield state_manager.create_state_message(self.name, self.namespace)

    def read_records(
        self,
        sync_mode: SyncMode,
        cursor_field: list[str] | None = None,
        stream_slice: Mapping[str, Any] | None = None,
        stream_state: Mapping[str, Any] | None = None,
    ) -> Iterator[AirbyteMessage]:
        """Yield the records as ready messages, which the CDK passes on as they are."""
        name = self.name
        for record in self.records(stream_state or {}):
            message = AirbyteRecordMessage(stream=name, data=record, emitted_at=time.time_ns() // 1_000_000)
            yield AirbyteMessage(type=Type.RECORD, record=message)

    def identify(self) -> Identity:
        """Ask Slack whose the token is; a read whose machine's clock is fast starts by Slack's clock."""
        identity = identify(self._api)
        if identity.now is not None and self.started - identity.now > CLOCKS_DIFFER:
            self.started = identity.now
        return identity

    def workspaces(self) -> list[Workspace]:
        """Ask Slack which workspaces to read."""
        return workspaces_to_read(self._api, self.identify(), self.config.team_ids)


class Users(SlackStream):
    """Everybody in the workspaces (Slack: users.list)."""

    primary_key = "id"
    cursor_field = "updated"

    def records(self, state: State) -> Iterator[Record]:
        """List the people.

        On a Grid, all workspaces but the last are listed twice: first to see who is where, then for the records. Where
        somebody's record was to come from one that was past by then, that one is listed once more.
        """
        identity = self.identify()
        identity.require_scopes()
        workspaces = workspaces_to_read(self._api, identity, self.config.team_ids)
        since = _since(state, "updated")
        self._largest = 0
        sync_time = _iso(self.started)
        sightings = Sightings([workspace.id for workspace in workspaces], since)
        last = len(workspaces) - 1
        for index in range(last):
            for members in self._pages(workspaces[index]):
                _see(sightings, members, index)
        for index in _in_turn(last, sightings):
            for members in self._pages(workspaces[index]):
                _see(sightings, members, index)  # again: who is active here, or here at all, may have changed
                for member in members:
                    team_ids = sightings.take(member["id"], index)
                    if team_ids is not None and self._wants(member):
                        due = _due(member, since, sightings)
                        if due is not None:
                            yield to_record(due, team_ids, sync_time)
        if sightings.left():
            raise transient_error(
                f"While the workspaces were being read, {sightings.left()} of their people left one or were deactivated in "
                "it, so the listing is not whole. The next attempt reads it again."
            )

    def next_state(self, state: State) -> State:
        """Give the largest `updated` that was listed.

        It is never past the start of the read, for somebody whose page was already past may have changed since; nor
        does it go back.
        """
        return {"updated": max(_since(state, "updated"), min(self._largest, self.started))}

    def _pages(self, workspace: Workspace) -> Iterator[list[dict[str, Any]]]:
        answers = self._api.pages(
            "users.list", "members", by_cursor, include_locale="true", team_id=workspace.parameter
        )
        for answer in answers:
            members = answer["members"]
            self._largest = max(self._largest, *map(last_change, members), 0)
            yield members
            members.clear()  # before the next page is there, so that memory holds one at a time

    def _wants(self, member: Mapping[str, Any]) -> bool:
        config = self.config
        return (
            (config.include_deactivated or not member.get("deleted"))
            and (config.include_guests or not is_guest(member))
            and (config.include_bots or not is_bot(member))
        )


class LastLogins(SlackStream):
    """The newest login of each person (Slack: team.accessLogs, newest first)."""

    primary_key = "user_id"
    cursor_field = "last_login_at"
    page_size = 1000  # of a hundred pages, smaller ones would reach less far back

    def records(self, state: State) -> Iterator[Record]:
        """List the logins of each workspace back to the state's time, and yield the newest of each person."""
        since = _since(state, "last_login_at")
        newest: dict[str, Record] = {}
        for workspace in self.workspaces():
            for page in self._api.pages("team.accessLogs", "logins", by_number, team_id=workspace.parameter):
                logins = page["logins"]
                recent = [login for login in logins if not 0 < _last(login) < since]
                for login in recent:
                    person = login.get("user_id")
                    if person and (person not in newest or _last(login) > _last(newest[person])):
                        newest[person] = login
                if len(recent) < len(logins):
                    break
                if is_cut(page):
                    self.logger.warning(
                        f"Slack gives only the {MOST_NUMBERED_PAGES} newest pages of the logins to {workspace.name}: "
                        "older ones are not in last_logins."
                    )
        self._largest = max(map(_last, newest.values()), default=0)
        yield from map(_login_record, newest.values())

    def next_state(self, state: State) -> State:
        """Give the time of the newest login, never past the start of the read, nor going back."""
        since = _since(state, "last_login_at")
        return {"last_login_at": _iso(max(since, min(self._largest, self.started)))}


class BillableInfo(SlackStream):
    """Whether each person is billed (Slack: team.billableInfo)."""

    primary_key = "user_id"

    def records(self, state: State) -> Iterator[Record]:
        """List all workspaces, and yield one record a person: active if in any workspace."""
        active: dict[str, bool] = {}
        for workspace in self.workspaces():
            for page in self._api.pages(
                "team.billableInfo", "billable_info", by_cursor, dict, team_id=workspace.parameter
            ):
                people = page["billable_info"] or {}
                for person, info in people.items():
                    active[person] = active.get(person, False) or bool(info.get("billing_active"))
        for person, billed in active.items():
            yield {"user_id": person, "billing_active": billed}

    def next_state(self, state: State) -> State:
        """Give the CDK's state for a stream that has no cursor."""
        return {NO_CURSOR_STATE_KEY: True}


def _see(sightings: Sightings, members: Iterable[Mapping[str, Any]], workspace: int) -> None:
    for member in members:
        sightings.see(member["id"], workspace, active=not member.get("deleted"), updated=last_change(member))


def _in_turn(last: int, sightings: Sightings) -> Iterator[int]:
    """Yield which workspace to read for records next; whose records are still awaited is only known at the end."""
    yield last
    yield from range(last)
    yield from sightings.awaited()


def _due(member: Mapping[str, Any], since: int, sightings: Sightings) -> Mapping[str, Any] | None:
    """Give the member if it changed at or after `since`, in this workspace or in another; None if it did not.

    If another changed it later, it gets that one's time: by its own it could be older than what was emitted before.
    """
    here, elsewhere = last_change(member), sightings.changed(member["id"])
    if elsewhere > here:
        return {**member, "updated": elsewhere}
    return None if 0 < here < since else member


def _last(login: Mapping[str, Any]) -> int:
    return login.get("date_last") or 0


def _login_record(login: Mapping[str, Any]) -> Record:
    return {
        "user_id": login["user_id"],
        "username": login.get("username") or None,
        "last_login_at": _iso(login["date_last"]) if login.get("date_last") else None,
        "first_login_at": _iso(login["date_first"]) if login.get("date_first") else None,
        "login_count": login.get("count"),
        "ip": login.get("ip") or None,
        "country": login.get("country") or None,
        "user_agent": login.get("user_agent") or None,
    }


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _since(state: State, field: str) -> int:
    """Read the time in a state, in Unix seconds; 0 where there is none."""
    value = state.get(field) or 0
    try:
        since = int(value) if isinstance(value, (int, float)) else int(ab_datetime_parse(value).timestamp())
        _iso(since)  # raises for what no calendar has
        return since
    except (TypeError, ValueError, OverflowError, OSError):
        raise config_error(f"The saved state has no time in {field}. Clear the stream's data and sync again.") from None
