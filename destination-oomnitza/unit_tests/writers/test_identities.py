"""Tests of identities: people stay themselves through any series of changes.

They change their names and addresses, leave and come back.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.api.retries import RetryPolicy
from destination_oomnitza.config.models import Config
from destination_oomnitza.protocol.catalog import Stream
from destination_oomnitza.sync import run_sync
from destination_oomnitza.writers import identities
from hypothesis import given, settings
from hypothesis import strategies as st
from requests_mock import Mocker

HOST = "https://acme.oomnitza.com"
USERS = f"{HOST}/api/v3/users"
UNIQUE = ("username", "email", "slack_user_id")
META = {
    "role": {"searchhelp": [{"key": "25", "value": "Employee"}]},
    "slack_user_id": {"label": "Slack User Id", "data_type": "text", "unique": "1"},
}
STREAM = Stream("users", properties={name: {} for name in ("id", "name", "email", "title", "deleted")})
LOGINS = Stream("last_logins", properties={"user_id": {}})


class Oomnitza:
    """Replaces the server: people with unique user names, addresses and Slack ids.

    Takes one lookup per request.
    """

    def __init__(self, *people: dict[str, Any]) -> None:
        self.people: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()
        for person in people:
            self._add(person)

    def _add(self, values: dict[str, Any]) -> dict[str, Any]:
        user_id = f"p{len(self.people)}"
        self.people[user_id] = {"username": "", "email": "", "role": 25, **values, "user_id": user_id}
        return self.people[user_id]

    @contextmanager
    def serving(self) -> Iterator[None]:
        with Mocker() as http:
            http.get(f"{HOST}/api/v2/mappings?name=AuthTest", json={})
            http.get(f"{USERS}/meta", json=META)
            http.get(re.compile(rf"{USERS}\?"), json=self._look_up)
            http.post(USERS, json=self._create)
            http.patch(re.compile(rf"{USERS}/"), json=self._edit)
            yield

    def _look_up(self, request: Any, _: Any) -> list[dict[str, Any]]:
        text = parse_qs(urlsplit(request.url).query).get("filter", [""])[0]
        name, values = text.partition(" ")[0], set(re.findall(r'"([^"]*)"', text))
        with self._lock:
            return [dict(each) for each in self.people.values() if each.get(name) in values]

    def _create(self, request: Any, context: Any) -> Any:
        with self._lock:
            return self._taken(request.json(), "", context) or dict(self._add(request.json()))

    def _edit(self, request: Any, context: Any) -> Any:
        user_id = request.path.rpartition("/")[2]
        with self._lock:
            taken = self._taken(request.json(), user_id, context)
            if taken is None:
                self.people[user_id].update(request.json())
            return taken or dict(self.people[user_id])

    def _taken(self, body: dict[str, Any], user_id: str, context: Any) -> Any:
        for name in UNIQUE:
            others = {each.get(name) for each in self.people.values() if each["user_id"] != user_id}
            if body.get(name) and body[name] in others:
                context.status_code = 409
                return {"message": f"{name} is taken"}
        return None

    def by_slack_id(self, slack_id: str) -> list[dict[str, Any]]:
        return [each for each in self.people.values() if each.get("slack_user_id") == slack_id]


def sync(
    oomnitza: Oomnitza, *records: dict[str, Any], logins: tuple[dict[str, Any], ...] = (), **more: Any
) -> dict[str, Any]:
    """Write records, then those of the stream of logins; return the report of users."""
    base = {
        "instance_url": HOST,
        "credentials": {"auth_type": "api_token", "api_token": "made-up-token"},
        "default_role": 25,
        "sync_keys": ["slack_user_id", "email"],
        "update_sync_keys": True,
        "num_workers": 1,
    }
    lines = [
        json.dumps({"type": "RECORD", "record": {"stream": stream.name, "data": each, "emitted_at": 0}}).encode()
        for stream, some in ((STREAM, records), (LOGINS, logins))
        for each in some
    ]
    kept: list[str] = []
    sent: list[dict[str, Any]] = []
    logger, handler = logging.getLogger("airbyte"), logging.Handler()
    handler.emit = lambda record: kept.append(record.getMessage())  # type: ignore[method-assign]
    logger.addHandler(handler)
    try:
        with oomnitza.serving():
            run_sync(
                Config.parse({**base, **more}),
                [STREAM, LOGINS] if logins else [STREAM],
                [lines],
                sent.append,
                retry_policy=RetryPolicy(faults=0),
            )
    except AirbyteTracedException as error:
        assert "rejected every record" in str(error.message)
    finally:
        logger.removeHandler(handler)
    report = json.loads(sent[-1]["log"]["message"])["sync_report"]["users"]
    return {"logs": "\n".join(kept), **{name: number for name, number in report.items() if number}}


def ada(slack_id: str | None = "U1", email: str = "a@x.example", name: str = "ada", **more: Any) -> dict[str, Any]:
    return {"id": slack_id, "name": name, "email": email, "deleted": False, **more}


def person(slack_id: str | None = "U1", email: str = "a@x.example", username: str = "ada") -> dict[str, Any]:
    return {"username": username, "email": email, "slack_user_id": slack_id}


# -- rejected ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 2])
def test_person_is_claimed_by_the_first_of_two_records(batch_size: int) -> None:
    oomnitza = Oomnitza(person(None))
    for expected in ({"updated": 1, "failed": 1}, {"unchanged": 1, "failed": 1}):
        report = sync(oomnitza, ada("U1"), ada("U2"), batch_size=batch_size)
        assert expected.items() <= report.items()
        assert "email=U" not in report["logs"]
        assert "slack_user_id=U2: its person was claimed by slack_user_id=U1 in this sync" in report["logs"]
    assert [each["slack_user_id"] for each in oomnitza.people.values()] == ["U1"]


@pytest.mark.parametrize("batch_size", [1, 2])
@pytest.mark.parametrize("existing_values", ["overwrite", "keep"])
def test_new_people_of_one_address_are_one(batch_size: int, existing_values: str) -> None:
    oomnitza = Oomnitza()
    report = sync(oomnitza, ada("U1"), ada("U2", name="eve"), batch_size=batch_size, existing_values=existing_values)
    assert {"added": 1, "failed": 1}.items() <= report.items()
    assert "claimed by slack_user_id=U1" in report["logs"]


def test_identity_does_not_change_if_refused() -> None:
    oomnitza = Oomnitza(person("U1"))
    report = sync(oomnitza, ada("U9", name="eve"), on_identity_change="refuse")
    assert report["failed"] == 1
    assert "slack_user_id of its person is U1 in Oomnitza, and When an identity changes" in report["logs"]
    assert [each["slack_user_id"] for each in oomnitza.people.values()] == ["U1"]


@pytest.mark.parametrize("batch_size", [1, 2])
def test_exchanged_addresses_are_rejected_with_both_people(batch_size: int) -> None:
    """Only a made-up address would free one, and people sign in and get mail by it."""
    oomnitza = Oomnitza(person("U1"), person("U2", "b@x.example", "bob"))
    records = [ada("U1", "b@x.example", title="Cook"), ada("U2", "a@x.example", "bob")]
    report = sync(oomnitza, *records, batch_size=batch_size)
    assert report["failed"] == 2
    assert (
        "slack_user_id=U1: Oomnitza rejected the change of email, position: email is taken; "
        "email b@x.example is that of bob (slack_user_id U2), and no record of this sync frees it. "
        "Give one of the two another email in Oomnitza, and the next sync sets both"
    ) in report["logs"]
    assert "email a@x.example is that of ada (slack_user_id U1)" in report["logs"]
    oomnitza.people["p0"]["email"] = "free@x.example"
    assert sync(oomnitza, *records, batch_size=batch_size)["updated"] == 2


def test_claim_names_the_setting_that_moves_addresses() -> None:
    oomnitza = Oomnitza(person("U1"))
    report = sync(oomnitza, ada("U1", "a2@x.example"), ada("U9", name="eve"), update_sync_keys=False)
    assert {"unchanged": 1, "failed": 1}.items() <= report.items()
    assert "switch on Update sync keys (update_sync_keys)" in report["logs"]


def test_too_many_identity_changes_wait_for_the_next_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identities, "MAX_DEFERRED", 1)
    oomnitza = Oomnitza(person("U1"), person("U2", "b@x.example", "bob"))
    records = [ada("U8"), ada("U9", "b@x.example")]
    report = sync(oomnitza, *records)
    assert {"updated": 1, "failed": 1}.items() <= report.items()
    assert "more than 1 records wait for the end of this sync" in report["logs"]
    assert {"updated": 1, "unchanged": 1}.items() <= sync(oomnitza, *records).items()


# -- written --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 2])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("policy", ["update", "refuse"])
def test_address_given_to_another_makes_a_new_person(batch_size: int, turned: bool, policy: str) -> None:
    oomnitza = Oomnitza(person("U1"))
    records = [ada("U1", "a2@x.example"), ada("U9", name="eve")]
    report = sync(oomnitza, *(records[::-1] if turned else records), batch_size=batch_size, on_identity_change=policy)
    assert {"updated": 1, "added": 1}.items() <= report.items()
    assert [(each["slack_user_id"], each["email"]) for each in oomnitza.people.values()] == [
        ("U1", "a2@x.example"),
        ("U9", "a@x.example"),
    ]
    assert {"unchanged": 2}.items() <= sync(oomnitza, *records).items()


@pytest.mark.parametrize("turned", [False, True])
def test_test_run_sees_an_address_that_would_move(turned: bool) -> None:
    oomnitza = Oomnitza(person("U1"))
    records = [ada("U1", "a2@x.example"), ada("U9", name="eve")]
    report = sync(oomnitza, *(records[::-1] if turned else records), test_run=True)
    assert {"updated": 1, "added": 1}.items() <= report.items()
    assert list(oomnitza.people.values()) == [{**person("U1"), "role": 25, "user_id": "p0"}]


@pytest.mark.parametrize("later", ["b@x.example", "a@x.example"])
def test_deferred_record_does_not_undo_a_later_one(later: str) -> None:
    oomnitza = Oomnitza(person("U1"))
    records = [ada("U1", "a2@x.example"), ada("U9", name="eve", title="old"), ada("U9", later, name="eve", title="new")]
    report = sync(oomnitza, *records[1:], records[0], batch_size=1)
    assert (report["added"], report["skipped_because"]["superseded"]) == (1, 1)
    assert [(each["email"], each["position"]) for each in oomnitza.by_slack_id("U9")] == [(later, "new")]


def test_deferred_record_outlasts_another_stream() -> None:
    """Writes it at the end: a login of the same person has other fields."""
    oomnitza = Oomnitza(person("U1"), person("U2", "b@x.example", "bob"))
    by_id = {"stream": "last_logins", "write_mode": "update_only", "sync_keys": ["slack_user_id"]}
    login = {**by_id, "field_mapping": [{"field": "slack_user_id", "value": "user_id"}]}
    records = [ada("U1", "b@x.example"), ada("U2", "c@x.example", "bob")]
    report = sync(oomnitza, *records, logins=({"user_id": "U1"},), streams=[login], batch_size=1)
    assert (report["updated"], oomnitza.by_slack_id("U1")[0]["email"]) == (2, "b@x.example")


def test_identity_of_unclaimed_person_changes() -> None:
    oomnitza = Oomnitza(person("U1"))
    report = sync(oomnitza, ada("U9"))
    assert report["updated"] == 1
    assert "Identity changed: users, slack_user_id=U9: its slack_user_id was U1." in report["logs"]
    assert [each["slack_user_id"] for each in oomnitza.people.values()] == ["U9"]
    assert sync(oomnitza, ada("U9"))["unchanged"] == 1


def test_record_without_the_first_key_is_superseded() -> None:
    oomnitza = Oomnitza(person("U1"))
    report = sync(oomnitza, ada(None, title="first"), ada("U1", "b@x.example", title="last"), update_sync_keys=False)
    assert (report["updated"], report["skipped_because"]["superseded"]) == (1, 1)
    assert [(each["slack_user_id"], each["position"]) for each in oomnitza.people.values()] == [("U1", "last")]


@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("turned", [False, True])
def test_addresses_passed_along_are_all_written(turned: bool, batch_size: int) -> None:
    """Each person takes the address of the next, which is free once that is written."""
    names = ["a", "b", "c", "d"]
    oomnitza = Oomnitza(*(person(f"U{name}", f"{name}@x.example", name) for name in names[:3]))
    records = [ada(f"U{name}", f"{after}@x.example", name) for name, after in pairwise(names)]
    assert sync(oomnitza, *(records[::-1] if turned else records), batch_size=batch_size)["updated"] == 3
    assert [each["email"] for each in oomnitza.people.values()] == ["b@x.example", "c@x.example", "d@x.example"]


def test_new_person_takes_an_address_freed_in_its_batch() -> None:
    oomnitza = Oomnitza(person("U1"))
    rules = [{"field": "email", "value": "email"}]
    records = [ada("U9", name="eve"), ada("U1", "a2@x.example")]
    report = sync(oomnitza, *records, sync_keys=["slack_user_id"], field_mapping=rules)
    assert {"updated": 1, "added": 1}.items() <= report.items()


def test_user_name_of_existing_people_is_kept_and_logged() -> None:
    oomnitza = Oomnitza(*(person(f"U{n}", f"{n}@x.example", f"sso.{n}") for n in range(5)))
    report = sync(oomnitza, *(ada(f"U{n}", f"{n}@x.example", f"name{n}") for n in range(5)), batch_size=2)
    assert report["unchanged"] == 5
    logged = [line for line in report["logs"].splitlines() if "User names are never changed" in line]
    assert len(logged) == 1 and "5 people keep theirs" in logged[0] and logged[0].count("in the record") == 3
    assert "sso.0 (name0 in the record)" in logged[0]


def test_user_name_as_first_key_changes_no_identity() -> None:
    oomnitza = Oomnitza(person("U1", username="sso.ada"))
    for _ in range(2):
        report = sync(
            oomnitza, ada("U1"), ada("U2", name="eve"), sync_keys=["username", "email"], on_identity_change="refuse"
        )
        assert {"unchanged": 1, "failed": 1}.items() <= report.items()
        assert "username=eve: its person was claimed by" in report["logs"]


# -- histories ------------------------------------------------------------------------------------------------------------------------


@dataclass
class Member:
    """One person in Slack."""

    number: int
    address: int
    name: int = 0
    active: bool = True
    keeps_address: bool = True

    def record(self) -> dict[str, Any]:
        email = f"a{self.address}@x.example" if self.active or self.keeps_address else None
        return {
            "id": f"U{self.number}",
            "name": f"m{self.number}.{self.name}",
            "email": email,
            "title": f"t{self.name}",
            "deleted": not self.active,
        }


@dataclass
class World:
    """Workspace of people who change, and the Oomnitza that it is synced to."""

    members: list[Member] = field(default_factory=list)
    oomnitza: Oomnitza = field(default_factory=Oomnitza)
    owners: dict[str, str] = field(default_factory=dict)

    def free(self, address: int) -> bool:
        return all(each.address != address or not (each.active or each.keeps_address) for each in self.members)

    def change(self, what: str, who: int, address: int) -> None:
        """Change one person, if possible."""
        if what == "join" and self.free(address):
            self.members.append(Member(len(self.members), address))
        if not self.members:
            return
        member = self.members[who % len(self.members)]
        if what == "hand over":
            # A new person gets an address that another one gave up.
            former = member.address
            self.change("move", who, address)
            if not self.free(former):
                self.change("vanish", who, address)
            self.change("join", who, former)
        if what == "rename":
            member.name += 1
        elif what == "move" and self.free(address):
            member.address = address
        elif what in ("leave", "vanish"):
            member.active, member.keeps_address = False, what == "leave"
        elif what == "return" and (self.free(member.address) or member.keeps_address):
            member.active = member.keeps_address = True

    def check(self) -> None:
        """Check that no person was doubled or became another one."""
        for user_id, each in self.oomnitza.people.items():
            slack_id = each.get("slack_user_id")
            if slack_id:
                assert self.owners.setdefault(user_id, slack_id) == slack_id, "somebody has become another"
        for member in self.members:
            assert len(self.oomnitza.by_slack_id(f"U{member.number}")) <= 1, "somebody is doubled"
        assert len(self.oomnitza.people) <= len(self.members), "somebody is doubled"

    def blocked(self, member: Member) -> bool:
        """Return whether another person, or a circle of people, keeps a member's address."""
        holders = {each["email"]: each.get("slack_user_id") for each in self.oomnitza.people.values()}
        wanted = {f"U{each.number}": each.record()["email"] for each in self.members}
        slack_id: Any = f"U{member.number}"
        for _ in range(len(self.members) + 1):
            holder = holders.get(wanted[slack_id])
            if holder is None:
                return False
            if holder == slack_id or not wanted[holder]:
                return holder != f"U{member.number}"
            slack_id = holder
        return True


steps = st.tuples(
    st.sampled_from(["hand over", "move", "join", "rename", "leave", "vanish", "return"]),
    st.integers(0, 4),
    st.integers(0, 6),
)
histories = st.lists(st.lists(steps, min_size=1, max_size=4), min_size=1, max_size=4)


@settings(max_examples=60)
@given(histories, st.randoms(use_true_random=False), st.integers(1, 4), st.integers(1, 3))
def test_identities_hold_in_any_history(history: Any, random: Any, batch_size: int, workers: int) -> None:
    world = World([Member(number, number) for number in range(3)])
    for changes in [[], *history]:
        for change in changes:
            world.change(*change)
        records = [each.record() for each in world.members]
        random.shuffle(records)
        sync(world.oomnitza, *records, batch_size=batch_size, num_workers=workers)
        world.check()
        for member in world.members:
            if member.active and not world.blocked(member):
                (found,) = world.oomnitza.by_slack_id(f"U{member.number}")
                assert (found["email"], found["position"]) == (member.record()["email"], f"t{member.name}")
