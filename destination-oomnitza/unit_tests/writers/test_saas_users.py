"""Tests of SaaS users: only differences are written, and rejections stay separate."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from destination_oomnitza.api.client import Client
from destination_oomnitza.api.retries import RetryPolicy
from destination_oomnitza.api.saas_application import SaasApplication
from destination_oomnitza.config.models import Config
from destination_oomnitza.mapping.record_mapping import MappedRecord
from destination_oomnitza.person_schema import PersonSchema
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.planning.stream_plan import plan_streams
from destination_oomnitza.protocol.catalog import Stream
from destination_oomnitza.report import Outcome, Report
from destination_oomnitza.writers.base import RecordWrite
from destination_oomnitza.writers.deactivation_limit import DeactivationLimit
from destination_oomnitza.writers.saas_users import SaasUsers, role_label
from requests_mock import Mocker

HOST = "https://acme.oomnitza.com"
USERS = f"{HOST}/api/v3/saas/7/users"
ROLES = f"{HOST}/api/v3/saas/7/roles"
MEMBER = {"role_id": "r1", "role_external_label": "Member"}


def config(**options: Any) -> Config:
    return Config.parse(
        {
            "instance_url": HOST,
            "credentials": {"auth_type": "api_token", "api_token": "made-up"},
            "record_type": {"type": "user_and_saas_user", "saas_name": "Slack"},
            "default_role": 25,
            "write_method": {"method": "rest", **options},
        }
    )


class Saas:
    """Writer of an application with these users; `done` lists its write requests."""

    def __init__(self, http: Mocker, rows: list[dict[str, Any]], **options: Any) -> None:
        self.config = config(**options)
        self.http = http
        self.report = Report(["users", "leavers"])
        (self.plan,) = plan_streams(self.config, PersonSchema.unknown(), [Stream("users")])
        http.get(f"{HOST}/api/v3/saas", json=[{"saas_id": 7, "saas_name": "Slack"}])
        http.get(USERS, json=lambda request, _: rows if request.qs["skip"] == ["0"] else [])
        http.get(ROLES, json=[MEMBER])
        http.post(USERS, text="")
        http.post(f"{ROLES}/users", json={"errors": []})
        http.delete(f"{ROLES}/users", status_code=204)
        http.patch(f"{HOST}/api/v3/saas_users/deactivate", json=[])
        http.patch(f"{HOST}/api/v3/saas_users/activate", json=[])
        assert self.config.saas is not None
        application = SaasApplication(Client(self.config, RetryPolicy(faults=0)), self.config.saas)
        limit = DeactivationLimit(application, 100)
        self.users = SaasUsers(application, limit, self.config.write_method, self.report)  # type: ignore[arg-type]  # it is REST

    def write(self, *members: RecordWrite, plan: StreamPlan | None = None) -> list[str]:
        """Write the SaaS users; return the reasons of the rejected records."""
        with ThreadPoolExecutor(2) as pool:
            self.users.write(plan or self.plan, members, pool)
        return [member.reason for member in members if member.outcome is Outcome.FAILED]

    def done(self) -> list[tuple[str, str, Any]]:
        return [
            (request.method, request.path.partition("/v3/")[2], request.json())
            for request in self.http.request_history
            if request.method != "GET"
        ]

    def counts(self) -> dict[str, int]:
        return {name: number for name, number in self.report.as_dict()["users"]["saas"].items() if number}


def member(user_id: str | None, inactive: bool = False, **more: Any) -> RecordWrite:
    more = {"external_id": f"U-{user_id}", "role": "member", **more}
    mapped = MappedRecord((user_id,), {}, inactive, key=f"email={user_id}", **more)
    return RecordWrite(mapped, outcome=Outcome.UNCHANGED, user_id=user_id)


def there(user_id: str, **more: Any) -> dict[str, Any]:
    """Return an assigned user, with all values as `member` has them."""
    return {"user_id": user_id, "user_external_id": f"U-{user_id}", "roles": MEMBER, "active": True, **more}


@pytest.fixture
def http(requests_mock: Mocker) -> Iterator[Mocker]:
    yield requests_mock


def test_saas_user_without_difference_is_not_written(http: Mocker) -> None:
    saas = Saas(http, [there("u1"), there("u2", active=False)])
    assert saas.write(member("u1"), member("u2", inactive=True)) == []
    assert saas.done() == []
    assert saas.counts() == {}


def test_new_user_is_assigned_with_id_and_role(http: Mocker) -> None:
    http.post(f"{USERS}/u1", json={"user_external_id": "U-u1", "errors": []})
    saas = Saas(http, [])
    assert saas.write(member("u1")) == []
    assert saas.done() == [
        ("POST", "saas/7/users", [{"user_id": "u1", "assign": True}]),
        ("POST", "saas/7/users/u1", {"user_external_id": "U-u1"}),
        ("POST", "saas/7/roles/users", {"users": ["u1"], "roles": ["r1"]}),
    ]
    assert saas.counts() == {"assigned": 1, "roles_changed": 1}
    saas.write(member("u1"))
    assert len(saas.done()) == 3, "what was written in this sync is known"


def test_inactive_account_unassigned_is_not_assigned(http: Mocker) -> None:
    saas = Saas(http, [])
    assert saas.write(member("u1", inactive=True), member(None, inactive=True)) == []
    assert saas.done() == []


def test_rejected_external_id_still_deactivates_a_leaver(http: Mocker) -> None:
    http.post(f"{USERS}/u1", status_code=400, json={"error": "Too long."})
    saas = Saas(http, [there("u1", user_external_id="old")])
    (reason,) = saas.write(member("u1", inactive=True))
    assert "id in the application could not be set: Too long." in reason
    assert saas.done()[-1] == ("PATCH", "saas_users/deactivate", {"saas_user_ids": ["u1"]})
    assert saas.counts() == {"deactivated": 1}


def test_rejected_parts_are_all_in_the_reason(http: Mocker) -> None:
    http.post(f"{USERS}/u1", status_code=400, json={"error": "Too long."})
    saas = Saas(http, [there("u1", user_external_id="", roles={})])
    http.post(f"{ROLES}/users", status_code=400, json={"error": "No licence."})
    (reason,) = saas.write(member("u1"))
    assert "Too long." in reason
    assert "its role could not be set: No licence." in reason


def test_assignment_rejected_writes_nothing_else(http: Mocker) -> None:
    saas = Saas(http, [])
    http.post(USERS, status_code=400, json={"error": "There is no user u1."})
    assert saas.write(member("u1")) == ["SaaS user: could not be assigned: There is no user u1."]
    assert len(saas.done()) == 1
    assert saas.counts() == {}


def test_role_is_replaced_for_many_at_a_time(http: Mocker) -> None:
    admin, guest = ({"role_id": i, "role_external_label": label} for i, label in (("r2", "Admin"), ("r3", "Guest")))
    saas = Saas(
        http,
        [there("u1", roles=[admin]), there("u2", roles=[admin, MEMBER]), there("u3", roles=[guest]), there("u4")],
    )
    assert saas.write(*(member(f"u{number}") for number in range(1, 5))) == []
    assert saas.done() == [
        ("POST", "saas/7/roles/users", {"users": ["u1", "u3"], "roles": ["r1"]}),
        ("DELETE", "saas/7/roles/users", {"users": ["u1", "u2"], "roles": ["r2"]}),
        ("DELETE", "saas/7/roles/users", {"users": ["u3"], "roles": ["r3"]}),
    ]
    assert saas.counts() == {"roles_changed": 3}


def test_role_that_is_rejected_leaves_the_former_one(http: Mocker) -> None:
    saas = Saas(http, [there("u1", roles=[{"role_id": "r2", "role_external_label": "Admin"}])])
    http.post(f"{ROLES}/users", status_code=400, json={"error": "No."})
    assert saas.write(member("u1")) == ["SaaS user: its role could not be set: No."]
    assert [method for method, *_ in saas.done()] == ["POST"]
    assert saas.counts() == {}


@pytest.mark.parametrize("status", [400, 403])
def test_new_role_that_is_rejected_concerns_its_records(http: Mocker, status: int) -> None:
    saas = Saas(http, [there("u1"), there("u2", roles=[])])
    http.post(ROLES, status_code=status, json={"error": "Too long."})
    reasons = saas.write(member("u1", role="a role of 300 characters"), member("u2"))
    (reason,) = reasons
    assert reason.startswith("SaaS user: its new role a role of 300 characters was rejected: Too long.")
    assert saas.done()[-1] == ("POST", "saas/7/roles/users", {"users": ["u2"], "roles": ["r1"]})


def test_record_without_a_role_leaves_the_role(http: Mocker) -> None:
    saas = Saas(http, [there("u1", roles=[])])
    assert saas.write(member("u1", role=None)) == []
    assert saas.done() == []


def test_switches_turn_parts_off(http: Mocker) -> None:
    saas = Saas(http, [there("u1", roles=[]), there("u2", active=False)], assign_roles=False, deactivate_inactive=False)
    assert saas.write(member("u1", inactive=True), member("u2")) == []
    assert saas.done() == []


def test_active_account_is_activated_again(http: Mocker) -> None:
    saas = Saas(http, [there("u1", active=False)])
    assert saas.write(member("u1")) == []
    assert saas.done() == [("PATCH", "saas_users/activate", {"saas_user_ids": ["u1"]})]
    assert saas.counts() == {"activated": 1}


def test_activity_unknown_deactivates_and_activates_nobody(http: Mocker) -> None:
    rows = [{"user_id": f"u{number}", "user_external_id": f"U-u{number}", "roles": MEMBER} for number in (1, 2)]
    saas = Saas(http, rows)
    assert saas.write(member("u1"), member("u2", inactive=True)) == []
    assert saas.done() == [("PATCH", "saas_users/deactivate", {"saas_user_ids": ["u2"]})]
    saas.write(member("u2", inactive=False))
    assert saas.done()[1:] == [("PATCH", "saas_users/activate", {"saas_user_ids": ["u2"]})], "this sync did it itself"


def test_leaver_without_address_is_found_by_external_id(http: Mocker) -> None:
    saas = Saas(http, [there("u1"), there("u2")])
    assert saas.write(member(None, inactive=True, external_id="U-u1")) == []
    assert saas.done() == [("PATCH", "saas_users/deactivate", {"saas_user_ids": ["u1"]})]
    saas.write(member(None, inactive=True, external_id="U-other"), member(None, inactive=False, external_id="U-u2"))
    assert len(saas.done()) == 1


def test_older_account_does_not_deactivate_a_newer_one(http: Mocker) -> None:
    http.post(f"{USERS}/u1", json={"errors": []})
    saas = Saas(http, [there("u1")])
    old = member(None, inactive=True, external_id="U-u1")
    assert saas.write(member("u1", external_id="U-new"), old) == []
    assert saas.done() == [("POST", "saas/7/users/u1", {"user_external_id": "U-new"})]
    assert saas.write(old) == []
    assert saas.counts() == {}


def test_deactivation_error_of_one_person_fails_its_record(http: Mocker) -> None:
    saas = Saas(http, [there("u1"), there("u2")])
    answer = [{"saas_user_id": "u1", "error": "The last administrator stays."}, {"saas_user_id": "u2", "error": None}]
    http.patch(f"{HOST}/api/v3/saas_users/deactivate", json=answer)
    reasons = saas.write(member("u1", inactive=True), member("u2", inactive=True))
    assert reasons == ["SaaS user: could not be deactivated: The last administrator stays."]
    assert saas.counts() == {"deactivated": 1}


def test_soft_delete_deactivates_and_counts_as_updated(http: Mocker) -> None:
    saas = Saas(http, [there("u1"), there("u2")], deactivate_inactive=False)
    stream = Stream(
        "leavers",
        destination_sync_mode="soft_delete",
        object_name="saas_user",
        primary_key=("email",),
        properties={"email": {}},
    )
    (plan,) = plan_streams(saas.config, PersonSchema.unknown(), [stream])
    both = [member("u1"), member("u3")]
    assert saas.write(*both, plan=plan) == []
    assert [each.outcome for each in both] == [Outcome.UPDATED, Outcome.UNCHANGED]
    assert saas.done() == [("PATCH", "saas_users/deactivate", {"saas_user_ids": ["u1"]})]


@pytest.mark.parametrize(
    ("role", "label"),
    [
        ("primary_owner", "Primary Owner"),
        ("owner", "Owner"),
        ("admin", "Admin"),
        ("member", "Member"),
        ("multi_channel_guest", "Multi-Channel Guest"),
        ("single_channel_guest", "Single-Channel Guest"),
        ("bot", "Bot"),
        ("Workspace Steward", "Workspace Steward"),
    ],
)
def test_role_label_of_slack_role_is_readable(role: str, label: str) -> None:
    assert role_label(role) == label
