"""Tests that each recipe of docs/recipes.md does what it describes.

Its JSON runs with the sandbox's addresses and tokens.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from integration_tests.harness import destination_process, example, source_process
from integration_tests.harness.destination_inside import write
from integration_tests.harness.destination_process import record, stream
from integration_tests.harness.sync_result import SyncResult
from integration_tests.sandbox import Sandbox
from integration_tests.sandbox.oomnitza.slack_setup import set_up_slack
from integration_tests.sandbox.slack.members import Member, is_bot

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")
INTRODUCTION, *RECIPES = re.split(r"^## ", PAGE, flags=re.MULTILINE)


def blocks(text: str) -> dict[str, Any]:
    """Return the JSON blocks of a section, by the word before each."""
    return {name: json.loads(block) for name, block in re.findall(r"^(\w+):\n```json\n(.*?)```", text, re.M | re.S)}


@cache
def recipe(title: str) -> dict[str, Any]:
    """Return the two configurations of a recipe."""
    (text,) = [each for each in RECIPES if each.startswith(f"{title}\n")]
    return blocks(INTRODUCTION) | blocks(text)


def with_token(configuration: dict[str, Any], token: str, **addresses: Any) -> dict[str, Any]:
    return {**configuration, **addresses, "credentials": {**configuration["credentials"], "api_token": token}}


def destination_configuration(sandbox: Sandbox, title: str) -> dict[str, Any]:
    address = sandbox.oomnitza_url
    return with_token(recipe(title)["Destination"], sandbox.oomnitza.token, instance_url=address)


def checked(sandbox: Sandbox, title: str) -> dict[str, Any]:
    """Return the destination's configuration of a recipe, after a successful check."""
    configuration = destination_configuration(sandbox, title)
    assert destination_process.run("check", configuration).connection_status() == ("SUCCEEDED", "")
    return configuration


def sync(
    sandbox: Sandbox, title: str, *streams: str, token: str | None = None, team_ids: list[str] | None = None
) -> SyncResult:
    """Sync streams from Slack to Oomnitza, with both connectors as in the recipe."""
    source = with_token(recipe(title)["Source"], token or sandbox.slack.token, api_url=sandbox.slack_url)
    if "team_ids" in source:
        source["team_ids"] = team_ids
    assert source_process.run("check", source).connection_status() == ("SUCCEEDED", "")
    (catalog,) = source_process.run("discover", source).of("CATALOG")
    names = streams or ("users",)
    read = source_process.read(source, *names, sync_mode="full_refresh" if names == ("users",) else "incremental")
    assert read.status == 0, read.text
    chosen = [stream(each["name"], stream=each) for each in catalog["streams"] if each["name"] in names]
    written = write(checked(sandbox, title), [read.text.encode().splitlines()], *chosen)
    assert written.error == "", written.text
    return written


def members(sandbox: Sandbox) -> list[Member]:
    """Return the active members with an address, from Slack's own pages."""
    return [m for m in sandbox.slack.members() if not m["deleted"] and not is_bot(m) and m["profile"].get("email")]


def add_to_oomnitza(sandbox: Sandbox, *people: Member, **values: Any) -> list[str]:
    """Add members to Oomnitza, with values of HR that differ from Slack's."""
    return [
        sandbox.oomnitza.add_person(username=f"hr.{m['name']}", email=m["profile"]["email"], **values) for m in people
    ]


def by_id(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """Return all people in Oomnitza by id; every write changes a person's version."""
    return {each["user_id"]: each for each in sandbox.oomnitza.people()}


def test_recipes_have_a_test_each() -> None:
    tested = re.findall(r'^    title = "(.+)"$', Path(__file__).read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(tested) == sorted(each.splitlines()[0] for each in RECIPES)
    rows = re.findall(r"^\| .+ \| \[(.+)\]\(#", INTRODUCTION, re.MULTILINE)
    assert rows == [each.splitlines()[0] for each in RECIPES]


def test_hr_people_stay_and_slack_users_are_kept(sandbox: Sandbox) -> None:
    title = "People from HR, SaaS users from Slack"
    known = members(sandbox)[:12]
    ids = add_to_oomnitza(sandbox, *known, first_name="From", last_name="HR", phone_number="")
    before = by_id(sandbox)
    first = sync(sandbox, title)
    assert by_id(sandbox) == before
    assert first.saas() == {"assigned": 12, "roles_changed": 12}
    assert first.skipped()["write_mode"] == len(members(sandbox)) - 12
    users = {each["user_id"]: each for each in sandbox.oomnitza.saas_users("Slack")}
    assert {each: user["user_external_id"] for each, user in users.items()} == {
        each: member["id"] for each, member in zip(ids, known, strict=True)
    }
    assert users[ids[0]]["roles"] == ["Primary Owner"]

    sandbox.slack.deactivate(known[5]["id"])
    assert sync(sandbox, title).saas() == {"deactivated": 1}
    assert by_id(sandbox) == before
    assert [each["user_id"] for each in sandbox.oomnitza.saas_users("Slack") if not each["active"]] == [ids[5]]


def test_filled_fields_stay_and_empty_ones_are_filled(sandbox: Sandbox) -> None:
    title = "Fill empty fields only"
    known = next(m for m in members(sandbox) if m["profile"]["title"] and m["profile"]["phone"])
    (user_id,) = add_to_oomnitza(sandbox, known, first_name="From", last_name="", position="Known to HR")
    synced = sync(sandbox, title)
    (edit,) = [each for each in sandbox.oomnitza.changes() if each["action"] == "updated"]
    assert (edit["user_id"], edit["fields"]) == (user_id, ["last_name", "phone_number"])
    assert not any(edit["before"].values())
    assert edit["after"] == {"last_name": known["profile"]["last_name"], "phone_number": known["profile"]["phone"]}
    assert synced.counts()["added"] == len(members(sandbox)) - 1


def test_joiners_are_added_and_nobody_changed(sandbox: Sandbox) -> None:
    title = "New joiners only"
    add_to_oomnitza(sandbox, *members(sandbox)[:5], first_name="From", last_name="HR")
    before = by_id(sandbox)
    first = sync(sandbox, title)
    after = by_id(sandbox)
    assert {each: after[each] for each in before} == before
    assert first.skipped()["write_mode"] == 5
    own = [m for m in members(sandbox) if m["team_id"] == sandbox.slack.team_id and not m.get("is_stranger")]
    wanted = {m["profile"]["email"].lower() for m in own if not m["is_restricted"]}
    assert {each["email"].lower() for each in after.values()} == wanted
    assert all(each["position"] for each in after.values() if each["user_id"] not in before)

    sandbox.slack.set_title(members(sandbox)[7]["id"], "Gatekeeper")
    sandbox.slack.join("Louis Tully", "louis.tully@acme.example.com")
    assert sync(sandbox, title).counts() == {"added": 1, "skipped": sum(first.counts().values())}
    assert {each: by_id(sandbox)[each] for each in after} == after


def test_new_address_is_of_the_same_person(sandbox: Sandbox) -> None:
    title = "Slack User Id as the key"
    set_up_slack(sandbox.oomnitza)
    known = members(sandbox)[3]
    (user_id,) = add_to_oomnitza(sandbox, known)
    sync(sandbox, title)
    assert by_id(sandbox)[user_id]["slack_user_id"] == known["id"]

    sandbox.slack.set_profile(known["id"], email="married@acme.example.com")
    synced = sync(sandbox, title)
    assert synced.counts()["updated"] == 1
    assert "added" not in synced.counts()
    assert by_id(sandbox)[user_id]["email"] == "married@acme.example.com"


def test_logins_and_billing_arrive_and_never_go_back(sandbox: Sandbox) -> None:
    title = "Last logins and billing"
    assert destination_configuration(sandbox, title) == example.destination_configuration(sandbox)
    set_up_slack(sandbox.oomnitza)
    activity, token = ("last_logins", "billable_info"), sandbox.slack.admin_token
    people_first = sync(sandbox, title, token=token)
    assert sum("the connection has no stream" in line for line in people_first.log_lines("WARNING")) == 2
    count = len(sandbox.oomnitza.people())
    sync(sandbox, title, *activity, token=token)
    people = {each["slack_user_id"]: each for each in sandbox.oomnitza.people()}
    logins: dict[str, int] = {}
    for login in sandbox.slack.workspace.logins:
        logins[login["user_id"]] = max(logins.get(login["user_id"], 0), login["date_last"])
    assert len(people) == count
    assert {each: person.get("slack_last_login") for each, person in people.items()} == {
        each: logins.get(each) for each in people
    }
    unpaid = [m["id"] for m in members(sandbox) if m.get("is_ultra_restricted") or m.get("is_invited_user")]
    assert [people[each]["slack_billing_active"] for each in unpaid] == [False] * len(unpaid)
    assert sum(person["slack_billing_active"] for person in people.values()) == count - len(unpaid)

    later = next(each for each in people if each in logins)
    sandbox.oomnitza.edit_person(people[later]["user_id"], slack_last_login=logins[later] + 86_400)
    before = by_id(sandbox)
    again = sync(sandbox, title, *activity, token=token)
    assert by_id(sandbox) == before
    assert {name for each in activity for name in again.counts(each)} == {"unchanged", "skipped"}


def test_drawn_fields_alone_are_written(sandbox: Sandbox) -> None:
    title = "A mapping drawn in Oomnitza"
    number = set_up_slack(sandbox.oomnitza)
    assert recipe(title)["Destination"]["integration_mapping"] == number
    sandbox.oomnitza.connectors[number].mapping.pop("POSITION")
    sync(sandbox, title)
    people = {each["slack_user_id"]: each for each in sandbox.oomnitza.people()}
    assert people.keys() == {member["id"] for member in members(sandbox)}
    for member in members(sandbox):
        person = people[member["id"]]
        assert (person["first_name"] or "") == member["profile"].get("first_name", "")
        assert not person["position"]
        assert person["role"] == 25


def test_hr_records_become_people(sandbox: Sandbox) -> None:
    title = "An HR source"
    sandbox.oomnitza.add_field("employee_no", "Employee Number", unique=True)
    (user_id,) = [sandbox.oomnitza.add_person(username="ada", email="ada@acme.example", position="Countess")]
    example_record = json.loads(re.findall(r"`(\{.+\})`", PAGE)[0])

    def employee(number: int, email: str, status: str = "ACTIVE") -> dict[str, Any]:
        filled = {"employeeNumber": number, "status": status, "work": {"email": email, "title": "Programmer"}}
        assert filled.keys() | {"person"} == example_record.keys()
        return {**example_record, **filled, "person": {"given": "Ada", "family": "King"}}

    staff = [employee(1001, "ada@acme.example"), employee(1002, "bob@acme.example")]
    leaver = employee(1003, "cleo@acme.example", "TERMINATED")
    configuration = checked(sandbox, title)
    hr = stream("employees", example_record)
    first = write(configuration, [record(each, "employees") for each in (*staff, leaver)], hr)
    assert (first.error, first.counts("employees")) == ("", {"added": 1, "updated": 1, "skipped": 1})
    ada = by_id(sandbox)[user_id]
    assert {name: ada[name] for name in ("username", "employee_no", "position", "last_name")} == {
        "username": "ada",
        "employee_no": "1001",
        "position": "Programmer",
        "last_name": "King",
    }
    second = write(configuration, [record(employee(1001, "ada.king@acme.example"), "employees")], hr)
    assert second.counts("employees") == {"updated": 1}
    assert by_id(sandbox)[user_id]["email"] == "ada.king@acme.example"
    left = write(configuration, [record(employee(1001, "ada@acme.example", "TERMINATED"), "employees")], hr)
    assert left.counts("employees") == {"updated": 1}
    assert len(sandbox.oomnitza.people()) == 2


def test_person_of_several_workspaces_comes_once(sandbox: Sandbox) -> None:
    title = "Several workspaces"
    sandbox.oomnitza.add_field("slack_workspaces", "Slack Workspaces")
    homes: dict[str, dict[str, Member]] = {}
    for team_id in sandbox.slack.team_ids:
        for member in sandbox.slack.members(team_id):
            if not is_bot(member):
                homes.setdefault(member["id"], {})[team_id] = member
    active = {each for each, places in homes.items() if not all(m["deleted"] for m in places.values())}
    synced = sync(sandbox, title, token=sandbox.slack.org_token, team_ids=sandbox.slack.team_ids)
    assert synced.saas() == {"assigned": len(active), "roles_changed": len(active)}
    users = {each["user_external_id"]: each["user_id"] for each in sandbox.oomnitza.saas_users("Slack")}
    people = by_id(sandbox)
    assert len(people) == len(active)
    assert {each: people[user_id]["slack_workspaces"] for each, user_id in users.items()} == {
        each: ", ".join(sorted(homes[each])) for each in active
    }
    assert any(len(homes[each]) > 1 for each in active)

    one = min(each for each in active if [m["deleted"] for m in homes[each].values()] == [False, False])
    first, second = homes[one]
    sandbox.slack.deactivate(one, first, keep_email=True)
    again = sync(sandbox, title, token=sandbox.slack.org_token, team_ids=sandbox.slack.team_ids)
    assert again.saas() == {}
    sandbox.slack.deactivate(one, second, keep_email=True)
    last = sync(sandbox, title, token=sandbox.slack.org_token, team_ids=sandbox.slack.team_ids)
    assert last.saas() == {"deactivated": 1}


@pytest.mark.parametrize("listed", [True, False])
def test_custom_fields_arrive_and_stay_if_emptied(sandbox: Sandbox, listed: bool) -> None:
    title = "Custom Slack fields"
    sandbox.slack.switches.fields_listed = listed
    for name in ("employee_no", "desk"):
        sandbox.oomnitza.add_field(name, name.title())
    desk = {**sandbox.slack.workspace.profile_fields[0], "id": "Xf0SANDBOX9", "label": "Desk No."}
    sandbox.slack.workspace.profile_fields.append(desk)
    one, other = members(sandbox)[:2]
    values = {"Xf0SANDBOX1": {"value": "E-7", "alt": ""}, "Xf0SANDBOX9": {"value": "4.12", "alt": ""}}
    sandbox.slack.set_profile(one["id"], fields=values)
    sandbox.slack.set_profile(other["id"], fields={})
    token = sandbox.slack.issue_token(["users:read", "users:read.email", "users.profile:read"])
    sync(sandbox, title, token=token)

    def written(member: Member) -> tuple[str, str]:
        address = member["profile"]["email"].lower()
        (person,) = [each for each in sandbox.oomnitza.people() if each["email"].lower() == address]
        return person["employee_no"] or "", person["desk"] or ""

    assert (written(one), written(other)) == (("E-7", "4.12"), ("", ""))
    sandbox.slack.set_profile(one["id"], fields={"Xf0SANDBOX9": {"value": "5.01", "alt": ""}})
    sync(sandbox, title, token=token)
    assert written(one) == ("E-7", "5.01")
