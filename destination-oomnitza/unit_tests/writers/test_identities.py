"""Tests of identities: claims, deferred records, addresses and user names."""

from __future__ import annotations

from itertools import pairwise

import pytest
from destination_oomnitza.writers import identities

from .identity_sync import Oomnitza, ada, person, sync


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


@pytest.mark.parametrize("address", ["a\"'@x.example", "a\n@x.example", "a@x.example\\"])
def test_rejected_address_that_cannot_be_looked_up_is_reported(address: str) -> None:
    oomnitza = Oomnitza(person("U1"), person("U2", address, "bob"))
    report = sync(oomnitza, ada("U1", address, title="Cook"))
    assert report["failed"] == 1
    assert "Oomnitza rejected the change of email, position: email is taken" in report["logs"]


@pytest.mark.parametrize("batch_size", [1, 3])
def test_address_that_was_not_given_up_stays_claimed(batch_size: int) -> None:
    """Only empty fields are filled, so the address is still that of U1."""
    oomnitza = Oomnitza(person("U1"))
    records = [ada("U1", "a2@x.example", title="Cook"), ada("U9", name="eve")]
    report = sync(oomnitza, *records, batch_size=batch_size, existing_values="fill_empty")
    assert {"updated": 1, "failed": 1}.items() <= report.items()
    assert "slack_user_id=U9: its person was claimed by slack_user_id=U1" in report["logs"]
    assert [(each["slack_user_id"], each["email"]) for each in oomnitza.people.values()] == [("U1", "a@x.example")]


def test_address_that_was_taken_again_stays_claimed() -> None:
    oomnitza = Oomnitza(person("U1"))
    records = [ada("U1", "a2@x.example"), ada("U1"), ada("U9", name="eve")]
    report = sync(oomnitza, *records, batch_size=1)
    assert {"updated": 2, "failed": 1}.items() <= report.items()
    assert "claimed by slack_user_id=U1" in report["logs"]
    assert [each["slack_user_id"] for each in oomnitza.people.values()] == ["U1"]


def test_identity_that_was_not_written_is_not_logged() -> None:
    oomnitza = Oomnitza(person("U1"))
    report = sync(oomnitza, ada("U9", title="Cook"), existing_values="fill_empty")
    assert (report["updated"], "Identity changed" in report["logs"]) == (1, False)


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
