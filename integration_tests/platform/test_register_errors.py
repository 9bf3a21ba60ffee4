"""Tests of errors of `make register`: each is named."""

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi.responses import JSONResponse, RedirectResponse

from bundle.__main__ import main
from bundle.airbyte import api_root
from bundle.errors import AirbyteError
from integration_tests.platform.registration import DESTINATION, SLACK_TOKEN, Registration, only
from integration_tests.sandbox.airbyte_api import AirbyteStandIn, html_page


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


def test_only_http_addresses_are_taken() -> None:
    with pytest.raises(AirbyteError):
        api_root("file:///etc/passwd")
