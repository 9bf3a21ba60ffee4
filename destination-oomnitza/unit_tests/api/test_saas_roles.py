"""Tests of an application's roles: found or created once, given and removed."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.api.client import Client
from destination_oomnitza.api.retries import RetryPolicy
from destination_oomnitza.api.saas_roles import SaasRoles
from destination_oomnitza.api.saas_user import SaasUser
from destination_oomnitza.config.models import Config
from requests_mock import Mocker
from urllib3.util import Retry

HOST = "https://acme.oomnitza.com"
ROLES = f"{HOST}/api/v3/saas/7/roles"
AT_ONCE = RetryPolicy(faults=5, waits=Retry(total=None, allowed_methods=None, backoff_factor=0))


def make() -> SaasRoles:
    config = Config.parse({"instance_url": HOST, "credentials": {"auth_type": "api_token", "api_token": "made-up"}})
    roles = SaasRoles(Client(config, AT_ONCE), "Slack")
    roles.path = "/api/v3/saas/7"
    return roles


def test_id_of_label_in_any_case_is_created_once(requests_mock: Mocker) -> None:
    requests_mock.get(ROLES, json=[{"role_id": 1, "role_external_label": "admin"}, {"role_id": ""}])
    made = requests_mock.post(ROLES, status_code=201, json={"role_id": "r9"})
    roles = make()
    roles.add({"r1": "MEMBER", "r2": ""})
    assert roles.id_of("Member") == "r1"
    assert not requests_mock.called
    assert roles.id_of("Admin") == "1"
    assert roles.id_of("Owner") == roles.id_of("Owner") == "r9"
    assert [request.json() for request in made.request_history] == [{"role_external_label": "Owner"}]


@pytest.mark.parametrize("fault", [{"exc": requests.exceptions.ReadTimeout}, {"status_code": 500}])
def test_id_of_creation_in_doubt_is_looked_up(requests_mock: Mocker, fault: dict[str, Any]) -> None:
    there: list[dict[str, Any]] = []

    def create(request: Any, context: Any) -> Any:
        there.append({"role_id": "r1", **request.json()})
        if "exc" in fault:
            raise fault["exc"]
        context.status_code = fault["status_code"]
        return {}

    requests_mock.get(ROLES, json=lambda *_: there)
    requests_mock.post(ROLES, json=create)
    assert make().id_of("Member") == "r1"
    assert len(there) == 1


def test_id_of_creation_without_id_is_looked_up(requests_mock: Mocker) -> None:
    pages = [[], [], [{"role_id": "r1", "role_external_label": "Member"}], []]
    requests_mock.get(ROLES, [{"json": page} for page in pages])
    requests_mock.post(ROLES, json={})
    assert make().id_of("Member") == "r1"


def test_id_of_in_a_list_that_grows_is_read_again(requests_mock: Mocker) -> None:
    """Another first sync adds a role while the list is read."""
    roles = [{"role_id": f"r{number}", "role_external_label": f"Role {number}"} for number in range(3)]
    requests_mock.get(ROLES, [{"json": page} for page in (roles[:1], roles[:2], roles[:2], roles)])
    created = requests_mock.post(ROLES)
    assert make().id_of("Role 2") == "r2"
    assert not created.called


@pytest.mark.parametrize(
    ("listed", "created", "message"),
    [
        ({"status_code": 404, "json": {"error": "Nothing here."}}, {}, "does not list the roles of Slack"),
        ({"json": []}, {"json": {}}, "added the role Member to Slack, but does not list it"),
        ({"json": [{"role_id": 1}], "headers": {"X-Total-Count": "5"}}, {}, "does not list all roles of Slack"),
    ],
)
def test_id_of_without_a_role_names_the_setting(
    requests_mock: Mocker, listed: dict[str, Any], created: dict[str, Any], message: str
) -> None:
    requests_mock.get(ROLES, **listed)
    requests_mock.post(ROLES, **created)
    with pytest.raises(AirbyteTracedException, match=rf"{message}.*assign_roles") as raised:
        make().id_of("Member")
    assert raised.value.failure_type is FailureType.config_error


def test_is_only_two_roles_of_one_label_are_one(requests_mock: Mocker) -> None:
    same = [{"role_id": "r1", "role_external_label": "Member"}, {"role_id": "r2", "role_external_label": "Member"}]
    requests_mock.get(ROLES, json=same)
    roles = make()
    assert roles.is_only(SaasUser(roles=("r2",)), "member")
    assert not roles.is_only(SaasUser(roles=("r2",)), "Admin")
    assert not roles.is_only(SaasUser(roles=("r1", "other")), "Member")
    assert not roles.is_only(SaasUser(), "Member")


@pytest.mark.parametrize("listed", ["member", "m-1", "r1"])
def test_is_only_takes_a_role_by_id_label_or_external_id(requests_mock: Mocker, listed: str) -> None:
    roles = [
        {"role_id": "r1", "role_external_id": "M-1", "role_external_label": "Member"},
        {"role_id": "r2", "role_external_id": "Guest", "role_external_label": "M-2"},
    ]
    requests_mock.get(ROLES, json=roles)
    user = SaasUser(roles=(listed, "M-2", "gone"))
    known = make()
    assert not known.is_only(user, "Member")
    assert user.roles == ("r1", "r2", "gone")
    user.roles = (listed,)
    assert known.is_only(user, "Member")


def test_id_of_role_that_is_listed_without_id_is_not_created(requests_mock: Mocker) -> None:
    requests_mock.get(ROLES, json=[{"role_external_label": "Member"}])
    created = requests_mock.post(ROLES)
    assert make().id_of("Member") == "Member"
    assert not created.called


@pytest.mark.parametrize(("method", "before", "after"), [("give", (), ("r1",)), ("take", ("r1", "r2"), ("r2",))])
def test_change_rejected_user_keeps_its_roles(
    requests_mock: Mocker, method: str, before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    def change(request: Any, _: Any) -> Any:
        return {"errors": ["No licence."] if "u2" in request.json()["users"] else None}

    sent = requests_mock.register_uri("POST" if method == "give" else "DELETE", f"{ROLES}/users", json=change)
    users = {f"u{number}": SaasUser(roles=before) for number in range(1, 4)}
    assert getattr(make(), method)("r1", users) == {"u2": "No licence."}
    assert [users[each].roles for each in ("u1", "u2", "u3")] == [after, before, after]
    assert sent.request_history[0].json() == {"users": ["u1", "u2", "u3"], "roles": ["r1"]}
