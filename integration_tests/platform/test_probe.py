"""Tests that `probe` reports the sandbox's switches, and can set them."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests_mock

from bundle.__main__ import main
from bundle.errors import ServiceError
from bundle.http import Response
from bundle.probe.findings import Finding, ask, table
from bundle.probe.oomnitza import OomnitzaProbe
from bundle.probe.oomnitza_saas import SaasQuestions, shape_of_roles
from bundle.probe.slack import SlackProbe
from integration_tests.sandbox import Fault, Sandbox
from integration_tests.sandbox.__main__ import behave_like
from integration_tests.sandbox.oomnitza.switches import Switches

PEOPLE = 40


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(people=PEOPLE) as running:
        oomnitza = running.oomnitza
        people = [oomnitza.add_person(phone_number="", position="Clerk") for _ in range(6)]
        oomnitza.archive(oomnitza.add_person())
        saas_id = oomnitza.add_application("Slack")
        for person in people:
            oomnitza.assign(saas_id, person)
        yield running


def slack_configuration(sandbox: Sandbox, token: str | None = None) -> dict[str, Any]:
    credentials = {"auth_type": "api_token", "api_token": token or sandbox.slack.admin_token}
    return {"credentials": credentials, "api_url": sandbox.slack_url}


def oomnitza_configuration(sandbox: Sandbox) -> dict[str, Any]:
    credentials = {"auth_type": "api_token", "api_token": sandbox.oomnitza.token}
    return {"credentials": credentials, "instance_url": sandbox.oomnitza_url}


def switches(findings: Iterator[Finding]) -> dict[str, Any]:
    return {name: value for finding in findings for name, value in finding.switches.items()}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("case_sensitive", False),
        ("case_sensitive", True),
        ("backslash_escapes", False),
        ("backslash_escapes", True),
        ("unsorted", "created"),
        ("unsorted", "shuffled"),
        ("max_page", 2000),
        ("max_page", 500),
        ("above_max_page", "rejected"),
        ("above_max_page", "capped"),
        ("total_count", "exact"),
        ("total_count", "absent"),
        ("total_count", "page"),
        ("total_count", "text"),
        ("total_count", "unfiltered"),
        ("archived", "listed"),
        ("archived", "hidden"),
        ("meta_status", 200),
        ("meta_status", 403),
        ("meta_status", 404),
        ("flags", ("1", "0")),
        ("flags", ("true", "false")),
        ("empty", "empty"),
        ("empty", "null"),
        ("empty", "absent"),
        ("csrf", "off"),
        ("csrf", "offered"),
        ("saas_activity", None),
        ("saas_activity", "deactivated"),
        ("saas_activity", "active"),
        ("saas_activity", "is_active"),
        ("saas_activity", "status"),
        ("saas_user_id", True),
        ("saas_user_id", False),
        ("saas_users_paging", True),
        ("saas_users_paging", False),
        ("unknown_connector_status", 200),
        ("unknown_connector_status", 404),
    ],
)
def test_probe_of_oomnitza_says_what_the_switch_is(sandbox: Sandbox, name: str, value: Any) -> None:
    further = {"max_page": 3} if name == "above_max_page" else {}
    with sandbox.oomnitza.switches.temporarily(**{name: value}, **further):
        found = switches(OomnitzaProbe(oomnitza_configuration(sandbox)).findings())
    if name == "above_max_page":
        # A capped page is visible only if there are more people than it holds.
        assert found.get("above_max_page") == value
    elif name == "max_page" and value == 2000:
        assert found["max_page"] == 2000
    else:
        found["flags"] = tuple(found.get("flags", ("1", "0")))
        assert found[name] == value


def test_probe_of_saas_users_sees_that_skip_is_ignored() -> None:
    """The sandbox has no such switch."""

    def get(path: str, limit: int, skip: int = 0) -> Response:
        rows = [{"user_id": 1}, {"user_id": 2}] if path.endswith("/users") else [{"saas_id": 7, "saas_name": "Slack"}]
        return Response(200, {}, json.dumps(rows[:limit]).encode())

    finding = SaasQuestions(get, {}).paging()
    assert (finding.answer, finding.switches) == ("`skip` is ignored", {})


@pytest.mark.parametrize(("name", "value"), [("scopes_header", True), ("scopes_header", False), ("largest_page", 200)])
def test_probe_of_slack_says_what_the_switch_is(sandbox: Sandbox, name: str, value: Any) -> None:
    before = getattr(sandbox.slack.switches, name)
    setattr(sandbox.slack.switches, name, value)
    try:
        found = switches(SlackProbe(slack_configuration(sandbox)).findings())
    finally:
        setattr(sandbox.slack.switches, name, before)
    assert found[name] == value


def test_probe_reads_only(sandbox: Sandbox) -> None:
    sandbox.requests.clear()
    list(SlackProbe(slack_configuration(sandbox)).findings())
    list(OomnitzaProbe(oomnitza_configuration(sandbox)).findings())
    assert {exchange.method for exchange in sandbox.requests.matching()} == {"GET"}


def test_probe_tells_which_streams_work(sandbox: Sandbox) -> None:
    bot, admin = (
        {finding.question: finding.answer for finding in SlackProbe(slack_configuration(sandbox, token)).findings()}
        for token in (sandbox.slack.token, sandbox.slack.admin_token)
    )
    assert bot["Stream users"] == admin["Stream users"] == "works"
    assert bot["Stream last_logins"].startswith("does not work: ")
    assert admin["Stream last_logins"] == "works"
    assert (bot["Kind of token"], admin["Kind of token"]) == ("bot token", "user token")


def test_probe_of_a_grid_counts_its_workspaces(sandbox: Sandbox) -> None:
    found = SlackProbe(slack_configuration(sandbox, sandbox.slack.org_token)).findings()
    assert "an organization of 2 workspaces" in {finding.answer for finding in found}


def test_probe_shows_and_saves_nobodys_data(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, configuration in (("s", slack_configuration(sandbox)), ("d", oomnitza_configuration(sandbox))):
        (tmp_path / name).write_text(json.dumps(configuration))
        (tmp_path / name).chmod(0o600)
    file = tmp_path / "answers.json"
    arguments = ["probe", str(tmp_path / "s"), str(tmp_path / "d"), "--save", str(file)]
    assert main(arguments, {"HOME": str(tmp_path)}) == 0

    out, err = capsys.readouterr()
    assert err == ""
    shown = (out + file.read_text()).lower()
    personal = [sandbox.slack.admin_token, sandbox.oomnitza.token, sandbox.oomnitza_url, "acme"]
    for member in sandbox.slack.members():
        personal += [member["id"], member["name"], str(member["profile"].get("email") or "@")]
    personal += [str(person["email"]) for person in sandbox.oomnitza.people()]
    assert [each for each in personal if each.lower() in shown] == []
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "Is a SaaS user active?" in out


def test_sandbox_behaves_like_a_saved_probe(sandbox: Sandbox) -> None:
    with sandbox.oomnitza.switches.temporarily(
        flags=("true", "false"), saas_activity="status", total_count="absent", case_sensitive=True
    ):
        saved = switches(OomnitzaProbe(oomnitza_configuration(sandbox)).findings())
    with Sandbox(people=2) as like:
        behave_like(like, {"oomnitza": {"switches": json.loads(json.dumps(saved))}, "slack": {"switches": {}}})
        assert like.oomnitza.switches.flags == ("true", "false")
        assert like.oomnitza.switches.saas_activity == "status"
        assert like.oomnitza.switches.total_count == "absent"
        assert like.oomnitza.switches.case_sensitive


@pytest.mark.parametrize("service", ["slack", "oomnitza"])
def test_wrong_token_is_a_sentence(sandbox: Sandbox, service: str) -> None:
    build, probe = {
        "slack": (slack_configuration, SlackProbe),
        "oomnitza": (oomnitza_configuration, OomnitzaProbe),
    }[service]
    configuration = build(sandbox)
    configuration["credentials"]["api_token"] = "wrong"
    with pytest.raises(ServiceError, match=r"Check the"):
        list(probe(configuration).findings())


def test_error_that_repeats_the_token_is_not_shown() -> None:
    token = "xoxb-made-up-token"
    with requests_mock.Mocker() as http, pytest.raises(ServiceError, match=r"failed \(no code\)"):
        http.get("https://slack.com/api/auth.test", json={"ok": False, "error": f"unknown token {token}"})
        list(SlackProbe({"credentials": {"auth_type": "api_token", "api_token": token}}).findings())


def test_broken_answer_does_not_end_the_probe(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("reset_before", service="oomnitza", path=r"/api/v3/users/meta", times=10))
    try:
        found = list(OomnitzaProbe(oomnitza_configuration(sandbox)).findings())
    finally:
        sandbox.faults.clear()
    assert [finding.question for finding in found if finding.answer.startswith("no answer")] == [
        "metadata",
        "mandatory fields",
        "roles",
    ]
    assert any(finding.question == "Case of matches" for finding in found)


def test_probe_of_a_stream_without_response_goes_on(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("reset_before", service="slack", path=r".*team\.accessLogs", times=10))
    try:
        found = {each.question: each.answer for each in SlackProbe(slack_configuration(sandbox)).findings()}
    finally:
        sandbox.faults.clear()
    assert found["Stream last_logins"].startswith("no answer: it is unreachable")
    assert found["Stream user_groups"] == "works"


def test_http_beyond_this_machine_is_refused() -> None:
    with pytest.raises(ServiceError, match="https"):
        SlackProbe({"api_url": "http://slack.example.com/api/"})
    with pytest.raises(ServiceError, match="https"):
        OomnitzaProbe({"instance_url": "http://acme.oomnitza.com"})


def test_table_wraps_long_answers() -> None:
    lines = table("Slack", ask([lambda: Finding("Q", "word " * 30, "E")])).splitlines()
    assert max(map(len, lines)) <= 130
    assert len(lines) > 5


@pytest.mark.parametrize(
    ("roles", "shape"),
    [
        (None, None),
        ({"role_id": "r1"}, "object"),
        ([{"role_id": "r1"}], "list"),
        ([{"role_external_label": "Member"}], "without_ids"),
        (["Member"], "names"),
    ],
)
def test_shape_of_roles_is_a_word_of_the_sandbox(roles: Any, shape: str | None) -> None:
    assert shape_of_roles(roles) == shape
    if shape is not None:
        Switches().saas_roles = shape  # raises ValueError for another word
