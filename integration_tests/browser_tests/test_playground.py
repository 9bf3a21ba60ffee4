"""The pages over the sandbox, without a browser: each answers, and a change in Slack shows after a sync."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from integration_tests.playground import Playground
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


def member(playground: Playground, name: str) -> str:
    members = playground.sandbox.slack.members()
    return next(each["id"] for each in members if each["profile"].get("real_name") == name)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_answers_before_there_is_anything(playground: Playground, path: str) -> None:
    page = get(playground, path)
    assert "<h1>" in page and "Sync now" in page


def test_a_change_in_slack_shows_after_a_sync_and_with_it_what_was_refused(playground: Playground) -> None:
    names = {each["profile"].get("real_name"): each for each in playground.sandbox.slack.members()}
    playground.sandbox.oomnitza.add_person(username=names["Conan O'Brien"]["name"], email="other@acme.example")
    post(playground, "/sync")
    playground.syncs.wait(120)
    assert "Grace Hopper" in get(playground, "/people?q=grace")
    assert "is in use already" in get(playground, "/runs")

    post(playground, f"/slack/{member(playground, 'Grace Hopper')}/title", title="Rear <Admiral>")
    post(playground, f"/slack/{member(playground, 'Ada Lovelace')}/deactivate")
    post(playground, "/slack/invite", real_name="Dana Barrett", email="dana@acme.example")
    assert "title changed" in get(playground, "/slack")
    assert post(playground, "/sync").headers["location"] == "/runs"
    assert "under way" in get(playground, "/runs")
    playground.syncs.wait(120)

    changed = get(playground, "/people?sync=2")
    assert "<mark>Rear &lt;Admiral&gt;</mark>" in changed
    assert "Dana Barrett" in changed and "Radia Perlman" not in changed
    users = get(playground, "/software/saas/slack/users?sync=2")
    assert "<mark>Deactivated</mark>" in users and "Ada Lovelace" in users
    assert "Sync 2" in get(playground, "/runs")


# PyAirbyte still writes to a destination that has ended, in a thread of its own.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_failed_sync_tells_what_the_connector_said_and_the_next_one_may_start(playground: Playground) -> None:
    slack = playground.sandbox.slack
    slack.refuse_token(slack.token, "token_revoked")
    post(playground, "/sync")
    playground.syncs.wait(120)
    page = get(playground, "/runs")
    assert "The sync failed." in page and "token_revoked" in page and "AirbyteConnector" not in page
    slack.refuse_token(slack.token, None)
    post(playground, "/sync")
    playground.syncs.end()  # as Ctrl-C does: returns when nothing of it is left
    assert playground.syncs.running is None and not playground.syncs.start()


def test_a_form_of_another_sites_page_is_refused(playground: Playground) -> None:
    grace = member(playground, "Grace Hopper")
    for path in ("/sync", "/slack/invite", f"/slack/{grace}/title", f"/slack/{grace}/deactivate"):
        address = playground.sandbox.oomnitza_url + path
        answer = requests.post(address, headers={"Origin": "https://elsewhere.example"}, timeout=10)
        assert answer.status_code == 403
    assert not playground.syncs.all and not playground.sandbox.slack.workspace.members[grace]["deleted"]


def test_a_table_is_searched_sorted_and_turned(playground: Playground) -> None:
    for number in range(60):
        playground.sandbox.oomnitza.add_person(first_name=f"Person {number:02}", position="Ghost" if number % 2 else "")
    page = get(playground, "/people?q=GHOST+person&sort=full_name&order=desc")
    by_position = get(playground, "/people?sort=position&order=desc")
    assert "Person 59" in by_position and "Person 58" not in by_position, "who has no position comes last"
    assert page.index("Person 59") < page.index("Person 01") and "Person 02" not in page
    assert "Person 59" in get(playground, "/people?page=2") and "Person 59" in get(playground, "/people?page=99")
    assert "Person 00" in get(playground, "/people?page=no&sort=no&order=no")
    assert "Nobody is like that" in get(playground, "/people?q=zuul")


def test_an_invitation_that_slack_would_not_send_says_why(playground: Playground) -> None:
    known = next(m["profile"]["email"] for m in playground.sandbox.slack.members() if m["profile"].get("email"))
    before = len(playground.sandbox.slack.members())
    assert "Give a name" in post(playground, "/slack/invite", 400, email="a@b.example").text
    assert "Give an e-mail address" in post(playground, "/slack/invite", 400, real_name="A", email="b").text
    assert "member already" in post(playground, "/slack/invite", 400, real_name="A", email=known.upper()).text
    assert "There is no member" in post(playground, "/slack/U0/deactivate", 404).text
    assert len(playground.sandbox.slack.members()) == before
