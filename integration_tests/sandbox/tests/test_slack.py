"""Tests Slack with Slack's own SDK, and the requests that Slack rejects."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from integration_tests.sandbox import Fault, Sandbox
from integration_tests.sandbox.slack.analytics import today
from integration_tests.sandbox.slack.members import is_bot

EXAMPLE = Path(__file__).parents[4] / "shared" / "contracts" / "slack-users-list.example.json"


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    """Start one sandbox for tests that change nothing."""
    with Sandbox(people=250) as running:
        yield running


def call(sandbox: Sandbox, method: str, bearer: str | None = None, **params: Any) -> dict[str, Any]:
    """Return a method's response by plain HTTP."""
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    answer = requests.get(f"{sandbox.slack_url}{method}", params=params, headers=headers, timeout=10)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def refused(sandbox: Sandbox, method: str, bearer: str | None = None, **params: Any) -> str:
    """Return the error of a method that must be rejected."""
    answer = call(sandbox, method, bearer, **params)
    assert answer["ok"] is False, answer
    return str(answer["error"])


def client(sandbox: Sandbox, token: str | None = None) -> WebClient:
    return WebClient(token=token or sandbox.slack.token, base_url=sandbox.slack_url)


@pytest.mark.parametrize("limit", [1, 7, 100, 200, 1000])
def test_users_list_by_slacks_sdk_is_whole(shared: Sandbox, limit: int) -> None:
    pages = [page["members"] for page in client(shared).users_list(limit=limit, include_locale=True)]
    listed = [member["id"] for page in pages for member in page]
    assert listed == [member["id"] for member in shared.slack.members()]
    assert len(set(listed)) == 250
    assert max(map(len, pages)) <= limit
    if 1 < limit < 200:
        assert any(len(page) < limit for page in pages[:-1]), "no page was shorter than the limit before the end"


def test_refusal_is_raised_by_slacks_sdk(shared: Sandbox) -> None:
    with pytest.raises(SlackApiError) as error:
        client(shared, "xoxb-sandbox-nobody").users_list()
    assert error.value.response["error"] == "invalid_auth"


def test_auth_test_names_the_workspace_and_the_scopes(shared: Sandbox) -> None:
    answer = client(shared).auth_test()
    assert (answer["team_id"], answer["is_enterprise_install"]) == (shared.slack.team_id, False)
    assert "enterprise_id" not in answer.data
    assert answer.headers["x-oauth-scopes"] == "users:read,users:read.email"
    organization = client(shared, shared.slack.org_token).auth_test()
    assert (organization["enterprise_id"], organization["is_enterprise_install"]) == (shared.slack.enterprise_id, True)
    one = client(shared, shared.slack.grid_workspace_token).auth_test()
    assert (one["enterprise_id"], one["is_enterprise_install"]) == (shared.slack.enterprise_id, False)


def test_users_list_shows_what_the_token_may_see(shared: Sandbox) -> None:
    def seen(token: str, **params: Any) -> list[dict[str, Any]]:
        members: list[dict[str, Any]] = call(shared, "users.list", token, limit=1000, **params)["members"]
        return members

    without = shared.slack.issue_token(["users:read"])
    assert not any("email" in member["profile"] for member in seen(without))
    bot, admin = seen(shared.slack.token), seen(shared.slack.admin_token, include_locale="true")
    assert sum("email" in member["profile"] for member in bot) > 200
    assert not any("has_2fa" in member or "locale" in member for member in bot)
    assert sum("has_2fa" in member for member in admin) > 150
    assert sum("locale" in member for member in admin) > 150


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"limit": 1001}, "invalid_limit"),
        ({"limit": "many"}, "invalid_limit"),
        ({"limit": -1}, "invalid_limit"),
        ({"cursor": "nonsense"}, "invalid_cursor"),
        ({"cursor": "dXNlcjoxMDpmb3JnZWQ="}, "invalid_cursor"),
        ({"token": "xoxb-sandbox-7-1"}, "not_authed"),
    ],
)
def test_users_list_bad_arguments_are_refused(shared: Sandbox, params: dict[str, Any], error: str) -> None:
    assert refused(shared, "users.list", shared.slack.token, **params) == error


def test_token_is_taken_from_the_header_alone(shared: Sandbox) -> None:
    assert refused(shared, "users.list") == "not_authed"
    assert refused(shared, "users.list", token=shared.slack.token) == "not_authed"
    basic = requests.get(f"{shared.slack_url}auth.test", headers={"Authorization": "Basic abc"}, timeout=10)
    assert basic.json() == {"ok": False, "error": "invalid_auth"}
    form = requests.post(f"{shared.slack_url}auth.test", data={"token": shared.slack.token}, timeout=10)
    assert form.json() == {"ok": False, "error": "not_authed"}


@pytest.mark.parametrize("code", ["token_revoked", "token_expired", "account_inactive", "org_login_required"])
def test_token_that_ended_is_refused_by_its_code(shared: Sandbox, code: str) -> None:
    token = shared.slack.issue_token()
    assert call(shared, "auth.test", token)["ok"]
    shared.slack.refuse_token(token, code)
    assert refused(shared, "users.list", token) == code


def test_missing_scope_is_named(shared: Sandbox) -> None:
    token = shared.slack.issue_token(["channels:read"])
    answer = call(shared, "users.list", token)
    assert answer == {"ok": False, "error": "missing_scope", "needed": "users:read", "provided": "channels:read"}
    assert call(shared, "team.accessLogs", shared.slack.token)["needed"] == "admin"


def test_arguments_come_as_a_form_or_as_json(shared: Sandbox) -> None:
    assert refused(shared, "users.everyone", shared.slack.token) == "unknown_method"
    headers = {"Authorization": f"Bearer {shared.slack.token}"}
    form = requests.post(f"{shared.slack_url}users.list", data={"limit": 3}, headers=headers, timeout=10)
    body = requests.post(f"{shared.slack_url}users.list", json={"limit": 3}, headers=headers, timeout=10)
    assert [m["id"] for m in form.json()["members"]] == [m["id"] for m in body.json()["members"]]
    assert len(form.json()["members"]) == 3


def test_cursors_belong_to_one_listing(sandbox: Sandbox) -> None:
    slack = sandbox.slack
    cursor = call(sandbox, "users.list", slack.token, limit=10)["response_metadata"]["next_cursor"]
    assert call(sandbox, "users.list", slack.issue_token(), cursor=cursor, limit=10)["ok"]
    other = slack.grid_workspace_token
    assert refused(sandbox, "users.list", other, cursor=cursor, limit=10) == "invalid_cursor"
    assert refused(sandbox, "team.billableInfo", slack.admin_token, cursor=cursor, limit=10) == "invalid_cursor"
    assert call(sandbox, "users.list", slack.token, cursor=cursor, limit=5)["ok"]
    slack.expire_cursors()
    assert refused(sandbox, "users.list", slack.token, cursor=cursor, limit=10) == "invalid_cursor"


def test_switches_refuse_large_pages_and_many_calls(sandbox: Sandbox) -> None:
    sandbox.slack.switches.largest_page = 20
    assert refused(sandbox, "users.list", sandbox.slack.token, limit=200) == "limit_required"
    assert refused(sandbox, "users.list", sandbox.slack.token) == "limit_required"
    assert call(sandbox, "users.list", sandbox.slack.token, limit=20)["ok"]
    sandbox.slack.switches.calls["auth.test"] = 2
    sandbox.slack.switches.retry_after = 3
    headers = {"Authorization": f"Bearer {sandbox.slack.token}"}
    answers = [requests.get(f"{sandbox.slack_url}auth.test", headers=headers, timeout=10) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 200]
    assert answers[2].headers["Retry-After"] == "3"
    assert answers[2].json() == {"ok": False, "error": "ratelimited"}


def test_grid_has_people_in_several_workspaces(shared: Sandbox) -> None:
    slack = shared.slack
    organization = client(shared, slack.org_token)
    teams = [team["id"] for page in organization.auth_teams_list(limit=1) for team in page["teams"]]
    assert teams == slack.team_ids
    assert refused(shared, "users.list", slack.org_token) == "missing_argument"
    assert refused(shared, "users.list", slack.org_token, team_id=slack.unseen.id) == "team_access_not_granted"
    assert refused(shared, "users.list", slack.org_token, team_id="T0NOWHERE") == "team_not_found"
    first, second = (
        {m["id"]: m for page in organization.users_list(team_id=team, limit=50) for m in page["members"]}
        for team in teams
    )
    both = [ident for ident in first if ident in second and ident != "USLACKBOT"]
    gone = [(first[ident]["deleted"], second[ident]["deleted"]) for ident in both]
    assert gone[:3] == [(True, False), (False, True), (True, True)]
    assert all(first[ident]["enterprise_user"]["teams"][:2] == teams for ident in both)
    shared.slack.switches.being_moved = {teams[0]}
    assert refused(shared, "users.list", slack.org_token, team_id=teams[0]) == "team_added_to_org"
    shared.slack.switches.being_moved = set()


def test_access_logs_by_page_and_by_cursor_are_equal(shared: Sandbox) -> None:
    slack = shared.slack
    admin = client(shared, slack.admin_token)
    pages, number = [], 1
    while True:
        page = admin.team_accessLogs(page=number, count=50)
        pages.append(page["logins"])
        if number == page["paging"]["pages"]:
            break
        number += 1
    by_page = [login for page in pages for login in page]
    by_cursor = [login for page in admin.api_call("team.accessLogs", params={"limit": 50}) for login in page["logins"]]
    assert by_page == by_cursor
    assert len(by_page) == page["paging"]["total"]
    dates = [login["date_last"] for login in by_page]
    assert dates == sorted(dates, reverse=True)
    assert len({login["user_id"] for login in by_page}) < len(by_page), "nobody has two devices"
    older = call(shared, "team.accessLogs", slack.admin_token, before=dates[30], count=1000)["logins"]
    assert older == by_page[30:]
    assert refused(shared, "team.accessLogs", slack.admin_token, page=101) == "over_pagination_limit"
    assert refused(shared, "team.accessLogs", slack.issue_token(["admin"])) == "not_allowed_token_type"
    plain = slack.issue_token(["admin"], kind="user")
    assert refused(shared, "team.accessLogs", plain) == "not_an_admin"


def test_billable_info_needs_a_paid_plan(sandbox: Sandbox) -> None:
    admin = client(sandbox, sandbox.slack.admin_token)
    pages = admin.api_call("team.billableInfo", params={"limit": 20})
    people = {ident: info for page in pages for ident, info in page["billable_info"].items()}
    expected = {m["id"] for m in sandbox.slack.members() if not is_bot(m)}
    assert set(people) == expected
    assert {info["billing_active"] for info in people.values()} == {True, False}
    sandbox.slack.place().paid = False
    assert refused(sandbox, "team.billableInfo", sandbox.slack.admin_token) == "paid_only"


def test_user_groups_need_what_is_asked_for(sandbox: Sandbox) -> None:
    bot = client(sandbox, sandbox.slack.issue_token(["usergroups:read"]))
    bare = bot.usergroups_list()["usergroups"]
    assert [group["handle"] for group in bare] == ["admins", "ghostbusters"]
    assert not any("users" in group or "user_count" in group for group in bare)
    full = bot.usergroups_list(include_users=True, include_count=True, include_disabled=True)["usergroups"]
    assert [group["user_count"] for group in full] == [str(len(group["users"])) for group in full]
    assert [bool(group["date_delete"]) for group in full] == [False, False, True]
    assert refused(sandbox, "usergroups.list", sandbox.slack.token) == "missing_scope"
    assert refused(sandbox, "usergroups.list", sandbox.slack.org_admin_token) == "missing_argument"
    sandbox.slack.place().paid = False
    assert refused(sandbox, "usergroups.list", sandbox.slack.admin_token) == "plan_upgrade_required"


def test_profile_has_the_fields_that_a_listing_leaves_out(sandbox: Sandbox) -> None:
    slack = sandbox.slack
    token = slack.issue_token(["users:read", "users.profile:read"])
    person = next(m for m in slack.members() if m["profile"].get("fields"))
    slack.switches.fields_listed = False
    listed = {m["id"]: m for m in call(sandbox, "users.list", token, limit=1000)["members"]}
    assert "fields" not in listed[person["id"]]["profile"]
    profile = call(sandbox, "users.profile.get", token, user=person["id"])["profile"]
    assert profile["fields"] == person["profile"]["fields"]
    assert "email" not in profile
    labels = {each["id"] for each in call(sandbox, "team.profile.get", token)["profile"]["fields"]}
    assert labels >= profile["fields"].keys()
    assert refused(sandbox, "users.profile.get", token, user="U0NOBODY") == "user_not_found"
    assert refused(sandbox, "users.profile.get", slack.token) == "missing_scope"
    assert call(sandbox, "users.profile.get", slack.org_admin_token, user=next(iter(slack.grid[1].members)))["ok"]


def test_analytics_are_a_file_a_day(shared: Sandbox) -> None:
    slack = shared.slack
    headers = {"Authorization": f"Bearer {slack.org_admin_token}"}

    def ask(days_ago: int, **more: Any) -> requests.Response:
        params = {"type": "member", "date": (today() - timedelta(days_ago)).isoformat(), **more}
        return requests.get(f"{shared.slack_url}admin.analytics.getFile", params=params, headers=headers, timeout=10)

    answer = ask(2)
    assert answer.headers["Content-Type"] == "application/gzip"
    lines = [json.loads(line) for line in gzip.decompress(answer.content).splitlines()]
    assert len({line["user_id"] for line in lines}) == len(lines) > 20
    assert {"is_billable_seat", "is_active", "messages_posted_count", "date"} <= lines[0].keys()
    assert answer.content == ask(2).content, "a day does not change"
    assert [ask(days).json()["error"] for days in (1, -5, 400)] == [
        "file_not_yet_available",
        "file_not_yet_available",
        "file_not_found",
    ]
    assert ask(2, date="2019-12-31").json()["error"] == "data_not_available"
    assert ask(2, date="soon").json()["error"] == "invalid_date"
    assert ask(2, type="weather").json()["error"] == "invalid_type"
    scope = ["admin.analytics:read"]
    assert refused(shared, "admin.analytics.getFile", slack.token) == "missing_scope"
    assert refused(shared, "admin.analytics.getFile", slack.issue_token(scope)) == "not_allowed_token_type"
    assert refused(shared, "admin.analytics.getFile", slack.issue_token(scope, kind="user")) == "user_is_restricted"


def test_pace_is_that_of_slacks_tiers(sandbox: Sandbox) -> None:
    sandbox.slack.switches.pace = True
    headers = {"Authorization": f"Bearer {sandbox.slack.admin_token}"}

    def allowed(method: str) -> int:
        answers = (requests.get(f"{sandbox.slack_url}{method}", headers=headers, timeout=10) for _ in range(150))
        return next(number for number, answer in enumerate(answers) if answer.status_code == 429)

    assert (allowed("users.list"), allowed("team.profile.get"), allowed("users.profile.get")) == (20, 50, 100)


def test_access_log_without_numbers_has_cursors(sandbox: Sandbox) -> None:
    sandbox.slack.switches.numbered_logs = False
    sandbox.slack.place().logins *= 2
    first = call(sandbox, "team.accessLogs", sandbox.slack.admin_token, count=1000, page=1)
    assert "paging" not in first
    assert len(first["logins"]) == 100
    assert first["response_metadata"]["next_cursor"]
    assert refused(sandbox, "team.accessLogs", sandbox.slack.admin_token, limit=1000) == "invalid_limit"


def exchange(sandbox: Sandbox, **form: str) -> dict[str, Any]:
    whole = {"client_id": sandbox.slack.client_id, "client_secret": sandbox.slack.client_secret, **form}
    answer = requests.post(f"{sandbox.slack_url}oauth.v2.access", data=whole, timeout=10)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def test_refresh_token_is_good_once(sandbox: Sandbox) -> None:
    slack = sandbox.slack
    old, refresh = slack.rotating_token, slack.refresh_token
    assert call(sandbox, "auth.test", old)["ok"]
    slack.expire_token()
    assert refused(sandbox, "auth.test", old) == "token_expired"
    new = exchange(sandbox, grant_type="refresh_token", refresh_token=refresh)
    assert (new["ok"], new["expires_in"], new["token_type"]) == (True, 43200, "bot")
    assert new["refresh_token"] not in ("", refresh)
    assert call(sandbox, "auth.test", new["access_token"])["ok"]
    again = exchange(sandbox, grant_type="refresh_token", refresh_token=refresh)
    assert again == {"ok": False, "error": "invalid_refresh_token"}
    assert slack.tokens.spent == [refresh]


def test_code_is_exchanged_for_a_token(sandbox: Sandbox) -> None:
    redirect = sandbox.slack.tokens.redirect_uri
    assert exchange(sandbox, code="wrong", redirect_uri=redirect)["error"] == "invalid_code"
    assert exchange(sandbox, code=sandbox.slack.tokens.code, redirect_uri="https://x")["error"] == "bad_redirect_uri"
    assert exchange(sandbox, code=sandbox.slack.tokens.code, client_secret="x")["error"] == "bad_client_secret"
    token = exchange(sandbox, code=sandbox.slack.tokens.code, redirect_uri=redirect)["access_token"]
    assert call(sandbox, "users.list", token, limit=1)["ok"]
    query = requests.get(f"{sandbox.slack_url}oauth.v2.access", params={"client_secret": "x"}, timeout=10).json()
    assert query == {"ok": False, "error": "invalid_arguments"}


def test_workspace_changes_are_listed(sandbox: Sandbox) -> None:
    slack = sandbox.slack
    person = next(m for m in slack.members() if m["profile"].get("title") and not m["deleted"])
    before = person["updated"]
    slack.set_title(person["id"], "Ghostbuster")
    slack.touch(slack.members()[3]["id"], at=1)
    invited = slack.invite("Dana Barrett", "dana@acme.example.com")
    slack.deactivate(slack.members()[2]["id"])
    listed = {m["id"]: m for m in call(sandbox, "users.list", slack.token, limit=1000)["members"]}
    assert listed[person["id"]]["profile"]["title"] == "Ghostbuster"
    assert listed[person["id"]]["updated"] > before
    assert listed[slack.members()[3]["id"]]["updated"] == 1
    assert listed[invited]["is_invited_user"] is True
    gone = listed[slack.members()[2]["id"]]
    assert gone["deleted"] is True
    assert "is_admin" not in gone
    assert "email" not in gone["profile"]
    slack.reactivate(gone["id"], "back@acme.example.com")
    assert slack.members()[2]["profile"]["email"] == "back@acme.example.com"
    assert slack.members()[2]["is_admin"] is False


def test_log_in_is_the_newest_entry(sandbox: Sandbox) -> None:
    slack = sandbox.slack
    before = slack.place().logins
    known, new = before[0]["user_id"], next(m["id"] for m in slack.members() if m.get("is_invited_user"))
    slack.log_in(known, at=1_800_000_000, country="FR")
    slack.log_in(new, at=1_800_000_001)
    logins = call(sandbox, "team.accessLogs", slack.admin_token, count=1000)["logins"]
    assert [(login["user_id"], login["date_last"]) for login in logins[:2]] == [
        (new, 1_800_000_001),
        (known, 1_800_000_000),
    ]
    assert (logins[1]["country"], logins[1]["count"]) == ("FR", before[0]["count"] + 1)
    assert len(logins) == len(before) + 1


def test_faults_answer_as_slack_does(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("slack_error", service="slack", code="fatal_error", nth=2))
    sandbox.faults.add(Fault("limit_required", service="slack", nth=3))
    answers = [call(sandbox, "users.list", sandbox.slack.token, limit=1) for _ in range(4)]
    assert [answer.get("error") for answer in answers] == [None, "fatal_error", "limit_required", None]


def test_member_has_the_keys_of_slacks_example(shared: Sandbox) -> None:
    if not EXAMPLE.exists():
        pytest.skip("Slack's example answer is not beside this checkout")
    example = json.loads(EXAMPLE.read_text())
    listed = call(shared, "users.list", shared.slack.admin_token, limit=1000)
    assert set(listed) == set(example)
    assert set(listed["response_metadata"]) == set(example["response_metadata"])
    ours = {key: type(value) for member in listed["members"] for key, value in member.items() if value is not None}
    profiles = {key: type(value) for member in listed["members"] for key, value in member["profile"].items() if value}
    for member in example["members"]:
        assert {key: type(value) for key, value in member.items()}.items() <= ours.items()
        assert {k: type(v) for k, v in member["profile"].items() if v}.items() <= profiles.items()
