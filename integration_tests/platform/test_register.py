"""Tests of `make register`: what it creates, updates and leaves alone."""

import copy

import pytest
from fastapi.responses import JSONResponse

from bundle.airbyte import api_root
from integration_tests.platform.registration import DESTINATION, SOURCE, Registration, complete, only
from integration_tests.sandbox.airbyte_api import AirbyteStandIn


def test_fresh_workspace_gets_everything(registration: Registration, airbyte: AirbyteStandIn) -> None:
    out = registration.ok()

    definition = only(airbyte.definitions["source"], "Slack Users")
    assert definition["dockerRepository"] == "airbyte-oomnitza/source-slack-users"
    assert definition["dockerImageTag"] == "0.1.0"
    assert definition["documentationUrl"] == "https://example.com/docs/source-slack-users.md"
    source = only(airbyte.actors["source"], "Slack users")
    assert source["definitionId"] == definition["id"]
    assert source["configuration"] == complete("source-slack-users", SOURCE)
    destination = only(airbyte.actors["destination"], "Oomnitza")
    assert destination["definitionId"] == only(airbyte.definitions["destination"], "Oomnitza")["id"]
    assert destination["configuration"] == complete("destination-oomnitza", DESTINATION)
    connection = only(airbyte.connections, "Slack users to Oomnitza")
    assert (connection["sourceId"], connection["destinationId"]) == (source["sourceId"], destination["destinationId"])
    assert connection["schedule"] == {"scheduleType": "cron", "cronExpression": "0 17 5 * * ? UTC"}
    (stream,) = connection["configurations"]["streams"]
    assert (stream["name"], stream["syncMode"]) == ("users", "full_refresh_append")
    assert connection["status"] == "active"
    activity = only(airbyte.connections, "Slack activity to Oomnitza")
    assert activity["status"] == "inactive"
    assert {each["name"]: each["syncMode"] for each in activity["configurations"]["streams"]} == {
        "last_logins": "incremental_append",
        "billable_info": "full_refresh_append",
    }
    assert out.count("created") == 6
    assert out.endswith("6 changed.\n")


def test_running_it_again_changes_nothing(registration: Registration, airbyte: AirbyteStandIn) -> None:
    registration.ok()
    writes = list(airbyte.writes)
    before = copy.deepcopy((airbyte.definitions, airbyte.actors, airbyte.connections))

    out = registration.ok()

    assert airbyte.writes == writes
    assert (airbyte.definitions, airbyte.actors, airbyte.connections) == before
    assert out.count("unchanged") == 6
    assert out.endswith("Nothing changed.\n")


@pytest.mark.parametrize("first", [False, True])
def test_dry_run_prints_the_plan_and_writes_nothing(
    registration: Registration, airbyte: AirbyteStandIn, first: bool
) -> None:
    if first:
        registration.ok()
        registration.source["include_bots"] = True
    writes = list(airbyte.writes)

    out = registration.ok("--dry-run")

    assert airbyte.writes == writes
    assert out.count("would create") == (0 if first else 6)
    assert ("source                  Slack users (include_bots)" in out) == first
    assert out.endswith("1 would be changed.\n" if first else "6 would be changed.\n")


def test_new_version_updates_the_definition_alone(registration: Registration, airbyte: AirbyteStandIn) -> None:
    registration.ok()
    airbyte.writes.clear()
    registration.edit("metadata.yaml", "destination-oomnitza:0.1.0", "destination-oomnitza:0.2.0")
    registration.edit("destination-oomnitza/metadata.yaml", "0.1.0", "0.2.0")

    out = registration.ok()

    definition = only(airbyte.definitions["destination"], "Oomnitza")
    assert definition["dockerImageTag"] == "0.2.0"
    assert airbyte.writes == [f"PUT /workspaces/{airbyte.workspace}/definitions/destinations/{definition['id']}"]
    assert "image tag 0.1.0 -> 0.2.0" in out


def test_changed_setting_is_replaced_and_the_secret_kept(registration: Registration, airbyte: AirbyteStandIn) -> None:
    registration.ok()
    # A sync has renewed the token meanwhile, so the file holds the used one.
    source = only(airbyte.actors["source"], "Slack users")
    source["configuration"]["credentials"]["api_token"] = "renewed by a sync"
    del registration.source["team_ids"]
    registration.source["page_size"] = 200

    out = registration.ok()

    assert source["configuration"] == complete(
        "source-slack-users",
        {
            "credentials": {"auth_type": "api_token", "api_token": "renewed by a sync"},
            "include_bots": False,
            "page_size": 200,
        },
    )
    assert "(page_size; team_ids)" in out


def test_renewed_oauth_token_is_no_difference(registration: Registration, airbyte: AirbyteStandIn) -> None:
    registration.source["credentials"] = {
        "auth_type": "oauth2.0",
        "client_id": "1",
        "client_secret": "2",
        "access_token": "3",
        "refresh_token": "4",
        "token_expiry_date": "2026-01-01T00:00:00Z",
    }
    registration.ok()
    credentials = only(airbyte.actors["source"], "Slack users")["configuration"]["credentials"]
    credentials |= {"access_token": "5", "refresh_token": "6", "token_expiry_date": "2026-01-01T12:00:00Z"}

    assert registration.ok().endswith("Nothing changed.\n")


def test_resend_secrets_brings_a_new_token(registration: Registration, airbyte: AirbyteStandIn) -> None:
    registration.ok()
    registration.source["credentials"]["api_token"] = "a new token"
    assert "secrets are hidden" in registration.ok()

    registration.ok("--resend-secrets")

    assert only(airbyte.actors["source"], "Slack users")["configuration"]["credentials"]["api_token"] == "a new token"


def test_another_kind_of_credentials_is_sent_whole(registration: Registration, airbyte: AirbyteStandIn) -> None:
    registration.ok()
    password = {"auth_type": "password", "username": "airbyte", "password": "made-up"}
    registration.destination["credentials"] = password

    registration.ok()

    assert only(airbyte.actors["destination"], "Oomnitza")["configuration"]["credentials"] == password


def test_connection_changed_in_the_ui_is_corrected(registration: Registration, airbyte: AirbyteStandIn) -> None:
    registration.ok()
    connection = only(airbyte.connections, "Slack users to Oomnitza")
    connection["schedule"] = {"scheduleType": "basic", "basicTiming": "Every 24 HOURS"}
    connection["configurations"]["streams"].append({"name": "last_logins", "syncMode": "incremental_append"})
    connection["status"] = "inactive"

    out = registration.ok()

    assert connection["schedule"] == {"scheduleType": "cron", "cronExpression": "0 17 5 * * ? UTC"}
    assert [stream["name"] for stream in connection["configurations"]["streams"]] == ["users"]
    assert "Every 24 HOURS -> 0 17 5 * * ? UTC" in out
    assert connection["status"] == "inactive"  # who paused it meant it


def test_register_finds_its_own_among_many(registration: Registration, airbyte: AirbyteStandIn) -> None:
    registration.ok()
    others = [airbyte.actors["source"], airbyte.actors["destination"], airbyte.connections]
    for things in others:
        kept = dict(things)
        ours = next(iter(kept.values()))
        things.clear()
        # Three pages, ours on the last.
        things.update({str(number): {**copy.deepcopy(ours), "name": f"Other {number}"} for number in range(230)})
        things.update(kept)

    assert registration.ok().endswith("Nothing changed.\n")


def test_register_continues_after_a_failure(registration: Registration, airbyte: AirbyteStandIn) -> None:
    airbyte.answer("POST", "/destinations", JSONResponse({"title": "unexpected-problem"}, 500))
    assert "Cannot create the destination: Airbyte returned HTTP 500: unexpected-problem" in registration.failure()
    airbyte.answers.clear()

    out = registration.ok()

    assert out.count("created") == 3
    assert len(airbyte.actors["source"]) == 1


def test_connection_of_others_is_left_alone(registration: Registration, airbyte: AirbyteStandIn) -> None:
    registration.ok()
    only(airbyte.connections, "Slack users to Oomnitza")["sourceId"] = "another"
    assert "joins another source and destination" in registration.failure()


@pytest.mark.parametrize(
    ("given_url", "root"),
    [
        ("http://localhost:8000", "http://localhost:8000/api/public/v1"),
        ("https://airbyte.example.com/", "https://airbyte.example.com/api/public/v1"),
        ("https://airbyte.example.com/api/public/v1/", "https://airbyte.example.com/api/public/v1"),
        ("http://[::1]:8000", "http://[::1]:8000/api/public/v1"),
    ],
)
def test_address_of_the_ui_is_enough(given_url: str, root: str) -> None:
    assert api_root(given_url) == root
