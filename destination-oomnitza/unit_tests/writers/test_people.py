"""Tests of people over REST: lookups, writes and rejections."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from destination_oomnitza.api.client import Creation
from destination_oomnitza.api.filters import MAX_URL
from destination_oomnitza.api.people import PeopleApi
from destination_oomnitza.api.responses import RequestRejected, Response
from destination_oomnitza.config.models import Config
from destination_oomnitza.mapping.record_mapping import MappedRecord
from destination_oomnitza.person_schema import PersonSchema
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.planning.stream_plan import plan_streams
from destination_oomnitza.protocol.catalog import Stream
from destination_oomnitza.report import Outcome, Report
from destination_oomnitza.writers.base import RecordWrite
from destination_oomnitza.writers.people import People

ORIGIN = "https://acme.oomnitza.com"


class Instance:
    """Replaces the client: a few people, found by any field without regard to case."""

    def __init__(self, *people: dict[str, Any]) -> None:
        self.people = list(people)
        self.asked: list[str] = []
        self.written: list[tuple[str, str, Any, Any]] = []
        self.rejects: Callable[[str], bool] = lambda text: False
        self.total: Callable[[int], dict[str, str]] = lambda number: {"X-Total-Count": str(number)}
        self.doubt: list[dict[str, Any]] = []
        self.ours = True

    def get_list(self, path: str) -> tuple[list[dict[str, Any]], dict[str, str]]:
        self.asked.append(path)
        query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        text = query.get("filter", "")
        if self.rejects(text):
            raise RequestRejected(400, "bad filter")
        field = text.partition(" ")[0]
        values = {value[1:-1].lower() for value in re.findall(r"\"[^\"]*\"|'[^']*'", text)}
        found = [each for each in self.people if not text or str(each.get(field, "")).lower() in values]
        skip = int(query["skip"])
        return found[skip : skip + int(query["limit"])], self.total(len(found))

    def edit(self, method: str, path: str, body: Any, headers: Any = None) -> Response:
        if self.rejects(str(body)):
            raise RequestRejected(400, "position: is too long")
        self.written.append((method, path, body, headers))
        return Response(None, {})

    def create(self, path: str, body: Any, find: Callable[[], Any], headers: Any = None) -> Creation:
        if self.rejects(str(body)):
            raise RequestRejected(409, "email: is taken")
        self.written.append(("POST", path, body, headers))
        if self.doubt:
            self.people += self.doubt
            return Creation(found=find(), ours=self.ours)
        return Creation({**body, "user_id": "new"})


def make(instance: Instance, test_run: bool = False, **config: Any) -> tuple[People, StreamPlan, Report]:
    base = {
        "instance_url": "acme",
        "credentials": {"auth_type": "api_token", "api_token": "made-up"},
        "default_role": 25,
    }
    (plan,) = plan_streams(Config.parse({**base, **config}), PersonSchema.unknown(), [Stream("users")])
    report = Report(["users"], test_run)
    api = PeopleApi(instance, ORIGIN)  # type: ignore[arg-type]  # it has what is asked of a client
    return People(api, report), plan, report


def row(plan: StreamPlan, name: str, **more: Any) -> MappedRecord:
    made = plan.mapping({"name": name, "email": f"{name}@acme.example", **more})
    assert made is not None
    return made


def write(instance: Instance, *records: dict[str, Any], **config: Any) -> list[RecordWrite]:
    """Find, decide and write one batch, one record after the other."""
    people, plan, _ = make(instance, **config)
    writes = [RecordWrite(row(plan, **each)) for each in records]
    people.find(plan, writes)
    for each in writes:
        fields = people.decide(plan, each) if each.outcome is None else {}
        if fields:
            people.write(plan, each, fields)
    return writes


def known(name: str, user_id: str = "1", **more: Any) -> dict[str, Any]:
    return {"user_id": user_id, "username": name, "email": f"{name}@acme.example", "role": 25, **more}


# -- rejected -----------------------------------------------------------------------------------------------------------------------


def test_find_of_two_people_rejects_the_record() -> None:
    (result,) = write(Instance(known("ada"), {**known("eve", "2"), "email": "ADA@acme.example"}), {"name": "ada"})
    assert result.outcome is Outcome.FAILED
    assert "2 people" in result.reason


def test_find_of_one_person_twice_is_one_person() -> None:
    (result,) = write(Instance(known("ada"), known("ada")), {"name": "ada"})
    assert result.outcome is Outcome.UNCHANGED


@pytest.mark.parametrize("email", ["both\"and'@acme.example", "line\nbreak@acme.example", "a@acme.example\\"])
def test_find_of_an_unsafe_value_rejects_its_record_alone(email: str) -> None:
    results = write(Instance(known("bob")), {"name": "ada", "email": email}, {"name": "bob"})
    assert [each.outcome for each in results] == [Outcome.FAILED, Outcome.UNCHANGED]
    assert "looked up" in results[0].reason


def test_find_with_one_rejected_value_keeps_the_others() -> None:
    instance = Instance(*(known(f"p{n}", str(n)) for n in range(16)))
    instance.rejects = lambda text: "p5@" in text
    results = write(instance, *({"name": f"p{n}"} for n in range(16)))
    assert [n for n, each in enumerate(results) if each.outcome is not Outcome.UNCHANGED] == [5]
    assert "bad filter" in results[5].reason


def test_rejected_write_has_the_reason() -> None:
    instance = Instance(known("ada"))
    instance.rejects = lambda text: "position" in text
    results = write(instance, {"name": "ada", "title": "Cook"}, {"name": "eve", "title": "Cook"})
    assert [each.outcome for each in results] == [Outcome.FAILED] * 2
    assert "position: is too long" in results[0].reason
    assert "email: is taken" in results[1].reason


def test_update_without_user_id_fails_the_record() -> None:
    instance = Instance({"username": "ada", "email": "ada@acme.example", "role": 25})
    (result,) = write(instance, {"name": "ada", "title": "Cook"})
    assert result.outcome is Outcome.FAILED
    assert instance.written == []


def test_create_without_a_mandatory_field_sends_nothing() -> None:
    instance = Instance()
    (result,) = write(instance, {"name": " ", "email": "ada@acme.example"})
    assert result.outcome is Outcome.FAILED
    assert "a user name" in result.reason
    assert instance.written == []


# -- found --------------------------------------------------------------------------------------------------------------------------


def test_find_takes_the_first_key_with_a_match() -> None:
    instance = Instance(known("ada", "1"), {**known("other", "2"), "email": "found@acme.example"})
    people, plan, _ = make(instance, sync_keys=["email", "username"])
    records = [("ada", "found@acme.example"), ("ada", "nobody@acme.example"), ("eve", "eve@acme.example")]
    writes = [RecordWrite(row(plan, name, email=email)) for name, email in records]
    people.find(plan, writes)
    assert [each.person and each.person["user_id"] for each in writes] == ["2", "1", None]


def test_find_ignores_case_and_case_is_no_difference() -> None:
    instance = Instance({**known("Ada"), "email": "ADA@Acme.example"})
    (result,) = write(instance, {"name": "ada", "email": "Ada@acme.example"})
    assert result.outcome is Outcome.UNCHANGED
    (asked,) = instance.asked
    assert "Ada@acme.example" in asked
    assert "ada@acme.example" in asked


def test_find_costs_one_request_a_batch() -> None:
    instance = Instance()
    write(instance, *({"name": f"firstname.lastname.{n}"} for n in range(100)), write_mode="update_only")
    assert len(instance.asked) == 1
    write(instance, *({"name": f"{n}" + "ü" * 100} for n in range(100)), write_mode="update_only")
    assert max(len(ORIGIN + path) for path in instance.asked) <= MAX_URL


# -- written ------------------------------------------------------------------------------------------------------------------------


def test_update_sends_only_changed_fields() -> None:
    instance = Instance(known("ada", position="Cook", first_name="Ada"))
    (result,) = write(instance, {"name": "ada", "first_name": "Ada", "title": "Boss"})
    assert result.outcome is Outcome.UPDATED
    assert instance.written == [("PATCH", "/api/v3/users/1", {"position": "Boss"}, None)]


def test_update_quotes_the_user_id() -> None:
    instance = Instance(known("ada", "1/../2?x"))
    write(instance, {"name": "ada", "title": "Boss"})
    assert instance.written[0][1] == "/api/v3/users/1%2F..%2F2%3Fx"


@pytest.mark.parametrize(
    ("also", "changes"), [(False, {"email": "new@acme.example"}), (True, {"email": "new@acme.example"})]
)
def test_first_key_is_written_if_a_further_key_found(also: bool, changes: dict[str, Any]) -> None:
    instance = Instance(known("ada"))
    write(
        instance, {"name": "ada", "email": "new@acme.example"}, sync_keys=["email", "username"], update_sync_keys=also
    )
    assert [body for _, _, body, _ in instance.written] == [changes]


@pytest.mark.parametrize(("also", "outcome"), [(False, Outcome.UNCHANGED), (True, Outcome.UPDATED)])
def test_further_key_is_written_only_if_wanted(also: bool, outcome: Outcome) -> None:
    instance = Instance(known("ada", external_id="U1"))
    (result,) = write(
        instance,
        {"name": "ada", "id": "U2"},
        sync_keys=["email", "external_id"],
        field_mapping=[{"field": "external_id", "value": "id"}],
        update_sync_keys=also,
    )
    assert result.outcome is outcome


@pytest.mark.parametrize(
    ("mode", "new", "old"),
    [
        ("create_and_update", Outcome.ADDED, Outcome.UPDATED),
        ("create_only", Outcome.ADDED, Outcome.SKIPPED),
        ("update_only", Outcome.SKIPPED, Outcome.UPDATED),
    ],
)
def test_write_mode_decides_written_people(mode: str, new: Outcome, old: Outcome) -> None:
    instance = Instance(known("ada"))
    results = write(instance, {"name": "eve", "title": "Cook"}, {"name": "ada", "title": "Cook"}, write_mode=mode)
    assert [each.outcome for each in results] == [new, old]
    assert len(instance.written) == [new, old].count(Outcome.ADDED) + [new, old].count(Outcome.UPDATED)


def test_inactive_account_is_updated_and_never_created() -> None:
    instance = Instance(known("ada"))
    records = [{"name": "eve", "deleted": True}, {"name": "ada", "title": "Cook", "deleted": True}]
    assert [each.outcome for each in write(instance, *records)] == [Outcome.SKIPPED, Outcome.UPDATED]
    assert [method for method, *_ in instance.written] == ["PATCH"]


def test_create_sends_defaults_and_nothing_empty() -> None:
    instance = Instance()
    write(instance, {"name": "eve", "first_name": "", "title": None}, default_position="Employee")
    ((method, path, body, _),) = instance.written
    assert (method, path) == ("POST", "/api/v3/users")
    assert body == {"username": "eve", "email": "eve@acme.example", "role": 25, "position": "Employee"}


def test_create_in_doubt_updates_the_person_that_is_found() -> None:
    instance = Instance()
    instance.doubt = [known("eve", position="Clerk")]
    (result,) = write(instance, {"name": "eve", "title": "Cook"})
    assert result.outcome is Outcome.ADDED
    assert [(method, body) for method, _, body, _ in instance.written][1:] == [("PATCH", {"position": "Cook"})]


@pytest.mark.parametrize(
    ("title", "outcome", "mode"),
    [
        ("Cook", Outcome.UPDATED, "create_and_update"),
        ("Clerk", Outcome.UNCHANGED, "create_and_update"),
        ("Cook", Outcome.SKIPPED, "create_only"),
    ],
)
def test_create_of_person_added_meanwhile_is_an_update(title: str, outcome: Outcome, mode: str) -> None:
    """Another sync was faster: the create is rejected, and a lookup finds the person."""
    instance = Instance()
    instance.doubt, instance.ours = [known("eve", position="Clerk")], False
    (result,) = write(instance, {"name": "eve", "title": title}, write_mode=mode)
    assert result.outcome is outcome
    edits = [body for method, _, body, _ in instance.written if method == "PATCH"]
    assert edits == ([{"position": "Cook"}] if outcome is Outcome.UPDATED else [])


def test_create_rejected_for_another_identity_changes_no_one() -> None:
    """The next sync judges claims and identities."""
    instance = Instance()
    instance.doubt, instance.ours = [known("eve", employee_id="7", position="Clerk")], False
    keys = {"sync_keys": ["employee_id", "email"], "field_mapping": [{"field": "employee_id", "value": "number"}]}
    (result,) = write(instance, {"name": "eve", "title": "Cook", "number": "8"}, **keys)
    assert (result.outcome, [method for method, *_ in instance.written]) == (Outcome.FAILED, ["POST"])
    assert "whose employee_id is 7; sync again" in result.reason


def test_create_in_doubt_with_two_people_found_is_rejected() -> None:
    """Creates no second person if it is unclear whether the first create succeeded."""
    instance = Instance()
    instance.doubt = [known("eve", "1"), known("eve", "2")]
    (result,) = write(instance, {"name": "eve"})
    assert result.outcome is Outcome.FAILED
    assert "2 people in Oomnitza have this email" in result.reason


def test_test_run_writes_nothing_and_keeps_examples(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "airbyte")
    instance = Instance(known("ada", position="Clerk"))
    people, plan, report = make(instance, test_run=True)
    writes = [RecordWrite(row(plan, "ada", title="Cook")), RecordWrite(row(plan, "eve"))]
    people.find(plan, writes)
    for each in writes:
        people.decide(plan, each)
    assert instance.written == []
    report.finish()
    assert "position: Clerk -> Cook" in caplog.text
