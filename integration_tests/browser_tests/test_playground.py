"""The pages over the sandbox, without a browser: each answers, and a change in Slack shows after a sync."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from integration_tests.harness.example import furnish
from integration_tests.playground import Playground
from integration_tests.playground.exports import export
from integration_tests.playground.listing import Column, Listing
from integration_tests.sandbox import Sandbox

PAGES = ("/people", "/software/saas/slack/users", "/runs", "/slack")


@pytest.fixture
def playground(tmp_path: Path) -> Iterator[Playground]:
    playground = Playground(tmp_path)
    with Sandbox(people=60, pages=playground.pages):
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
def test_a_page_answers_before_there_is_anything(playground: Playground, path: str) -> None:
    page = get(playground, path)
    assert "<h1>" in page and "Sync now" in page


def test_run_tells_who_was_changed_and_how(playground: Playground) -> None:
    furnish(playground.sandbox)
    post(playground, "/sync")
    playground.runs.wait(240)
    assert "Grace Hopper" in get(playground, "/people?q=grace")
    assert "is in use already" in get(playground, "/runs/1")

    ada, grace = member(playground, "Ada Lovelace"), member(playground, "Grace Hopper")
    # What is typed goes along with the button of another row, and is a change before the sync.
    post(playground, f"/slack/{ada}/deactivate", editing=grace, title="Rear <Admiral>")
    post(playground, "/slack/invite", real_name="Dana Barrett", email="dana@acme.example")
    assert "title changed" in get(playground, "/slack")
    forecast = get(playground, f"/slack/{grace}")
    assert "<mark>Rear &lt;Admiral&gt;</mark>" in forecast and "updated" in forecast
    assert post(playground, "/sync").headers["location"] == "/runs"
    assert "under way" in get(playground, "/runs")
    playground.runs.wait(240)

    story = get(playground, "/runs/2")
    assert "<ins>Rear &lt;Admiral&gt;</ins>" in story and "Dana Barrett" in story and "Radia Perlman" not in story
    changed = get(playground, "/people?touched=Sync+2%3A+changed")
    assert "<mark>Rear &lt;Admiral&gt;</mark>" in changed and "Dana Barrett" not in changed
    assert "Ada Lovelace" in get(playground, "/software/saas/slack/users?active=Deactivated")
    assert "Paid seat" in get(playground, "/people") and "sync_report" in get(playground, "/runs/2/log")
    rows = requests.get(playground.sandbox.oomnitza_url + "/people.json?q=grace", timeout=10).json()
    assert [row["Position"] for row in rows] == ["Rear <Admiral>"]
    assert "History" in get(playground, f"/people/{person(playground, 'Grace Hopper')}")


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


def test_a_form_of_another_sites_page_is_refused(playground: Playground) -> None:
    grace = member(playground, "Grace Hopper")
    for path in ("/sync", "/slack/invite", "/slack/edits", f"/slack/{grace}/deactivate", "/runs/1/cancel"):
        address = playground.sandbox.oomnitza_url + path
        answer = requests.post(address, headers={"Origin": "https://elsewhere.example"}, timeout=10)
        assert answer.status_code == 403
    assert not playground.runs.all and not playground.sandbox.slack.workspace.members[grace]["deleted"]


def test_page_at_another_host_is_rejected(playground: Playground) -> None:
    """As DNS rebinding would have it: https://en.wikipedia.org/wiki/DNS_rebinding."""
    address, port = playground.sandbox.oomnitza_url, playground.sandbox.oomnitza_url.rpartition(":")[2]
    other = {"Host": f"elsewhere.example:{port}", "Origin": f"http://elsewhere.example:{port}"}
    for path in ("/people", "/people.json", "/runs/1/log", "/style.css"):
        assert requests.get(address + path, headers=other, timeout=10).status_code == 400
    assert requests.post(f"{address}/sync", headers=other, timeout=10).status_code == 400
    assert not playground.runs.all
    assert requests.get(f"http://localhost:{port}/people", timeout=10).status_code == 200


def test_a_table_is_searched_sorted_and_turned(playground: Playground) -> None:
    for number in range(60):
        playground.sandbox.oomnitza.add_person(first_name=f"Person {number:02}", position="Ghost" if number % 2 else "")
    page = get(playground, "/people?q=GHOST+person&sort=full_name&order=desc")
    by_position = get(playground, "/people?sort=position&order=desc")
    assert "Person 59" in by_position and "Person 58" not in by_position, "who has no position comes last"
    assert page.index("Person 59") < page.index("Person 01") and "Person 02" not in page
    assert "Person 59" in get(playground, "/people?page=2") and "Person 59" in get(playground, "/people?page=99")
    assert "Person 00" in get(playground, "/people?page=no&sort=no&order=no")
    assert "is like that" in get(playground, "/people?q=zuul")


def test_an_invitation_that_slack_would_not_send_says_why(playground: Playground) -> None:
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
    for path in ("/nobody", "/runs/9", "/runs/9/log", "/people/x", "/slack/U0", "/slack.xml"):
        answer = requests.get(playground.sandbox.oomnitza_url + path, timeout=10)
        assert answer.status_code == 404 and "There is no such page" in answer.text
