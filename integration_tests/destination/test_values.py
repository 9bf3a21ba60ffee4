"""Tests values: identity, difference, and absence."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest

from integration_tests.destination.team import empty
from integration_tests.harness import destination_inside
from integration_tests.harness.destination_process import config, person, record
from integration_tests.sandbox import Sandbox


def sync(sandbox: Sandbox, *records: Any, **settings: Any) -> tuple[dict[str, int], str]:
    """Write records, and return the outcomes and the log."""
    messages = [each if "type" in each else record(each) for each in records]
    settings.setdefault("field_mapping", [{"field": "position", "value": "title"}])
    written = destination_inside.write(config(sandbox, **settings), messages)
    return written.counts(), written.logs()


def writes(sandbox: Sandbox) -> int:
    """Return the number of writing requests since the last call."""
    count = sum(exchange.method != "GET" for exchange in sandbox.requests)
    sandbox.requests.clear()
    return count


def known(sandbox: Sandbox, **more: Any) -> None:
    """Add the person of `person("ada")`."""
    base = {"username": "ada", "email": "ada@acme.example", "first_name": "Ada", "last_name": "Example"}
    sandbox.oomnitza.add_person(**{**base, **more})


def only_person(sandbox: Sandbox) -> dict[str, Any]:
    (found,) = sandbox.oomnitza.people()
    return found


@pytest.mark.parametrize("email", ["\ufeffada@acme.example", "ada@acme.example\u200b", "\u00a0ADA@acme.example "])
def test_address_with_invisible_ends_finds_its_person(quick: Sandbox, email: str) -> None:
    empty(quick)
    known(quick, first_name="Zo\u00eb")
    assert sync(quick, person("ada", email=email, first_name="Zoe\u0308"))[0] == {"unchanged": 1}
    assert sync(quick, person("eve", email="e\u200bve@acme.example"), person("ada"))[0]["failed"] == 1


def test_names_in_another_normal_form_are_written_once(quick: Sandbox) -> None:
    empty(quick)
    record_ = person("zoe", first_name=unicodedata.normalize("NFD", "Zo\u00eb"), title="Head\u200b")
    assert sync(quick, record_)[0] == {"added": 1}
    assert (only_person(quick)["first_name"], only_person(quick)["position"]) == ("Zo\u00eb", "Head")
    assert sync(quick, record_)[0] == {"unchanged": 1}


@pytest.mark.parametrize("number", [1001.0, 108086391056891904001, 123456789012345678901234567890])
def test_whole_number_keeps_its_digits_as_text_and_as_key(sandbox: Sandbox, number: float) -> None:
    sandbox.oomnitza.add_field("badge", "Badge", unique=True)
    known(sandbox, badge=f"{number:.0f}" if isinstance(number, float) else str(number), position="Clerk")
    ada = person("ada", badge=number, title="Boss", email=None)
    rules = [{"field": "badge", "value": "badge"}, {"field": "position", "value": "title"}]
    keys = ["badge", "email"]
    assert sync(sandbox, ada, sync_keys=keys, field_mapping=rules)[0] == {"updated": 1}
    assert sync(sandbox, person("eve", badge=number + 1), sync_keys=keys, field_mapping=rules)[0] == {"added": 1}
    assert [each["badge"] for each in sandbox.oomnitza.people()][1] == str(int(number) + 1)


def test_number_of_a_spreadsheet_is_no_date_and_a_year_is_one(sandbox: Sandbox) -> None:
    sandbox.oomnitza.add_field("hired", "Hired", "date")
    rules = [{"field": "hired", "value": "hired"}]
    counts, log = sync(sandbox, person("ada", hired=45306), person("eve", hired="2024"), field_mapping=rules)
    assert counts == {"added": 1, "failed": 1}
    assert "hired: is a number, and the field needs a date" in log
    assert only_person(sandbox)["hired"] == 1704067200


def test_value_that_the_server_normalizes_is_unchanged(sandbox: Sandbox) -> None:
    sandbox.oomnitza.switches.normalized = frozenset({"phone", "blanks"})
    ada = person("ada", phone="+1 (555) 010-0000", title=" Head  of IT ")
    assert sync(sandbox, ada)[0] == {"added": 1}
    assert (only_person(sandbox)["phone_number"], only_person(sandbox)["position"]) == ("+15550100000", "Head of IT")
    writes(sandbox)
    assert sync(sandbox, ada)[0] == {"unchanged": 1}
    assert writes(sandbox) == 0


def test_value_stored_differently_is_reported_once_a_field(sandbox: Sandbox) -> None:
    sandbox.oomnitza.switches.normalized = frozenset({"title_case", "phone"})
    records = [person(f"p{number}", title="head of it", phone="+1 555") for number in range(3)]
    for outcome in ("added", "updated"):
        counts, log = sync(sandbox, *records)
        assert counts == {outcome: 3}
        (logged,) = [line for line in log.splitlines() if "Oomnitza stores another" in line]
        assert "stores another position than was sent, for 3 people of users, for example email=p" in logged
        assert "sent head of it, kept Head Of It" in logged


@pytest.mark.parametrize("given", ["Boston", "boston", " BOSTON ", "bos"])
def test_drop_down_is_written_as_its_list_has_it(sandbox: Sandbox, given: str) -> None:
    sandbox.oomnitza.add_field("city", "City", "dropdown", choices=[("bos", "Boston"), ("par", "Paris")])
    sandbox.oomnitza.switches.dropdowns = "values"
    rules = [{"field": "city", "value": "city"}]
    counts, log = sync(sandbox, person("ada", city=given), person("eve", city="Rome"), field_mapping=rules)
    assert counts == {"added": 1, "failed": 1}
    assert only_person(sandbox)["city"] == "Boston"
    assert "city: is not in the field's list: Boston, Paris" in log
    assert sync(sandbox, person("ada", city=given), field_mapping=rules)[0] == {"unchanged": 1}


def test_text_longer_than_its_field_fails_in_each_sync(quick: Sandbox) -> None:
    empty(quick)
    known(quick, position="Clerk")
    for _ in range(3):
        counts, log = sync(quick, person("ada", title="x" * 255), person("eve"))
        assert counts["failed"] == 1
        assert "email=ada@acme.example: position: is a text of 255 characters, and the field takes 128" in log
    assert {each["position"] for each in quick.oomnitza.people()} == {"Clerk", ""}


@pytest.mark.parametrize("value", ["phone", "{{ phone }}"])
def test_field_that_was_nulled_by_an_error_stays(quick: Sandbox, value: str) -> None:
    empty(quick)
    known(quick, phone_number="+15550100000")
    message = record(person("ada", phone=None))
    rules = [{"field": "phone_number", "value": value, "write_empty": True}]
    message["record"]["meta"] = {
        "changes": [{"field": "phone", "change": "NULLED", "reason": "SOURCE_SERIALIZATION_ERROR"}]
    }
    assert sync(quick, message, field_mapping=rules)[0] == {"unchanged": 1}
    assert only_person(quick)["phone_number"] == "+15550100000"
    del message["record"]["meta"]
    assert sync(quick, message, field_mapping=rules)[0] == {"updated": 1}
    assert not only_person(quick)["phone_number"]


def test_newest_writes_a_date_only_if_it_is_later(sandbox: Sandbox) -> None:
    sandbox.oomnitza.add_field("last_seen", "Last seen", "date")
    rules = [{"field": "last_seen", "value": "seen", "newest": True}]
    for seen, counts, kept in [
        ("2024-01-31", {"added": 1}, 1706659200), ("2024-01-30T23:00:00Z", {"unchanged": 1}, 1706659200),
        ("2024-02-01", {"updated": 1}, 1706745600), (None, {"unchanged": 1}, 1706745600),
    ]:  # fmt: skip
        assert sync(sandbox, person("ada", seen=seen), field_mapping=rules)[0] == counts
        assert only_person(sandbox)["last_seen"] == kept


def test_user_name_of_a_person_who_is_there_stays(quick: Sandbox) -> None:
    empty(quick)
    known(quick, username="sso.ada")
    assert sync(quick, person("ada"), field_mapping=[{"field": "username", "value": "name"}])[0] == {"unchanged": 1}
    assert only_person(quick)["username"] == "sso.ada"


def test_regular_expression_without_end_rejects_its_record_alone(quick: Sandbox) -> None:
    empty(quick)
    rules = [{"field": "position", "value": "{{ title | regex_replace('^(a|a)*$', 'A') }}"}]
    counts, log = sync(quick, person("ada", title="a" * 41 + "!"), person("eve", title="a"), field_mapping=rules)
    assert counts == {"added": 1, "failed": 1}
    assert "position: its regular expression works longer on one record than is allowed" in log
    assert only_person(quick)["position"] == "A"
