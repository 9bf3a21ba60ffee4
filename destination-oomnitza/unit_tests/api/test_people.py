"""Tests of people over HTTP: lookups, incomplete lists and creates."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from destination_oomnitza.api import people as module
from destination_oomnitza.api.client import Client
from destination_oomnitza.api.filters import MAX_URL
from destination_oomnitza.api.people import PeopleApi, Person, user_id_of
from destination_oomnitza.api.responses import RequestRejected
from destination_oomnitza.api.retries import RetryPolicy
from destination_oomnitza.config.models import Config
from requests_mock import Mocker
from urllib3.util import Retry

ORIGIN = "https://acme.oomnitza.com"
USERS = f"{ORIGIN}/api/v3/users"
AT_ONCE = RetryPolicy(faults=60, waits=Retry(total=None, backoff_factor=0))
ADA = {"user_id": "1", "email": "Ada@acme.example", "username": "ada"}
BOB = {"user_id": "2", "email": "bob@acme.example", "username": "bob"}


def make() -> PeopleApi:
    config = Config.parse({"instance_url": ORIGIN, "credentials": {"auth_type": "api_token", "api_token": "made-up"}})
    return PeopleApi(Client(config, AT_ONCE), ORIGIN)


def nobody() -> Person | None:
    return None


class Listed:
    """Answers lookups from the given people."""

    def __init__(self, http: Mocker, *people: dict[str, Any], **how: Any) -> None:
        self.people = list(people)
        self.how = how
        self.asked: list[str] = []
        http.get(USERS, json=self._answer)

    def _answer(self, request: Any, context: Any) -> Any:
        self.asked.append(request.url)
        query = parse_qs(urlsplit(request.url).query)
        field, values = query["filter"][0].partition(" ")[0], re.findall(r'"([^"]*)"', query["filter"][0])
        found = [each for each in self.people if str(each.get(field)).lower() in [value.lower() for value in values]]
        if self.how.get("ignores_filter"):
            found = self.people
        if (rejected := self.how.get("rejects")) and rejected in values:
            context.status_code = 400
            return {"error": "bad value"}
        if "total" in self.how:
            context.headers["X-Total-Count"] = self.how["total"] or str(len(found))
        skip = 0 if self.how.get("ignores_skip") else int(query["skip"][0])
        return found[skip : skip + self.how.get("cap", 500)]


# -- looked up -------------------------------------------------------------------------------------------------------------------------


def test_look_up_finds_in_one_request(requests_mock: Mocker) -> None:
    listed = Listed(requests_mock, ADA, BOB)
    found = make().look_up("email", ["ada@acme.example", "bob@acme.example"])
    assert found.people == {"ada@acme.example": [ADA], "bob@acme.example": [BOB]}
    assert len(listed.asked) == 1
    assert "sortby=user_id%20asc" in listed.asked[0]


@pytest.mark.parametrize(("total", "requests"), [("", 1), (None, 1)])
def test_look_up_without_match_takes_one_request(requests_mock: Mocker, total: str | None, requests: int) -> None:
    listed = Listed(requests_mock, **({} if total is None else {"total": total}))
    assert not make().look_up("email", ["ada@acme.example"]).people
    assert len(listed.asked) == requests


def test_look_up_capped_page_is_not_the_end(requests_mock: Mocker) -> None:
    """A person on the next page is not new if the instance caps pages without a total."""
    people = [{"user_id": str(number), "email": f"p{number}@acme.example"} for number in range(7)]
    Listed(requests_mock, *people, cap=2)
    found = make().look_up("email", [f"p{number}@acme.example" for number in range(8)])
    assert len(found.people) == 7
    assert not found.rejected


@pytest.mark.parametrize(
    "how", [{"ignores_skip": True, "cap": 50}, {"ignores_skip": True, "cap": 50, "total": "99999"}]
)
def test_look_up_in_incomplete_list_is_rejected(requests_mock: Mocker, how: dict[str, Any]) -> None:
    """The instance ignores filter and skip, and always returns the first fifty people."""
    people = [{"user_id": str(number), "email": f"p{number}@acme.example"} for number in range(100)]
    listed = Listed(requests_mock, *people, ignores_filter=True, **how)
    found = make().look_up("email", ["p7@acme.example", "p70@acme.example"])
    assert found.people.keys() == {"p7@acme.example"}
    assert "incomplete" in found.rejected["p70@acme.example"]
    assert len(listed.asked) < 10


def test_look_up_rejected_value_costs_no_other(requests_mock: Mocker) -> None:
    people = [{"user_id": str(number), "email": f"p{number}@acme.example"} for number in range(16)]
    Listed(requests_mock, *people, rejects="p5@acme.example")
    found = make().look_up("email", [each["email"] for each in people])
    assert len(found.people) == 15
    assert found.rejected == {"p5@acme.example": "bad value"}


def test_look_up_urls_have_a_limit(requests_mock: Mocker) -> None:
    listed = Listed(requests_mock)
    make().look_up("email", [f"{number}" + "ü" * 100 for number in range(100)])
    assert len(listed.asked) > 1
    assert max(map(len, listed.asked)) <= MAX_URL


def test_look_up_one_person_on_two_pages_is_one(requests_mock: Mocker) -> None:
    pages = [[ADA], [ADA, BOB], []]
    requests_mock.get(USERS, [{"json": page, "headers": {"X-Total-Count": "9"}} for page in pages])
    assert make().look_up("email", ["ada@acme.example", "bob@acme.example"]).people["ada@acme.example"] == [ADA]


# -- created ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", [{"json": {"user_id": 7, "username": "Eve"}}, {"json": [{"user_id": 7, "username": "Eve"}]}]
)
def test_create_answered_with_the_person(requests_mock: Mocker, answer: dict[str, Any]) -> None:
    requests_mock.post(USERS, **answer)
    created = make().create({"username": "eve", "email": "eve@acme.example"}, nobody)
    assert created is not None
    assert created.person == {"user_id": 7, "username": "Eve", "email": "eve@acme.example"}
    assert (created.found, created.ours) == (False, True)


@pytest.mark.parametrize(
    "answer", [{"json": {}}, {"text": ""}, {"json": []}, {"json": {"username": "eve"}}, {"json": "ok"}]
)
def test_create_without_user_id_is_looked_up(requests_mock: Mocker, answer: dict[str, Any]) -> None:
    requests_mock.post(USERS, status_code=201, **answer)
    answers: Any = iter([None, ADA])
    created = make().create({"username": "ada"}, lambda: next(answers))
    assert created is not None
    assert (created.person, created.found, created.ours) == (ADA, True, True)


def test_create_that_is_never_listed_is_not_repeated(requests_mock: Mocker) -> None:
    """The person may exist, so a second create could double them."""
    sent = requests_mock.post(USERS, json={})
    people = make()
    for body in ({"username": "ada", "email": "ada@acme.example"}, {"username": "ada2", "email": "ADA@acme.example"}):
        assert people.create(body, nobody) is None
    assert sent.call_count == 1
    found = people.create({"username": "Ada"}, lambda: ADA)
    assert found is not None and found.ours
    assert people.create({"username": "eve", "email": ""}, nobody) is None
    assert sent.call_count == 2


def test_create_that_was_found_late_is_remembered(requests_mock: Mocker) -> None:
    requests_mock.post(USERS, json={})
    Listed(requests_mock)
    people = make()
    people.create({"username": "ada"}, lambda: ADA)
    assert people.look_up("username", ["ada"]).people == {"ada": [ADA]}


def test_create_errors_in_200_is_rejected(requests_mock: Mocker) -> None:
    requests_mock.post(USERS, json={"user_id": "1", "errors": ["email is not valid"]})
    with pytest.raises(RequestRejected, match="email is not valid"):
        make().create({"username": "ada"}, nobody)


def test_create_rejected_of_existing_person_is_not_ours(requests_mock: Mocker) -> None:
    requests_mock.post(USERS, status_code=409)
    created = make().create({"username": "ada"}, lambda: ADA)
    assert created is not None
    assert (created.person, created.found, created.ours) == (ADA, True, False)


# -- remembered ------------------------------------------------------------------------------------------------------------------------


def test_look_up_finds_people_just_created(requests_mock: Mocker) -> None:
    Listed(requests_mock)
    requests_mock.post(USERS, json={"user_id": "7"})
    requests_mock.patch(f"{USERS}/7", json={})
    people = make()
    people.create({"username": "eve", "email": "Eve@acme.example", "position": "Clerk"}, nobody)
    people.edit("7", {"position": "Cook"})
    for key, value in (("email", "eve@acme.example"), ("username", "EVE")):
        ((person,),) = people.look_up(key, [value]).people.values()
        assert (person["user_id"], person["position"]) == ("7", "Cook")
    assert not people.look_up("email", ["other@acme.example"]).people


def test_look_up_prefers_listed_people(requests_mock: Mocker) -> None:
    listed = Listed(requests_mock)
    requests_mock.post(USERS, json={"user_id": "1"})
    people = make()
    people.create({"email": "ada@acme.example"}, nobody)
    listed.people.append(ADA)
    assert people.look_up("email", ["ada@acme.example"]).people == {"ada@acme.example": [ADA]}


def test_look_up_remembers_a_limited_number(requests_mock: Mocker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_RECENT", 3)
    Listed(requests_mock)
    requests_mock.post(USERS, json=lambda request, _: {"user_id": request.json()["email"]})
    people = make()
    for number in range(5):
        people.create({"email": f"p{number}@acme.example"}, nobody)
    found = people.look_up("email", [f"p{number}@acme.example" for number in range(5)]).people
    assert found.keys() == {"p2@acme.example", "p3@acme.example", "p4@acme.example"}


# -- edited ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("override", [True, False])
def test_edit_sends_the_changes_to_one_person(requests_mock: Mocker, override: bool) -> None:
    user_id = "1/../2?x"
    requests_mock.patch(f"{USERS}/{quote(user_id, safe='')}", json={"user_id": user_id, "position": "COOK"})
    assert make().edit(user_id, {"position": "Cook"}, override) == {"user_id": user_id, "position": "COOK"}
    assert requests_mock.last_request is not None
    assert requests_mock.last_request.json() == {"position": "Cook"}
    assert requests_mock.last_request.headers.get("Oomnitza-Ignore-Meta-Restriction") == ("1" if override else None)


@pytest.mark.parametrize(
    ("row", "user_id"), [({"user_id": 7}, "7"), ({"user_id": ""}, None), ({}, None), ({"user_id": 0}, "0")]
)
def test_user_id_of_a_row(row: dict[str, Any], user_id: str | None) -> None:
    assert user_id_of(row) == user_id
