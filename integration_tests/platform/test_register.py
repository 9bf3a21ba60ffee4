"""Tests `make register` against a strict simulation of Airbyte's public API."""

import copy
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fastapi.responses import JSONResponse, RedirectResponse
from hypothesis import example, given
from hypothesis import strategies as st

from bundle.__main__ import main
from bundle.airbyte import api_root
from bundle.configuration import Json
from bundle.errors import AirbyteError
from bundle.reconcile import differences
from bundle.spec import read_spec, with_defaults
from integration_tests.sandbox.airbyte_api import MASK, AirbyteStandIn, html_page

SLACK_TOKEN, OOMNITZA_TOKEN = "made-up slack token 4711", 'made-up oomnitza token "quoted" 0815'
SOURCE = {
    "credentials": {"auth_type": "api_token", "api_token": SLACK_TOKEN},
    "include_bots": False,
    "team_ids": ["T1"],
}
DESTINATION = {
    "instance_url": "https://acme.oomnitza.com",
    "credentials": {"auth_type": "api_token", "api_token": OOMNITZA_TOKEN},
    "default_role": 25,
    "field_mapping": [{"field": "position", "value": "title", "default": "Employee"}],
}
BUNDLE = """
connectors:
  source: {name: Slack users, directory: source-slack-users, image: 'airbyte-oomnitza/source-slack-users:0.1.0'}
  destination: {name: Oomnitza, directory: destination-oomnitza, image: 'airbyte-oomnitza/destination-oomnitza:0.1.0'}
connections:
  users:
    name: Slack users to Oomnitza
    streams: [{name: users, sync_mode: full_refresh_append}]
    schedule: {cron: "0 17 5 * * ?"}
  activity:
    name: Slack activity to Oomnitza
    enabled: false
    streams: [{name: last_logins, sync_mode: incremental_append}, {name: billable_info, sync_mode: full_refresh_append}]
    schedule: {cron: "0 47 5 * * ?"}
"""
METADATA = """
data:
  name: {name}
  dockerRepository: airbyte-oomnitza/{connector}
  dockerImageTag: 0.1.0
  documentationUrl: https://example.com/docs/{connector}.md
"""


specs = cache(read_spec)


def complete(connector: str, configuration: Json) -> Json:
    """Return the configuration with the form's defaults, as Airbyte should save it."""
    return with_defaults(specs(connector), configuration)


@pytest.fixture(autouse=True)
def _run_spec_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bundle.register.read_spec", specs)


@pytest.fixture
def airbyte() -> Iterator[AirbyteStandIn]:
    with AirbyteStandIn().running() as running:
        yield running


class Registration:
    """Runs the command in a tree with a bundle and two configurations."""

    def __init__(self, root: Path, airbyte: AirbyteStandIn, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self.airbyte, self._capsys = root, airbyte, capsys
        self.environment = {
            "AIRBYTE_URL": airbyte.url,
            "AIRBYTE_CLIENT_ID": airbyte.client_id,
            "AIRBYTE_CLIENT_SECRET": airbyte.client_secret,
            "AIRBYTE_WORKSPACE_ID": airbyte.workspace,
        }
        self.source, self.destination = copy.deepcopy(SOURCE), copy.deepcopy(DESTINATION)
        self.edit("metadata.yaml", "", BUNDLE)
        for name, connector in (("Slack Users", "source-slack-users"), ("Oomnitza", "destination-oomnitza")):
            (root / connector).mkdir()
            metadata = METADATA.replace("{name}", name).replace("{connector}", connector)
            self.edit(f"{connector}/metadata.yaml", "", metadata)

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.root / file
        path.write_text(path.read_text().replace(old, new) if old else new)

    def run(self, *flags: str) -> tuple[int, str, str]:
        for name, configuration in (("source", self.source), ("destination", self.destination)):
            (self.root / f"{name}.json").write_text(json.dumps(configuration))
            (self.root / f"{name}.json").chmod(0o600)
        files = [str(self.root / "source.json"), str(self.root / "destination.json")]
        status = main(["register", *files, *flags], self.environment, self.root)
        out, err = self._capsys.readouterr()
        for secret in (SLACK_TOKEN, OOMNITZA_TOKEN, json.dumps(OOMNITZA_TOKEN)[1:-1], self.airbyte.client_secret):
            assert secret not in out + err
        return status, out, err

    def ok(self, *flags: str) -> str:
        status, out, err = self.run(*flags)
        assert (status, err) == (0, "")
        assert self.airbyte.faults == []
        return out

    def failure(self, *flags: str) -> str:
        """Run it, and return the one line with which it fails."""
        status, _, err = self.run(*flags)
        assert status == 1
        assert err.count("\n") == 1
        assert "Traceback" not in err
        return err


@pytest.fixture
def registration(tmp_path: Path, airbyte: AirbyteStandIn, capsys: pytest.CaptureFixture[str]) -> Registration:
    return Registration(tmp_path, airbyte, capsys)


def only(things: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    (found,) = [thing for thing in things.values() if thing["name"] == name]
    return found


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


@pytest.mark.parametrize("kind", ["source", "destination"])
def test_name_of_another_connector_is_left_alone(
    registration: Registration, airbyte: AirbyteStandIn, kind: Any
) -> None:
    name = {"source": "Slack users", "destination": "Oomnitza"}[kind]
    other = airbyte.add_definition(kind, "Other", "airbyte/other")
    airbyte.add_actor(kind, name, other, {"theirs": True})

    assert f"The {kind} named '{name}' belongs to another connector" in registration.failure()
    assert only(airbyte.actors[kind], name)["configuration"] == {"theirs": True}


def test_ambiguous_name_is_an_error(registration: Registration, airbyte: AirbyteStandIn) -> None:
    registration.ok()
    source = only(airbyte.actors["source"], "Slack users")
    airbyte.add_actor("source", "Slack users", source["definitionId"], {})
    assert "There are 2 sources named 'Slack users'" in registration.failure()


def test_connection_of_others_is_left_alone(registration: Registration, airbyte: AirbyteStandIn) -> None:
    registration.ok()
    only(airbyte.connections, "Slack users to Oomnitza")["sourceId"] = "another"
    assert "joins another source and destination" in registration.failure()


def test_image_that_cannot_be_pulled_is_named(registration: Registration, airbyte: AirbyteStandIn) -> None:
    airbyte.images = set()
    assert "Could not pull airbyte-oomnitza/source-slack-users:0.1.0" in registration.failure()


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("AIRBYTE_CLIENT_SECRET", "wrong", "Check AIRBYTE_CLIENT_ID and AIRBYTE_CLIENT_SECRET"),
        ("AIRBYTE_CLIENT_SECRET", "", "Set AIRBYTE_CLIENT_SECRET"),
        ("AIRBYTE_WORKSPACE_ID", "00000000-0000-0000-0000-000000000000", "needs the role Editor or Admin"),
        ("AIRBYTE_WORKSPACE_ID", "my workspace", "is not a UUID"),
        ("AIRBYTE_URL", "http://127.0.0.1:9", "is unreachable"),
        ("AIRBYTE_URL", "http://airbyte.example.com", "use https"),
        ("AIRBYTE_URL", "airbyte.example.com", "give the address of Airbyte"),
        ("AIRBYTE_URL", "https://airbyte.example.com/workspaces/1", "without a path"),
        ("AIRBYTE_URL", "https://user:pass@airbyte.example.com", "remove them"),
    ],
)
def test_wrong_setting_is_named(registration: Registration, variable: str, value: str, sentence: str) -> None:
    registration.environment[variable] = value
    assert sentence in registration.failure()
    assert registration.airbyte.writes == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot be read: No such file"),
        ("{'credentials'", "is not JSON"),
        ("[1]", "must be a JSON object"),
        (b"\xff\xfe{", "not a text in UTF-8"),
    ],
)
def test_invalid_configuration_is_named(
    registration: Registration, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: Any, sentence: str
) -> None:
    registration.run("--dry-run")
    file = tmp_path / "source.json"
    file.unlink() if content is None else file.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert main(["register", str(file), str(tmp_path / "destination.json")], registration.environment, tmp_path) == 1
    error = capsys.readouterr().err
    assert sentence in error
    assert str(file) in error


@pytest.mark.parametrize(
    ("response", "sentence"),
    [
        (html_page(), "not JSON, so this is not Airbyte's public API"),
        (JSONResponse({"data": {"no": "rows"}}), "does not respond as Airbyte's public API does"),
        (JSONResponse({"data": [{"sourceId": n} for n in range(100)]}), "sends the same rows for every offset"),
        (
            RedirectResponse("https://elsewhere.example.com/sources"),
            "redirects to https://elsewhere.example.com/sources",
        ),
        (
            JSONResponse({"title": "t", "detail": f"bad value {SLACK_TOKEN}"}, 422),
            "returned HTTP 422: bad value ******",
        ),
        (JSONResponse({"data": {"message": json.dumps(DESTINATION)}}, 400), "returned HTTP 400"),
        (html_page(502), "returned HTTP 502: no reason given. See Airbyte's own log."),
    ],
)
def test_unexpected_response_is_a_sentence_without_secrets(
    registration: Registration, airbyte: AirbyteStandIn, response: Any, sentence: str
) -> None:
    airbyte.answer("GET" if response.status_code == 200 else "POST", "/sources", response)
    assert sentence in registration.failure()


def test_redirect_of_the_token_is_not_followed(registration: Registration, airbyte: AirbyteStandIn) -> None:
    airbyte.answer("POST", "/applications/token", RedirectResponse("http://127.0.0.1:9/"))
    assert "no access token" in registration.failure()


def test_bundle_that_contradicts_a_connector_is_not_sent(registration: Registration, airbyte: AirbyteStandIn) -> None:
    registration.edit("source-slack-users/metadata.yaml", "0.1.0", "0.3.0")
    assert "make them equal" in registration.failure()
    assert airbyte.writes == []


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


def test_only_http_addresses_are_taken() -> None:
    with pytest.raises(AirbyteError):
        api_root("file:///etc/passwd")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_characters="*", codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@given(json_values)
def test_nothing_differs_from_itself(value: Any) -> None:
    assert differences(value, copy.deepcopy(value)) == []


@example({"": {}}, "", {"": None})
@given(st.dictionaries(st.text(max_size=3), json_values, max_size=4), st.text(max_size=3), json_values)
def test_changed_place_alone_is_named(value: dict[str, Any], key: str, new: Any) -> None:
    changed = {**value, key: new}
    places = differences(changed, value)
    same = json.dumps(without_nulls(changed), sort_keys=True) == json.dumps(without_nulls(value), sort_keys=True)
    assert (places == []) == same
    assert all(place.startswith(key) for place in places)


def without_nulls(value: Any) -> Any:
    """Return the value without null keys, which Airbyte does not save."""
    if isinstance(value, list):
        return [without_nulls(each) for each in value]
    if isinstance(value, dict):
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    return value


def test_mask_hides_a_secret_but_not_its_absence() -> None:
    assert differences({"api_token": "abc"}, {"api_token": MASK}) == []
    assert differences({}, {"api_token": MASK}) == ["api_token"]
    assert differences({"api_token": 5}, {"api_token": MASK}) == ["api_token"]
    assert differences({"flag": 1}, {"flag": True}) == ["flag"]
