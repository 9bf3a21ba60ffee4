"""Parses the configuration into typed settings.

`spec.yaml` describes the same settings for the Airbyte UI.
"""

import ipaddress
import pkgutil
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import requests
import yaml
from airbyte_cdk.utils.datetime_helpers import ab_datetime_parse
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from source_slack_users.errors import config_error

XOX_PATTERN = r"^(xoxe\.)?xox[a-z]-[A-Za-z0-9._-]+$"
"""Pattern of bot (xoxb-) and user tokens (xoxp-), with rotation (xoxe.xoxb-) too; no app-level tokens (xapp-)."""

SIMILAR = 0.8
"""Least similarity, from 0 to 1, at which a name counts as a misspelling of another."""


def _secret(value: str) -> str:
    value = value.strip()
    if not re.fullmatch(r"[!-~]+", value):
        raise ValueError("is empty, or holds a character that Slack's tokens and secrets do not have; copy it again")
    return value


def _token(value: str) -> str:
    if not re.fullmatch(XOX_PATTERN, value):
        raise ValueError(
            "must begin with xoxb- or xoxp-, without quotes or blanks around it; an app-level token (xapp-) cannot list people"
        )
    return value


def _address(value: str) -> str:
    """Validate the address of the Web API, and end it with a slash."""
    try:
        requests.PreparedRequest().prepare_url(value, None)
        url = urlsplit(value)
        host, _ = url.hostname, url.port
        (host or "").encode("idna")  # as the DNS lookup does: rejects empty labels, and those of more than 63 letters
    except ValueError:
        host = None
    if not host or url.query or url.fragment or url.username is not None:
        raise ValueError("must be an address such as https://slack.com/api/")
    if url.scheme != "https" and not (url.scheme == "http" and is_loopback(host)):
        raise ValueError("must begin with https:// (http:// is allowed only for a host on this machine)")
    return value.rstrip("/") + "/"


def is_loopback(host: str) -> bool:
    """Return whether a host name or IP address means this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _moment(value: Any) -> Any:
    """Parse a date-time; None for the empty text that the Airbyte UI sends for none."""
    if not isinstance(value, str):
        return value
    try:
        return ab_datetime_parse(value) if value.strip() else None
    except ValueError:
        raise ValueError("must be a date-time such as 2026-01-31T12:00:00Z") from None


def _optional_secret(value: str) -> str:
    return _secret(value) if value.strip() else ""


Secret = Annotated[str, AfterValidator(_secret)]
Token = Annotated[str, AfterValidator(_token)]


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)


class ApiToken(_Model):
    """Holds a token of a Slack app, entered by hand."""

    auth_type: Literal["api_token"]
    api_token: Token


class OAuth(_Model):
    """Holds the tokens that "Authenticate" returns.

    There is a refresh token if the Slack app rotates its tokens.
    """

    auth_type: Literal["oauth2.0"]
    client_id: Secret
    client_secret: Secret
    access_token: Token
    refresh_token: Annotated[str, AfterValidator(_optional_secret)] = ""
    token_expiry_date: Annotated[datetime | None, BeforeValidator(_moment)] = None


class Config(_Model):
    """Holds the whole configuration.

    Unknown keys are ignored, because the Airbyte platform adds its own.
    """

    credentials: ApiToken | OAuth = Field(discriminator="auth_type")
    team_ids: list[Annotated[str, Field(min_length=1)]] = []
    include_deactivated: bool = True
    include_guests: bool = True
    include_bots: bool = False
    include_external: bool = True
    include_custom_fields: bool = False
    page_size: int = Field(1000, ge=1, le=1000)
    api_url: Annotated[str, AfterValidator(_address)] = "https://slack.com/api/"


_CREDENTIALS: Mapping[Any, type[_Model]] = {"api_token": ApiToken, "oauth2.0": OAuth}


def parse_config(raw: Mapping[str, Any]) -> Config:
    """Parse the configuration.

    Raises AirbyteTracedException (config_error), which names the invalid setting and never quotes its value.
    """
    misspelt = [f"{name}: did you mean {meant}?" for name, meant in _unknown(raw) if meant]
    if misspelt:
        raise config_error(f"The configuration is not valid: {' '.join(misspelt)}")
    try:
        return Config.model_validate(given_settings(raw))
    except ValidationError as error:
        raise config_error(_sentence(error)) from None


def given_settings(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that are neither null nor "", which forms send if unset."""
    settings = {name: value for name, value in raw.items() if value not in (None, "")}
    if isinstance(settings.get("credentials"), Mapping):
        settings["credentials"] = {name: value for name, value in settings["credentials"].items() if value is not None}
    return settings


def unknown_settings(raw: Mapping[str, Any]) -> list[str]:
    """Return the names in a configuration that neither are nor resemble a setting."""
    return [name for name, meant in _unknown(raw) if not meant]


def _unknown(raw: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Yield each unknown name, and the setting that it resembles or None."""
    yield from _unknown_of(raw, Config.model_fields, "")
    credentials = raw.get("credentials")
    if isinstance(credentials, Mapping):
        every = {name for model in _CREDENTIALS.values() for name in model.model_fields}
        kind = credentials.get("auth_type")
        known = _CREDENTIALS[kind].model_fields if isinstance(kind, str) and kind in _CREDENTIALS else every
        yield from _unknown_of(credentials, known, "credentials.", every)


def _unknown_of(
    given: Mapping[str, Any], known: Collection[str], prefix: str, of_choice: Collection[str] = ()
) -> Iterator[tuple[str, str | None]]:
    """Yield as `_unknown`; `of_choice` are the settings of all options of a choice."""
    plain = {re.sub(r"[-_. ]", "", name).lower(): name for name in of_choice or known}
    for name, value in given.items():
        if name in known or value is None or name.startswith("__"):  # the platform adds such names
            continue
        # A setting of another option is not misspelt; it has no effect.
        like = [] if name in of_choice else get_close_matches(re.sub(r"[-_. ]", "", name).lower(), plain, 1, SIMILAR)
        # A secret may have been pasted in place of a name.
        shown = name if re.fullmatch(r"[A-Za-z][A-Za-z_. -]{0,40}", name) else "a name that is no word"
        yield f"{prefix}{shown}", plain[like[0]] if like else None


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = [str(part) for part in first["loc"]]
    kind = None
    if first["type"].startswith("union_tag"):
        where, message = ["credentials", "auth_type"], "must be api_token or oauth2.0"
    else:
        kind = where[1] if where[0] == "credentials" and len(where) > 1 else None
        del where[1 : len(where) - 1]  # in credentials, pydantic puts auth_type's value between the two names
        message = (
            first["msg"]
            .removeprefix("Value error, ")
            .replace("Input should", "must", 1)
            .replace("String should", "must", 1)
        )
    message = {"missing": "is missing", "model_attributes_type": "must be an object"}.get(first["type"], message)
    return f"The configuration is not valid: {_title(where, kind)} ({'.'.join(where)}) {message}."


def _title(where: list[str], kind: str | None) -> str:
    """Return the title of a setting in the form; that of its group if it has none."""
    field = form()["properties"].get(where[0], {})
    for option in field.get("oneOf", []):
        if option["properties"]["auth_type"]["const"] == kind and len(where) > 1:
            field = {"title": field["title"]} | option["properties"].get(where[1], {})
    return str(field.get("title", where[0]))


@cache
def form() -> dict[str, Any]:
    """Return the JSON schema of the form."""
    spec: dict[str, Any] = yaml.safe_load(pkgutil.get_data("source_slack_users", "spec.yaml") or b"")
    return dict(spec["connectionSpecification"])
