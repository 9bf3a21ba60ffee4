"""The configuration, read once into types. Its shape is known here, and in `spec.yaml` for the Airbyte UI."""

import ipaddress
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import requests
from airbyte_cdk.utils.datetime_helpers import ab_datetime_parse
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from source_slack_users.errors import config_error


def _secret(value: str) -> str:
    value = value.strip()
    if not re.fullmatch(r"[!-~]+", value):
        raise ValueError("is empty, or holds a character that Slack's tokens and secrets do not have; copy it again")
    return value


def _address(value: str) -> str:
    """Check the address of the Web API, and let it end with a slash."""
    try:
        requests.PreparedRequest().prepare_url(value, None)
        url = urlsplit(value)
        host, _ = url.hostname, url.port
        (host or "").encode("idna")  # as the look-up of the name does: no label is empty, or longer than 63 letters
    except ValueError:
        host = None
    if not host or url.query or url.fragment or url.username is not None:
        raise ValueError("must be an address such as https://slack.com/api/")
    if url.scheme != "https" and not (url.scheme == "http" and is_loopback(host)):
        raise ValueError("must begin with https:// (http:// is allowed only for a host on this machine)")
    return value.rstrip("/") + "/"


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _moment(value: Any) -> Any:
    """Read a date-time; the Airbyte UI leaves an empty text where none was given."""
    if not isinstance(value, str):
        return value
    try:
        return ab_datetime_parse(value) if value.strip() else None
    except ValueError:
        raise ValueError("must be a date-time such as 2026-01-31T12:00:00Z") from None


def _optional_secret(value: str) -> str:
    return _secret(value) if value.strip() else ""


Secret = Annotated[str, AfterValidator(_secret)]


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)


class ApiToken(_Model):
    """A token of a Slack app, entered by hand."""

    auth_type: Literal["api_token"]
    api_token: Secret


class OAuth(_Model):
    """What "Authenticate" gives; with a refresh token where the Slack app rotates its tokens."""

    auth_type: Literal["oauth2.0"]
    client_id: Secret
    client_secret: Secret
    access_token: Secret
    refresh_token: Annotated[str, AfterValidator(_optional_secret)] = ""
    token_expiry_date: Annotated[datetime | None, BeforeValidator(_moment)] = None


class Config(_Model):
    """The whole configuration. Keys that it does not know are ignored: the Airbyte platform adds its own."""

    credentials: ApiToken | OAuth = Field(discriminator="auth_type")
    team_ids: list[Annotated[str, Field(min_length=1)]] = []
    include_deactivated: bool = True
    include_guests: bool = True
    include_bots: bool = False
    include_external: bool = True
    include_custom_fields: bool = False
    page_size: int = Field(1000, ge=1, le=1000)
    api_url: Annotated[str, AfterValidator(_address)] = "https://slack.com/api/"


def parse_config(raw: Mapping[str, Any]) -> Config:
    """Read the configuration.

    Raises AirbyteTracedException (config_error) that names the first setting that is wrong, and never its value.
    """
    try:
        return Config.model_validate(given_settings(raw))
    except ValidationError as error:
        raise config_error(_sentence(error)) from None


def given_settings(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out of a configuration what is null, and settings that are "": forms and files write so what was not given."""
    settings = {name: value for name, value in raw.items() if value not in (None, "")}
    if isinstance(settings.get("credentials"), Mapping):
        settings["credentials"] = {name: value for name, value in settings["credentials"].items() if value is not None}
    return settings


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = [str(part) for part in first["loc"]]
    if first["type"].startswith("union_tag"):
        where, message = ["credentials", "auth_type"], "must be api_token or oauth2.0"
    else:
        del where[1 : len(where) - 1]  # in credentials, pydantic puts the kind between the two names
        message = (
            first["msg"]
            .removeprefix("Value error, ")
            .replace("Input should", "must", 1)
            .replace("String should", "must", 1)
        )
    if first["type"] == "missing":
        message = "is missing"
    return f"The configuration is not valid: {'.'.join(where)} {message}."
