"""Tests the source with other destinations: a DuckDB cache, Slack's own example."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from integration_tests.harness.source_process import COMMAND, config, read
from integration_tests.sandbox import Fault, Sandbox
from integration_tests.sandbox.slack.analytics import day_activity, today
from integration_tests.sandbox.slack.members import is_bot

PAGE = Path(__file__).parents[2] / "docs" / "source-slack-users.md"
EXAMPLE = Path(__file__).parents[3] / "shared" / "contracts" / "slack-users-list.example.json"

# The cache's columns for the types that the schema declares.
COLUMNS = {
    "id": "VARCHAR",
    "email": "VARCHAR",
    "role": "VARCHAR",
    "deleted": "BOOLEAN",
    "has_2fa": "BOOLEAN",
    "tz_offset": "BIGINT",
    "updated": "BIGINT",
    "team_ids": "JSON",
    "profile": "JSON",
    "connector_sync_time": "TIMESTAMP",
}


@pytest.fixture
def airbyte(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Load PyAirbyte without registry and telemetry."""
    for name in ("AIRBYTE_OFFLINE_MODE", "DO_NOT_TRACK"):
        monkeypatch.setenv(name, "1")
    import airbyte

    return airbyte


def test_duckdb_cache_of_every_person_answers_sql(sandbox: Sandbox, airbyte: Any, tmp_path: Path) -> None:
    source = airbyte.get_source(
        "source-slack-users",
        config=config(sandbox, sandbox.slack.admin_token, include_bots=True),
        local_executable=COMMAND,
        streams=["users", "last_logins"],
    )
    cache = airbyte.caches.DuckDBCache(db_path=tmp_path / "cache.duckdb")
    source.read(cache=cache)
    members = sandbox.slack.members()

    def sql(query: str) -> list[tuple[Any, ...]]:
        with cache.get_sql_engine().connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query)]

    assert dict(sql("SELECT status, count(*) FROM users GROUP BY status")) == Counter(
        "deactivated" if m["deleted"] else "invited" if m.get("is_invited_user") else "active" for m in members
    )
    roles = dict(sql("SELECT role, count(*) FROM users GROUP BY role"))
    assert sum(roles.values()) == len(members)
    assert roles["primary_owner"] == sum(bool(m.get("is_primary_owner")) for m in members)
    assert roles["bot"] == sum(map(is_bot, members))
    columns = dict(sql("SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'users'"))
    assert {name: columns[name] for name in COLUMNS} == COLUMNS
    logins = dict(sql("SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'last_logins'"))
    assert (logins["last_login_at"], logins["login_count"]) == ("TIMESTAMP", "BIGINT")


def test_documented_query_lists_paid_seats_without_activity(sandbox: Sandbox, airbyte: Any, tmp_path: Path) -> None:
    """The query of docs/source-slack-users.md runs over a DuckDB cache."""
    (query,) = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    seats = [m for m in sandbox.slack.workspace.humans() if not m["deleted"] and not m.get("is_invited_user")]
    seats = [member for member in seats if not member.get("is_ultra_restricted")]
    idle, left = seats[0], seats[1]
    sandbox.slack.workspace.idle_since[idle["id"]] = today() - timedelta(60)
    sandbox.slack.workspace.idle_since[left["id"]] = today() - timedelta(30)  # active until 31 days ago
    source = airbyte.get_source(
        "source-slack-users",
        config=config(sandbox, sandbox.slack.admin_token),
        local_executable=COMMAND,
        streams=["users", "billable_info", "member_activity"],
    )
    cache = airbyte.caches.DuckDBCache(db_path=tmp_path / "cache.duckdb")
    source.read(cache=cache)
    with cache.get_sql_engine().connect() as connection:
        names = [row[0] for row in connection.exec_driver_sql(query)]
    assert set(names) >= {idle["name"]}
    active = {
        line["user_id"]
        for days in range(2, 32)
        for line in day_activity([sandbox.slack.workspace], today() - timedelta(days))
        if line["is_active"]
    }
    assert set(names) == {member["name"] for member in seats if member["id"] not in active}


@pytest.mark.skipif(not EXAMPLE.exists(), reason="Slack's example is kept beside the checkout, not in it")
def test_users_of_slacks_example_page_are_records(sandbox: Sandbox) -> None:
    page = json.loads(EXAMPLE.read_text())
    page["response_metadata"]["next_cursor"] = ""
    sandbox.faults.add(Fault("status", status=200, body=json.dumps(page), service="slack", path="users.list"))
    egon, glinda = read(config(sandbox)).records()
    assert {name: egon.get(name) for name in ("id", "team_id", "name", "email", "first_name", "last_name")} == {
        "id": "W012A3CDE",
        "team_id": "T012AB3C4",
        "name": "spengler",
        "email": "spengler@ghostbusters.example.com",
        "first_name": "Egon",
        "last_name": "Spengler",
    }
    assert (egon["real_name"], egon["role"], egon["status"]) == ("Egon Spengler", "admin", "active")
    assert (egon["has_2fa"], egon["updated"], egon["tz_offset"]) == (False, 1502138686, -25200)
    assert egon["profile"]["status_text"] == "Print is dead"
    assert (glinda["first_name"], glinda["last_name"], glinda["title"]) == ("Glinda", "Southgood", "Glinda the Good")
    assert glinda["display_name"] == "Glinda the Fairly Good"
    assert "phone" not in glinda
    assert "skype" not in glinda
