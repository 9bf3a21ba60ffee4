"""Tests the stream `user_groups`."""

from __future__ import annotations

from typing import Any

import pytest

GROUP = {
    "id": "S0614TZR7",
    "team_id": "T1",
    "is_usergroup": True,
    "name": "Team Admins",
    "description": "",
    "handle": "admins",
    "is_external": 0,
    "date_create": 1_446_598_059,
    "date_update": "1446670362",
    "date_delete": 0,
    "auto_type": "admin",
    "created_by": "USLACKBOT",
    "updated_by": "U060RNRCZ",
    "deleted_by": None,
    "prefs": {"channels": ["C1"], "groups": []},
    "user_count": "2",
    "users": ["U060RNRCZ", "U060ULRC0"],
}


def test_user_groups_have_the_schemas_types(slack: Any, read: Any) -> None:
    slack.answers["usergroups.list"] = {"usergroups": [GROUP]}
    (group,) = read("user_groups")
    assert group == GROUP | {"description": None, "is_external": False, "date_update": 1_446_670_362, "user_count": 2}
    assert slack.asked("usergroups.list") == [{"include_users": "true", "include_count": "true"}]


def test_user_groups_without_an_id_are_left_out(slack: Any, read: Any, caplog: pytest.LogCaptureFixture) -> None:
    slack.answers["usergroups.list"] = {"usergroups": [{"id": "S1"}, {"handle": "nameless"}]}
    (group,) = read("user_groups")
    assert (group["id"], group["users"]) == ("S1", None)
    assert "usergroups.list returned 1 usergroups without an ID" in caplog.text


def test_user_groups_of_several_workspaces_come_once(grid: Any, slack: Any, read: Any) -> None:
    slack.answers["usergroups.list"] = lambda params: {
        "usergroups": [{"id": "SALL", "users": ["W1"]}, {"id": f"S{params['team_id']}", "users": []}]
    }
    assert [group["id"] for group in read("user_groups")] == ["SALL", "ST1", "ST2", "ST3"]


def test_user_groups_of_an_empty_workspace_are_none(slack: Any, read: Any) -> None:
    slack.answers["usergroups.list"] = {"usergroups": []}
    assert read("user_groups") == []
