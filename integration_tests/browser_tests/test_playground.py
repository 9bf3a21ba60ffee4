"""Tests the pages without a browser: requests, and the syncs that they start."""

from __future__ import annotations

import csv
import html
import io
import re
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest
import requests

from integration_tests.harness import preloaded
from integration_tests.playground import Playground, serve
from integration_tests.playground.exports import export
from integration_tests.playground.listing import Column, Listing
from integration_tests.playground.run_log import NamedRecord, named_records, read_report
from integration_tests.playground.runs import Run
from integration_tests.playground.values import shown

PAGES = ("/people", "/software/saas/slack/users", "/runs", "/slack")


@pytest.fixture
def playground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Playground]:
    monkeypatch.setattr(sys, "executable", str(preloaded.interpreter()))
    with serve(tmp_path, people=60) as playground:
        yield playground


def get(playground: Playground, path: str) -> str:
    answer = requests.get(playground.sandbox.oomnitza_url + path, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.text


def post(playground: Playground, path: str, status: int = 303, **form: str) -> requests.Response:
    answer = requests.post(playground.sandbox.oomnitza_url + path, form, timeout=10, allow_redirects=False)
    assert answer.status_code == status, answer.text
    return answer


def person(playground: Playground, name: str) -> str:
    return next(each["user_id"] for each in playground.sandbox.oomnitza.people() if each["full_name"] == name)


def member(playground: Playground, name: str) -> str:
    members = playground.sandbox.slack.members()
    return next(each["id"] for each in members if each["profile"].get("real_name") == name)


@pytest.mark.parametrize("path", PAGES)
def test_page_without_data_responds(playground: Playground, path: str) -> None:
    page = get(playground, path)
    assert "<h1>" in page and "Sync now" in page


def test_run_lists_who_was_changed_and_how(playground: Playground) -> None:
    post(playground, "/sync")
    playground.runs.wait(240)
    assert "Grace Hopper" in get(playground, "/people?q=grace")
    assert "is in use already" in get(playground, "/runs/1")

    ada, grace = member(playground, "Ada Lovelace"), member(playground, "Grace Hopper")
    # What is typed goes along with the button of another row, and is a change before the sync.
    post(playground, f"/slack/{ada}/deactivate", editing=grace, title="Rear <Admiral>")
    post(playground, "/slack/invite", real_name="Dana Barrett", email="dana@acme.example")
    assert "title changed" in get(playground, "/slack")
    ahead = get(playground, f"/slack/{grace}")
    assert "<mark>Rear &lt;Admiral&gt;</mark>" in ahead and "The next sync changes 1 field." in ahead
    katherine = member(playground, "Katherine Johnson")
    assert post(playground, "/sync", editing=katherine, title="Navigator").headers["location"] == "/runs"
    assert "under way" in get(playground, "/runs")
    playground.runs.wait(240)

    story = get(playground, "/runs/2")
    assert "<ins>Rear &lt;Admiral&gt;</ins>" in story and "<ins>Navigator</ins>" in story
    assert "Dana Barrett" in story and "Radia Perlman" not in story
    changed = get(playground, "/people?touched=Sync+2%3A+changed")
    assert "<mark>Rear &lt;Admiral&gt;</mark>" in changed and "Dana Barrett" not in changed
    assert "Ada Lovelace" in get(playground, "/software/saas/slack/users?active=Deactivated")
    assert "Paid seat" in get(playground, "/people") and "sync_report" in get(playground, "/runs/2/log")
    rows = requests.get(playground.sandbox.oomnitza_url + "/people.json?q=grace", timeout=10).json()
    assert [row["Position"] for row in rows] == ["Rear <Admiral>"]
    changed_rows = requests.get(playground.sandbox.oomnitza_url + "/runs/2.json", timeout=10).json()
    assert {"Rear <Admiral>", "Navigator", "Deactivated"} <= {row["After"] for row in changed_rows}
    assert "users rejected" in get(playground, "/runs/2.csv")
    syncs = requests.get(playground.sandbox.oomnitza_url + "/runs.json", timeout=10).json()
    assert [(row["Sync"], row["Updated"]) for row in syncs if row["Stream"] == "users"] == [(1, 1), (2, 2)]
    assert "History" in get(playground, f"/people/{person(playground, 'Grace Hopper')}")


def test_rejected_member_has_the_reason_in_their_history(playground: Playground) -> None:
    conan = member(playground, "Conan O'Brien")
    playground.runs.all.append(
        Run(
            1,
            datetime.now(timezone.utc),
            Path(),
            60,
            9,
            1,
            finished=datetime.now(timezone.utc),
            named=[NamedRecord("users", "", "Username is in use already.", "Conan O'Brien", conan)],
        )
    )
    page = get(playground, f"/slack/{conan}")
    assert "Rejected" in page and "A test run cannot foresee what Oomnitza rejects" in page


def test_progress_counts_each_member_once(playground: Playground) -> None:
    """Shows a sync that has read everybody twice, as after an expired cursor."""
    now = datetime.now(timezone.utc)
    playground.runs.all.append(Run(1, now, Path(), members=60, bots=9, first=1))
    slack = playground.sandbox

    def list_users(limit: int) -> None:
        headers = {"Authorization": f"Bearer {slack.slack.token}"}
        requests.get(f"{slack.slack_url}users.list?limit={limit}", headers=headers, timeout=10).raise_for_status()

    list_users(1)
    assert "reading</li>" in get(playground, "/runs")
    for _ in range(2):
        list_users(1000)
    assert "reading 60 of about 60" in get(playground, "/runs")


def test_person_page_shows_every_rule_and_the_next_sync(playground: Playground) -> None:
    page = get(playground, f"/slack/{member(playground, 'Grace Hopper')}")
    assert "The next sync adds this person." in page
    for field, written in (
        ("Role", "Employee"),
        ("Username", "grace.hopper"),
        ("Slack Billing Active", "yes"),
        ("Slack role", "Primary Owner"),
    ):
        assert f"<mark>{written}</mark>" in page.partition(f">{field}</td>")[2].partition("</tr>")[0]
    gone = get(playground, f"/slack/{member(playground, 'Left With Address')}")
    assert "The next sync skips this member: its account is inactive" in gone


def test_edit_with_a_mistake_keeps_what_was_typed(playground: Playground) -> None:
    """Whichever button was pressed, and where the list was searched."""
    grace, ada = member(playground, "Grace Hopper"), member(playground, "Ada Lovelace")
    typed = {"editing": grace, "back": "?q=Grace", "real_name": "Grace", "email": "grace@", "title": "Rear Admiral"}
    for path in ("/slack/edits", f"/slack/{ada}/deactivate", "/sync"):
        page = post(playground, path, 400, **typed).text
        assert "Give an e-mail address" in page and 'value="Rear Admiral"' in page and 'value="grace@"' in page
        assert "1 of 60 members" in page
    assert not playground.sandbox.slack.workspace.members[ada]["deleted"] and not playground.runs.all


def test_new_name_is_new_first_and_last_name(playground: Playground) -> None:
    """Takes both from the full name, as Slack does."""
    grace = member(playground, "Grace Hopper")
    post(playground, "/slack/edits", editing=grace, real_name="Amazing Grace")
    profile = playground.sandbox.slack.workspace.members[grace]["profile"]
    assert (profile["first_name"], profile["last_name"]) == ("Amazing", "Grace")


def test_invited_member_has_no_value_that_nobody_entered(playground: Playground) -> None:
    post(playground, "/slack/invite", real_name="Dana Barrett", email="dana@acme.example")
    profile = playground.sandbox.slack.workspace.members[member(playground, "Dana Barrett")]["profile"]
    entered = ("real_name", "real_name_normalized", "first_name", "last_name", "email", "display_name_normalized")
    others = {name: value for name, value in profile.items() if name not in entered and not name.startswith("image_")}
    assert not any(others[name] for name in others.keys() - {"avatar_hash", "team"})


def test_members_are_a_sum_that_adds_up(playground: Playground) -> None:
    post(playground, "/slack/invite", real_name="Dana Barrett", email="dana@acme.example")
    total, *parts = map(int, re.findall(r"\d+(?= (?:members|active|deactivated|bots))", get(playground, "/slack")))
    assert total == 61 == sum(parts)


def test_unused_seats_are_one_link_away(playground: Playground) -> None:
    add, now = playground.sandbox.oomnitza.add_person, int(time.time())
    for name, paid, days in (("Idle Paid", True, 91), ("Idle Free", False, 91), ("Busy Paid", True, 89)):
        add(first_name=name, slack_billing_active=paid, slack_last_login=now - days * 86_400)
    link = re.search(
        r'href="([^"]+)">Paid for, and no login for 90 days</a> <span class="quiet">1<', get(playground, "/people")
    )
    assert link
    page = get(playground, html.unescape(link[1]))
    assert "Idle Paid" in page and "Idle Free" not in page and "Busy Paid" not in page


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("role", 25, "Employee"),
        ("role", "25", "Employee"),
        ("slack_billing_active", 1, "yes"),
        ("slack_billing_active", "False", "no"),
        ("slack_last_login", 1_700_000_000, "14 November 2023"),
        ("slack_last_login", "2023-11-14T22:13:20Z", "14 November 2023"),
        ("position", None, ""),
        ("position", 7, "7"),
        ("unknown", False, "False"),
    ],
)
def test_value_is_shown_in_words(playground: Playground, name: str, value: object, text: str) -> None:
    assert shown(playground.sandbox.oomnitza.store.fields.get(name), value) == text


def test_log_names_records_by_their_members() -> None:
    grace = {"id": "U1", "name": "grace", "profile": {"real_name": "Grace Hopper", "email": "Grace@acme.example"}}
    log = (
        "Z destination-oomnitza INFO Skipped (no_sync_key): users, id=U1: it has no value: none\n"
        "Z destination-oomnitza ERROR Rejected: users, email=grace@acme.example: is in use\n"
        "Z destination-oomnitza ERROR Rejected: users, email=who@acme.example: is in use\n"
        'Z destination-oomnitza INFO {"sync_report": {"users": {"added": 2}}}\n'
    )
    assert named_records(log, [grace]) == [
        NamedRecord("users", "no_sync_key", "it has no value: none", "Grace Hopper", "U1"),
        NamedRecord("users", "", "is in use", "Grace Hopper", "U1"),
        NamedRecord("users", "", "is in use", "who@acme.example", ""),
    ]
    assert read_report(log) == {"users": {"added": 2}}


def test_failed_run_has_the_connectors_words(playground: Playground) -> None:
    slack = playground.sandbox.slack
    slack.refuse_token(slack.admin_token, "token_revoked")
    post(playground, "/sync")
    playground.runs.wait(240)
    page = get(playground, "/runs")
    assert "failed" in page and "revoked" in page and "Traceback" not in page


def test_cancelled_run_ends_and_is_called_so(playground: Playground) -> None:
    playground.sandbox.latency = 0.5
    post(playground, "/sync")
    post(playground, "/runs/1/cancel")
    playground.runs.wait(60)
    assert playground.runs.all[0].status == "cancelled"
    playground.runs.end()  # as Ctrl-C does: returns when nothing of it is left
    assert playground.runs.running is None and not playground.runs.start()


def test_form_of_another_site_is_rejected(playground: Playground) -> None:
    grace = member(playground, "Grace Hopper")
    for path in ("/sync", "/slack/invite", "/slack/edits", f"/slack/{grace}/deactivate", "/runs/1/cancel"):
        address = playground.sandbox.oomnitza_url + path
        answer = requests.post(address, headers={"Origin": "https://elsewhere.example"}, timeout=10)
        assert answer.status_code == 403
    assert not playground.runs.all and not playground.sandbox.slack.workspace.members[grace]["deleted"]


def test_page_at_another_host_is_rejected(playground: Playground) -> None:
    """Rejects what DNS rebinding sends: https://en.wikipedia.org/wiki/DNS_rebinding."""
    address, port = playground.sandbox.oomnitza_url, playground.sandbox.oomnitza_url.rpartition(":")[2]
    other = {"Host": f"elsewhere.example:{port}", "Origin": f"http://elsewhere.example:{port}"}
    for path in ("/people", "/people.json", "/runs/1/log", "/style.css"):
        assert requests.get(address + path, headers=other, timeout=10).status_code == 400
    assert requests.post(f"{address}/sync", headers=other, timeout=10).status_code == 400
    assert not playground.runs.all
    assert requests.get(f"http://localhost:{port}/people", timeout=10).status_code == 200


def test_table_is_searched_sorted_and_paged(playground: Playground) -> None:
    for number in range(60):
        playground.sandbox.oomnitza.add_person(first_name=f"Person {number:02}", position="Ghost" if number % 2 else "")
    page = get(playground, "/people?q=GHOST+person&sort=full_name&order=desc")
    by_position = get(playground, "/people?sort=position&order=desc")
    assert "Person 59" in by_position and "Person 58" not in by_position, "who has no position comes last"
    assert page.index("Person 59") < page.index("Person 01") and "Person 02" not in page
    assert "Person 59" in get(playground, "/people?page=2") and "Person 59" in get(playground, "/people?page=99")
    assert "Person 00" in get(playground, "/people?page=no&sort=no&order=no")
    assert "is like that" in get(playground, "/people?q=zuul")


def test_invitation_that_slack_rejects_shows_the_reason(playground: Playground) -> None:
    known = next(m["profile"]["email"] for m in playground.sandbox.slack.members() if m["profile"].get("email"))
    before = len(playground.sandbox.slack.members())
    assert "Give a name" in post(playground, "/slack/invite", 400, email="a@b.example").text
    assert "Give an e-mail address" in post(playground, "/slack/invite", 400, real_name="A", email="b").text
    assert "member already" in post(playground, "/slack/invite", 400, real_name="A", email=known.upper()).text
    assert "There is no member" in post(playground, "/slack/U0/deactivate", 404).text
    assert len(playground.sandbox.slack.members()) == before


def test_listing_facets_count_and_choose() -> None:
    columns = (Column("name", "Name"), Column("role", "Role", facet=True), Column("status", "Status", facet=True))
    rows = [
        {"name": "Ada", "role": "admin", "status": "active"},
        {"name": "Bob", "role": "member", "status": "active"},
        {"name": "Eve", "role": "member", "status": ""},
    ]
    listing = Listing("/x", columns, rows, {"role": "member", "page": "7"})
    assert [row["name"] for row in listing.rows] == ["Bob", "Eve"]
    role, status = listing.facets
    assert [(choice.value, choice.count, choice.chosen) for choice in role.choices] == [
        ("member", 2, True),
        ("admin", 1, False),
    ]
    assert [(choice.value, choice.count) for choice in status.choices] == [("active", 1), ("none", 1)]
    assert role.choices[0].address == "/x" and listing.export("csv") == "/x.csv?role=member"


@pytest.mark.parametrize(
    ("text", "cell"), [("=1+1", "'=1+1"), ("+cmd", "'+cmd"), ("+1 (555) 010", "+1 (555) 010"), ("a", "a")]
)
def test_csv_holds_no_formula(text: str, cell: str) -> None:
    listing = Listing("/x", [Column("name", "Name")], [{"name": text}], {})
    answer = export(listing, "csv", "x")
    assert list(csv.reader(io.StringIO(bytes(answer.body).decode()))) == [["Name"], [cell]]


def test_unknown_address_is_a_page(playground: Playground) -> None:
    for path in (
        "/nobody",
        "/runs/9",
        "/runs/9/log",
        "/people/x",
        "/slack/U0",
        "/slack.xml",
        "/runs.xml",
        "/runs/9.csv",
    ):
        answer = requests.get(playground.sandbox.oomnitza_url + path, timeout=10)
        assert answer.status_code == 404 and "There is no such page" in answer.text
