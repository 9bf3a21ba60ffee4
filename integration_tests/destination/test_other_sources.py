"""Tests other sources than Slack, which only the defaults are made for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from faker import Faker

from integration_tests.harness.destination_process import complete, config, record, run, state, stream, write
from integration_tests.sandbox import Sandbox

RECORDED = Path(__file__).parent / "recorded"
"""Output of Airbyte's source-faker 7.2.1 for 12 people, and its catalog.

It needs another CDK than ours, so it is not installed here. Its e-mail addresses were moved to example.com.
"""


def test_source_faker(sandbox: Sandbox) -> None:
    messages = (RECORDED / "source-faker.jsonl").read_bytes()
    catalog = json.loads((RECORDED / "source-faker-catalog.json").read_text())
    people = [m["record"]["data"] for m in map(json.loads, messages.splitlines()) if m["type"] == "RECORD"]
    sandbox.oomnitza.add_field("nationality", "Nationality")
    sandbox.oomnitza.add_field("joined", "Joined", "date")
    sandbox.oomnitza.add_field("age", "Age", "integer")
    settings = config(
        sandbox,
        default_role="Employee",
        record_filter="{{ record['age'] >= 18 }}",
        field_mapping=[
            {"field": "username", "value": "{{ record['name'] | lower }}.{{ record['id'] }}"},
            {"field": "first_name", "value": "name"},
            {"field": "position", "value": "occupation"},
            {"field": "phone_number", "value": "telephone"},
            {"field": "joined", "value": "created_at"},
            {
                "field": "address",
                "value": "{% set a = record['address'] %}{{ a.street_number }} {{ a.street_name }}, {{ a.city }}",
            },
        ],
    )
    grown = [each for each in people if each["age"] >= 18]
    assert len(people) == 12 > len(grown)

    first = run("write", settings, stdin=messages, catalog=catalog)
    assert first.status == 0
    assert first.counts() == {"added": len(grown), "skipped": 12 - len(grown)}
    (state,) = first.of("STATE")
    assert state["stream"]["stream_state"]["loop_offset"] == 12
    assert state["destinationStats"]["recordCount"] == state["sourceStats"]["recordCount"] == 12
    one = next(each for each in grown if each["name"] == "Emmie")
    found = sandbox.oomnitza.person(email=one["email"])
    assert found is not None
    expected = {
        "username": "emmie.1", "first_name": "Emmie", "position": "Property Valuer", "phone_number": "252-112-9888", "role": 25,
        "address": "484 Liggett, Burnsville", "nationality": "Salvadorian", "age": 41, "joined": 1178321130,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected

    assert run("write", settings, stdin=messages, catalog=catalog).counts() == {
        "unchanged": len(grown),
        "skipped": 12 - len(grown),
    }


def employees(number: int, seed: int = 11) -> list[dict[str, Any]]:
    """Return workers of an HR system: nested, numbered, with a status, not a flag."""
    faker = Faker("en_GB")
    faker.seed_instance(seed)
    return [
        {
            "employeeNumber": 1000 + each,
            "status": "TERMINATED" if each % 5 == 4 else "ACTIVE",
            "person": {
                "names": [{"type": "legal", "given": faker.first_name(), "family": faker.last_name()}],
                "contacts": {"emails": [{"kind": "work", "address": f"Worker{each}@Acme.Example"}], "phones": []},
            },
            "job": {"title": faker.job()[:100], "manager": {"employeeNumber": 1000} if each else None},
            "hire.date": "2020-03-01",
            "Badge No": f"{each:04}",
        }
        for each in range(number)
    ]


@pytest.mark.parametrize("meta_status", [200, 404])
def test_hr_records_with_nested_fields_are_written(sandbox: Sandbox, meta_status: int) -> None:
    sandbox.oomnitza.switches.meta_status = meta_status
    sandbox.oomnitza.add_field("employee_no", "Employee Number", unique=True)
    sandbox.oomnitza.add_field("hire_date", "Hire Date", "date")
    sandbox.oomnitza.add_field("badge_no", "Badge No", length=4)
    first = "person.names[0]"
    settings = config(
        sandbox,
        sync_keys=["employee_no", "email"],
        inactive_when="{{ record['status'] == 'TERMINATED' }}",
        field_mapping=[
            {"field": "employee_no", "value": "{{ record['employeeNumber'] }}"},
            {
                "field": "username",
                "value": "{{ record['person']['contacts']['emails'][0]['address'].split('@')[0] | lower }}",
            },
            {"field": "email", "value": "person.contacts.emails[0].address"},
            {"field": "first_name", "value": f"{first}.given"},
            {"field": "last_name", "value": f"{first}.family"},
            {"field": "phone_number", "value": "person.contacts.phones[0].number"},
            {"field": "position", "value": "job.title"},
            {"field": "hire_date", "value": "{{ record['hire.date'] }}T00:00:00Z"},
            {"field": "badge_no", "value": "Badge No"},
        ],
    )
    workers = employees(20)
    left, leaves = workers[4], workers[0]
    known = sandbox.oomnitza.add_person(username="worker4", email="worker4@acme.example", position="Was here")
    catalog = stream("workers", workers[0])

    def sync() -> Any:
        return write(
            settings,
            [*(record(each, "workers") for each in workers), state({"page": 2}, "workers"), complete("workers")],
            catalog,
        )

    assert sync().counts("workers") == {"added": 16, "updated": 1, "skipped": 3}
    person = sandbox.oomnitza.person(employee_no="1000")
    assert person is not None
    assert (person["username"], person["email"]) == ("worker0", "Worker0@Acme.Example")
    assert (person["first_name"], person["hire_date"], person["badge_no"]) == (
        leaves["person"]["names"][0]["given"],
        1583020800,
        "0000",
    )
    # A known person who has left is updated, found by the second key, and gets the first.
    former = sandbox.oomnitza.person(user_id=known)
    assert former is not None and (former["employee_no"], former["position"]) == ("1004", left["job"]["title"])

    # A person with a new address is found by the number, and the further key is not changed.
    leaves["person"]["contacts"]["emails"][0]["address"] = "other@acme.example"
    leaves["job"]["title"] = "Director"
    assert sync().counts("workers") == {"updated": 1, "unchanged": 16, "skipped": 3}
    person = sandbox.oomnitza.person(employee_no="1000")
    assert person is not None and (person["email"], person["position"]) == ("Worker0@Acme.Example", "Director")
