"""Defines the example of the demo and playground: people, settings and numbers."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from integration_tests.sandbox import Sandbox
from integration_tests.sandbox.oomnitza.slack_setup import set_up_slack
from integration_tests.sandbox.slack.members import Member, is_bot
from integration_tests.sandbox.slack.people import EPOCH

PEOPLE = 250
CONNECTIONS = ("users", "activity")
"""Connections of the bundle, people first, so that a login finds its person."""

SKIPPED = {
    "filtered": "left out by the record filter",
    "no_sync_key": "without a sync key (the e-mail address)",
    "inactive_unknown": "deactivated, and not in Oomnitza",
    "write_mode": "not in Oomnitza, and the stream only updates",
    "superseded": "followed by a later record of the same person",
}
"""Reasons of the sync report for skipped records, as the example words them."""


def furnish(sandbox: Sandbox) -> None:
    """Set up the instance for Slack, with two people.

    The first sync changes one of them, and the other one conflicts with it.

    The newest login to Slack is today's, so that "no login for 90 days" applies to some people and not to all.
    """
    set_up_slack(sandbox.oomnitza)
    later = int(time.time()) - EPOCH
    for login in sandbox.slack.workspace.logins:
        login |= {name: login[name] + later for name in ("date_first", "date_last")}
    by_name = {member["profile"].get("real_name"): member for member in sandbox.slack.members()}
    sandbox.oomnitza.add_person(
        username="ada", email=by_name["Ada Lovelace"]["profile"]["email"], first_name="Ada", last_name="King"
    )
    sandbox.oomnitza.add_person(
        username=by_name["Conan O'Brien"]["name"],
        email="conan@elsewhere.example",
        first_name="Conan",
        last_name="Doyle",
    )


def count_members(sandbox: Sandbox) -> str:
    """Return the number of Slack's members, as a sum that adds up."""
    kinds = Counter(map(_kind, sandbox.slack.members()))
    return f"{kinds.total()} members = {' + '.join(f'{number} {kind}' for kind, number in kinds.most_common())}"


def _kind(member: Member) -> str:
    if is_bot(member):
        return "bots"
    return "deactivated people" if member["deleted"] else "active people"


def source_configuration(sandbox: Sandbox) -> dict[str, Any]:
    """Return the source's configuration, with an administrator's token.

    Last logins and billing need one.
    """
    return {
        "credentials": {"auth_type": "api_token", "api_token": sandbox.slack.admin_token},
        "api_url": sandbox.slack_url,
    }


def destination_configuration(sandbox: Sandbox) -> dict[str, Any]:
    """Return the destination's configuration, as an administrator would fill it in."""
    return {
        "instance_url": sandbox.oomnitza_url,
        "credentials": {"auth_type": "api_token", "api_token": sandbox.oomnitza.token},
        "record_type": {"type": "user_and_saas_user", "saas_name": "Slack"},
        "default_role": "Employee",
        "default_position": "Employee",
        "streams": [
            _found_by_slack_user_id(
                "last_logins", {"field": "slack_last_login", "value": "last_login_at", "newest": True}
            ),
            _found_by_slack_user_id("billable_info", {"field": "slack_billing_active", "value": "billing_active"}),
        ],
    }


def _found_by_slack_user_id(stream: str, rule: dict[str, Any]) -> dict[str, Any]:
    return {
        "stream": stream,
        "record_type": {"type": "user"},
        "write_mode": "update_only",
        "sync_keys": ["slack_user_id"],
        "smart_mapping": False,
        "field_mapping": [{"field": "slack_user_id", "value": "user_id"}, rule],
    }
