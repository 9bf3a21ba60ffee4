"""Tests of the SaaS application over HTTP: rejections, open points, duplicates."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.api.client import Client
from destination_oomnitza.api.read_only_client import ReadOnlyClient
from destination_oomnitza.api.retries import RetryPolicy
from destination_oomnitza.api.saas_application import SaasApplication
from destination_oomnitza.config.models import Config, UserAndSaasUserRecords
from requests_mock import Mocker
from urllib3.util import Retry

HOST = "https://acme.oomnitza.com"
SAAS = f"{HOST}/api/v3/saas"
AT_ONCE = RetryPolicy(faults=5, waits=Retry(total=None, allowed_methods=None, backoff_factor=0))


def application(saas_id: str | None = None, name: str = "Slack", test_run: bool = False) -> SaasApplication:
    config = Config.parse({"instance_url": HOST, "credentials": {"auth_type": "api_token", "api_token": "made-up"}})
    wanted = UserAndSaasUserRecords(type="user_and_saas_user", saas_name=name, saas_id=saas_id)
    return SaasApplication((ReadOnlyClient if test_run else Client)(config, AT_ONCE), wanted)


def listed(http: Mocker, *rows: dict[str, Any], saas_id: str = "7") -> None:
    """Register the application Slack with these users, paged."""
    http.get(SAAS, json=[{"saas_id": int(saas_id), "saas_name": "Slack"}])

    def page(request: Any, _: Any) -> Any:
        skip, limit = int(request.qs["skip"][0]), int(request.qs["limit"][0])
        return list(rows)[skip : skip + limit]

    http.get(f"{SAAS}/{saas_id}/users", json=page)


def calls(http: Mocker, method: str) -> list[Any]:
    return [request for request in http.request_history if request.method == method]


def used_by(http: Mocker, saas_id: str, *user_ids: str) -> None:
    http.get(f"{SAAS}/{saas_id}/users", json=[{"user_id": each} for each in user_ids])


def test_find_several_with_users_is_the_administrators_choice(requests_mock: Mocker) -> None:
    requests_mock.get(SAAS, json=[{"saas_id": 7, "saas_name": "Slack"}, {"saas_id": 9, "saas_name": "Slack"}])
    used_by(requests_mock, "7", "u1")
    used_by(requests_mock, "9", "u2")
    with pytest.raises(
        AirbyteTracedException, match=r"2 SaaS applications named Slack.*7, 9.*record_type\.saas_id"
    ) as error:
        application().users()
    assert error.value.failure_type is FailureType.config_error
    assert not calls(requests_mock, "POST")


@pytest.mark.parametrize(("users", "found"), [({"7": [], "10": []}, "7"), ({"7": [], "10": ["u1"]}, "10")])
def test_find_several_of_two_first_syncs_takes_the_one_in_use(
    requests_mock: Mocker, users: dict[str, list[str]], found: str
) -> None:
    requests_mock.get(SAAS, json=[{"saas_id": each, "saas_name": "Slack"} for each in reversed(users)])
    for saas_id, user_ids in users.items():
        used_by(requests_mock, saas_id, *user_ids)
    assert application().find() == found


def test_assign_two_first_syncs_at_once_take_one_application(requests_mock: Mocker) -> None:
    """Both use the smallest id if another sync creates an application meanwhile."""
    there: list[dict[str, Any]] = []

    def create(request: Any, _: Any) -> Any:
        there.extend([{"saas_id": 7, "saas_name": "Slack"}, {"saas_id": 10, "saas_name": "Slack"}])
        return {"saas_id": 10}

    requests_mock.get(SAAS, json=lambda *_: there)
    requests_mock.post(SAAS, json=create)
    users = requests_mock.post(f"{SAAS}/7/users", text="")
    assert application().assign(["u1"]) == {}
    assert users.called


def test_find_in_incomplete_list_is_config_error(requests_mock: Mocker) -> None:
    requests_mock.get(SAAS, json=[{"saas_id": 1, "saas_name": "Zoom"}], headers={"X-Total-Count": "2"})
    with pytest.raises(AirbyteTracedException, match="does not list all of its SaaS applications") as error:
        application().find()
    assert error.value.failure_type is FailureType.config_error


@pytest.mark.parametrize(("total", "whole"), [("2", True), ("3", False)])
def test_users_listed_whole_is_known(requests_mock: Mocker, total: str, whole: bool) -> None:
    requests_mock.get(SAAS, json=[{"saas_id": 7, "saas_name": "Slack"}])
    rows = [{"user_id": "u1"}, {"user_id": "u2"}, {"user_id": None}]
    requests_mock.get(f"{SAAS}/7/users", json=rows[:2], headers={"X-Total-Count": total})
    slack = application()
    assert slack.users().keys() == {"u1", "u2"}
    assert slack.listed_whole is whole


def test_find_prefers_the_name_in_the_same_case(requests_mock: Mocker) -> None:
    requests_mock.get(SAAS, json=[{"saas_id": 7, "saas_name": "slack"}, {"saas_id": 9, "saas_name": "Slack"}])
    assert application().find() == "9"


def test_find_unknown_id_is_config_error(requests_mock: Mocker) -> None:
    requests_mock.get(f"{SAAS}/404", status_code=404, json={"error": "There is no SaaS '404'."})
    with pytest.raises(AirbyteTracedException, match=r"id 404: There is no SaaS.*record_type\.saas_id") as error:
        application(saas_id="404").users()
    assert error.value.failure_type is FailureType.config_error


def test_find_quotes_the_id_in_the_path(requests_mock: Mocker) -> None:
    requests_mock.get(f"{SAAS}/..%2Fusers", json={"saas_name": "x"})
    requests_mock.get(f"{SAAS}/..%2Fusers/users", json=[])
    assert application(saas_id="../users").users() == {}


def test_assign_rejected_creation_is_config_error(requests_mock: Mocker) -> None:
    requests_mock.get(SAAS, json=[])
    requests_mock.post(SAAS, status_code=400, json={"error": "The name is taken."})
    with pytest.raises(AirbyteTracedException, match=r"rejected the new SaaS application Slack: The name is taken"):
        application().assign(["u1"])


def test_assign_creation_never_listed_is_not_repeated(requests_mock: Mocker) -> None:
    requests_mock.get(SAAS, json=[])
    requests_mock.post(SAAS, json={})
    with pytest.raises(AirbyteTracedException, match="does not list it"):
        application().assign(["u1"])
    assert len(calls(requests_mock, "POST")) == 1


@pytest.mark.parametrize("fault", [{"exc": requests.exceptions.ReadTimeout}, {"status_code": 502}])
def test_assign_creation_in_doubt_is_looked_up(requests_mock: Mocker, fault: dict[str, Any]) -> None:
    there: list[dict[str, Any]] = []

    def create(request: Any, context: Any) -> Any:
        there.append({"saas_id": 7, "saas_name": request.json()["saas_name"]})
        if "exc" in fault:
            raise fault["exc"]
        context.status_code = fault["status_code"]
        return {}

    requests_mock.get(SAAS, json=lambda *_: there)
    requests_mock.post(SAAS, json=create)
    requests_mock.post(f"{SAAS}/7/users", text="")
    assert application().assign(["u1"]) == {}
    assert len(there) == 1


@pytest.mark.parametrize(
    ("status", "answer"), [(201, {"saas_id": "7"}), (200, {"saas_id": 7}), (200, [{"saas_id": "7"}]), (201, "7")]
)
def test_assign_creation_answered_in_any_shape(requests_mock: Mocker, status: int, answer: Any) -> None:
    requests_mock.get(SAAS, json=[])
    requests_mock.post(SAAS, status_code=status, json=answer)
    users = requests_mock.post(f"{SAAS}/7/users", text="")
    application().assign(["u1"])
    assert users.called


def test_assign_from_eight_threads_creates_once(requests_mock: Mocker) -> None:
    requests_mock.get(SAAS, json=[])
    requests_mock.post(SAAS, json={"saas_id": "7"})
    requests_mock.post(f"{SAAS}/7/users", text="")
    requests_mock.get(f"{SAAS}/7/roles", json=[])
    requests_mock.post(f"{SAAS}/7/roles", status_code=201, json={"role_id": "r1"})
    slack = application()

    def role(_: int) -> str:
        slack.assign(["u1"])
        return slack.roles.id_of("Member")

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(role, range(16))) == {"r1"}
    paths = [call.path for call in calls(requests_mock, "POST")]
    assert (paths.count("/api/v3/saas"), paths.count("/api/v3/saas/7/roles")) == (1, 1)


def test_users_creates_no_application(requests_mock: Mocker) -> None:
    requests_mock.get(SAAS, json=[])
    slack = application()
    assert slack.users() == {}
    assert slack.assign([]) == {}
    assert list(slack.rows()) == []
    assert not calls(requests_mock, "POST")


def test_find_other_case_with_case_sensitive_filter(requests_mock: Mocker) -> None:
    requests_mock.get(
        SAAS, json=lambda request, _: [] if "filter" in request.qs else [{"saas_id": 7, "saas_name": "SLACK"}]
    )
    requests_mock.get(f"{SAAS}/7/users", json=[])
    application().users()
    assert not calls(requests_mock, "POST")


def test_find_name_that_no_filter_can_hold(requests_mock: Mocker) -> None:
    name = 'Ed\'s "Slack"'
    requests_mock.get(SAAS, json=[{"saas_id": 7, "saas_name": name}])
    assert application(name=name).find() == "7"
    assert all("filter" not in request.qs for request in requests_mock.request_history)


def test_users_rejected_list_is_config_error(requests_mock: Mocker) -> None:
    requests_mock.get(SAAS, json=[{"saas_id": 7, "saas_name": "Slack"}])
    requests_mock.get(f"{SAAS}/7/users", status_code=400, json={"error": "No."})
    with pytest.raises(AirbyteTracedException, match="does not list the users of Slack: No"):
        application().users()
    requests_mock.get(f"{SAAS}/7/users", json={"users": []})
    with pytest.raises(AirbyteTracedException):
        application().users()


@pytest.mark.parametrize("paging", ["honoured", "ignored", "capped", "counted"])
def test_users_are_read_once_in_any_paging(requests_mock: Mocker, paging: str) -> None:
    everybody = [{"user_id": f"u{number}"} for number in range(1203)]

    def page(request: Any, context: Any) -> Any:
        skip, limit = int(request.qs["skip"][0]), int(request.qs["limit"][0])
        if paging == "counted":
            context.headers["X-Total-Count"] = str(len(everybody))
        if paging == "ignored":
            return everybody
        return everybody[skip : skip + min(limit, 50 if paging == "capped" else 2000)]

    requests_mock.get(SAAS, json=[{"saas_id": 7, "saas_name": "Slack"}])
    pages = requests_mock.get(f"{SAAS}/7/users", json=page)
    assert len(application().users()) == 1203
    assert pages.call_count == {"honoured": 4, "ignored": 2, "capped": 26, "counted": 3}[paging]


def test_assign_rejected_batch_is_bisected(requests_mock: Mocker) -> None:
    listed(requests_mock)

    def assign(request: Any, context: Any) -> Any:
        if "u5" in [each["user_id"] for each in request.json()]:
            context.status_code = 400
            return {"error": "There is no user u5."}
        return {}

    requests_mock.post(f"{SAAS}/7/users", json=assign)
    slack = application()
    everybody = [f"u{number}" for number in range(16)]
    slack.users()
    assert slack.assign(everybody) == {"u5": "There is no user u5."}
    assert slack.users().keys() == set(everybody) - {"u5"}
    assert len(calls(requests_mock, "POST")) == 9


def test_writes_errors_in_200_are_rejections(requests_mock: Mocker) -> None:
    listed(requests_mock, {"user_id": "u1", "roles": {"role_id": "r1", "role_external_label": "Member"}})
    requests_mock.post(f"{SAAS}/7/users/u1", json={"user_external_id": "U1", "errors": ["The id is taken."]})
    requests_mock.post(f"{SAAS}/7/roles/users", json={"role_id": "r1", "user_id": "u1", "errors": ["No licence.", "x"]})
    slack = application()
    slack.users()
    assert slack.set_external_id("u1", "U1") == {"u1": "The id is taken."}
    assert slack.roles.give("r2", slack.users()) == {"u1": "No licence., x"}
    assert slack.users()["u1"].external_id is None
    assert slack.users()["u1"].roles == ("r1",)


@pytest.mark.parametrize("named", ["saas_user_id", "user_id"])
def test_switch_errors_of_items_are_theirs(requests_mock: Mocker, named: str) -> None:
    rows: list[dict[str, Any]] = [{"user_id": f"u{number}", "active": True} for number in range(3)]
    for row in rows if named == "saas_user_id" else []:
        row["saas_user_id"] = f"s-{row['user_id']}"
    listed(requests_mock, *rows)

    def switch(request: Any, _: Any) -> Any:
        rejected = ("s-u1", "u1")
        return [
            {"saas_user_id": i, "error": "Stays." if i in rejected else None} for i in request.json()["saas_user_ids"]
        ]

    sent = requests_mock.patch(f"{HOST}/api/v3/saas_users/deactivate", json=switch)
    slack = application()
    slack.users()
    assert slack.switch(["u0", "u1", "u2"], active=False) == {"u1": "Stays."}
    assert sent.last_request.json() == {"saas_user_ids": [row.get(named) for row in rows]}
    assert [user.active for user in slack.users().values()] == [False, True, False]


def test_switch_error_of_unknown_user_is_bisected(requests_mock: Mocker) -> None:
    listed(requests_mock, *({"user_id": f"u{number}"} for number in range(4)))

    def switch(request: Any, _: Any) -> Any:
        return {"errors": ["One of them stays."]} if "u2" in request.json()["saas_user_ids"] else []

    requests_mock.patch(f"{HOST}/api/v3/saas_users/deactivate", json=switch)
    slack = application()
    slack.users()
    assert slack.switch(["u0", "u1", "u2", "u3"], active=False) == {"u2": "One of them stays."}


def test_switch_new_user_by_the_id_that_is_listed_then(requests_mock: Mocker) -> None:
    rows: list[dict[str, Any]] = []
    requests_mock.get(SAAS, json=[{"saas_id": 7, "saas_name": "Slack"}])
    requests_mock.get(f"{SAAS}/7/users", json=lambda *_: rows)
    requests_mock.post(f"{SAAS}/7/users", text="")
    sent = requests_mock.patch(f"{HOST}/api/v3/saas_users/deactivate", json=[])
    slack = application()
    slack.users()
    slack.assign(["u1"])
    rows.append({"user_id": "u1", "saas_user_id": "s1"})
    assert slack.switch(["u1"], active=False) == {}
    assert sent.last_request.json() == {"saas_user_ids": ["s1"]}


def test_user_with_shared_external_id_is_none(requests_mock: Mocker) -> None:
    ids = {"u1": "U1", "u2": "U2", "u3": "U2", "u4": "", "u5": None}
    listed(requests_mock, *({"user_id": user_id, "user_external_id": ident} for user_id, ident in ids.items()))
    slack = application()
    slack.users()
    assert [slack.user_with(ident) for ident in ("U1", "U2", "U3", None)] == ["u1", None, None, None]


def test_read_only_client_keeps_account_and_sends_nothing(requests_mock: Mocker) -> None:
    requests_mock.get(SAAS, json=[])
    slack = application(test_run=True)
    assert slack.users() == {}
    assert slack.assign(["u1"]) == slack.set_external_id("u1", "U1") == {}
    assert slack.roles.give(slack.roles.id_of("Member"), slack.users()) == slack.switch(["u1"], active=False) == {}
    assert slack.users()["u1"].external_id == "U1"
    assert {request.method for request in requests_mock.request_history} == {"GET"}
