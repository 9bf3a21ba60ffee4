"""The configuration: the only module that knows its shape.

`Config.parse` turns what the administrator filled in into types; `connection_specification` is the form of the Airbyte UI,
made from the same types, so that the two cannot drift apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from ipaddress import ip_address
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

WriteMode = Literal["create_and_update", "create_only", "update_only"]

_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", re.IGNORECASE)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def instance_origin(text: str) -> str:
    """Return the origin of an Oomnitza instance, without a trailing slash.

    "acme" and "acme.oomnitza.com" mean the same; a path pasted from the browser is dropped.
    Raises ValueError, with a sentence, for what is no address or would send the token in the clear.
    """
    text = text.strip()
    if not text:
        raise ValueError("is empty; give the address of your Oomnitza, for example https://acme.oomnitza.com")
    parts = urlsplit(text if "://" in text else f"https://{text}")
    if parts.username or parts.password:
        raise ValueError("must not hold a user name or password; those belong under Credentials")
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if (host and ":" not in host and not _HOST.fullmatch(host)) or not host:
        raise ValueError("is not an address; it looks like https://acme.oomnitza.com")
    if "." not in host and ":" not in host and host != "localhost":
        host = f"{host}.oomnitza.com"
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise ValueError("must begin with https://, so that the token travels encrypted (http only for this machine)")
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}" + (f":{port}" if port else "")


def _blank_is_none(value: Any) -> Any:
    """Forms send "" for a field that was left empty."""
    return None if isinstance(value, str) and not value.strip() else value


def _not_blank(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().strip():
        raise ValueError("is empty")
    return value


OptionalText = Annotated[str | None, BeforeValidator(_blank_is_none)]
Secret = Annotated[SecretStr, AfterValidator(_not_blank)]


def _ui(order: int, **more: Any) -> dict[str, Any]:
    return {"order": order, **more}


class _Form(BaseModel):
    # The platform and older configurations may hold settings that this version does not know.
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class ApiTokenCredentials(_Form):
    """An API token, made in Oomnitza under Configuration > Security > API tokens."""

    model_config = ConfigDict(title="API token")
    auth_type: Literal["api_token"] = Field(json_schema_extra=_ui(0))
    api_token: Secret = Field(
        title="API token",
        description="Made in Oomnitza under Configuration > Security > API tokens. Best for a user of its own, "
        "whose role may read and edit People (and Software > SaaS, if you sync SaaS users).",
        json_schema_extra=_ui(1, airbyte_secret=True),
    )


class PasswordCredentials(_Form):
    """User name and password, exchanged for a token at the start of each sync."""

    model_config = ConfigDict(title="User name and password")
    auth_type: Literal["password"] = Field(json_schema_extra=_ui(0))
    username: str = Field(
        title="User name",
        description="The user name with which this user signs in to Oomnitza.",
        examples=["airbyte"],
        min_length=1,
        json_schema_extra=_ui(1),
    )
    password: Secret = Field(
        title="Password",
        description="The password of that user. It is exchanged for a token at the start of each sync. "
        "Users who sign in by single sign-on have none: use an API token.",
        json_schema_extra=_ui(2, airbyte_secret=True),
    )


class UserRecords(_Form):
    """Write people only."""

    model_config = ConfigDict(title="User only")
    type: Literal["user"] = Field(json_schema_extra=_ui(0))


class UserAndSaasUserRecords(_Form):
    """Write people, and who of them uses an application of Software > SaaS."""

    model_config = ConfigDict(title="User plus SaaS user")
    type: Literal["user_and_saas_user"] = Field(json_schema_extra=_ui(0))
    saas_name: str = Field(
        title="SaaS application",
        description="The application's name under Software > SaaS. It is added there if it is not there yet.",
        examples=["Slack"],
        min_length=1,
        json_schema_extra=_ui(1),
    )
    saas_id: OptionalText = Field(
        default=None,
        title="SaaS application id",
        description="Only needed where several applications have the same name: the id of the one that is meant.",
        json_schema_extra=_ui(2),
    )
    external_id: str = Field(
        default="id",
        title="Id in the application",
        description="Where in a record the person's id in the application stands: a path, or a template.",
        examples=["id"],
        min_length=1,
        json_schema_extra=_ui(3),
    )
    role: OptionalText = Field(
        default="role",
        title="Role in the application",
        description="Where in a record the person's role in the application stands: a path, or a template. Leave it empty to set no roles.",
        examples=["role"],
        json_schema_extra=_ui(4),
    )


class FieldMapping(_Form):
    """One Oomnitza field and the value that it gets."""

    # A misspelt option of an entry would silently do nothing.
    model_config = ConfigDict(extra="forbid", title="Field")
    field: str = Field(
        title="Oomnitza field",
        description="The field's id in Oomnitza (Configuration > Customization shows it as API name), for example username or position.",
        examples=["position"],
        min_length=1,
        json_schema_extra=_ui(0),
    )
    value: OptionalText = Field(
        default=None,
        title="Value",
        description="A path into the record (title, profile.fields[0].name), or a template if it holds {{ or {%. "
        "Leave it empty and give a default to write the same value for everybody.",
        examples=["title", "{{ record['first_name'] }} {{ record['last_name'] }}"],
        json_schema_extra=_ui(1),
    )
    default: str | int | float | bool | None = Field(
        default=None,
        title="Default",
        description="Written where the record has no value. With no value above, a constant.",
        examples=["Employee"],
        json_schema_extra=_ui(2, type=["string", "number", "boolean"]),
    )
    if_empty_only: bool = Field(
        default=False,
        title="Only if empty",
        description="Write the value only where the field is empty in Oomnitza, so that what people entered there stays.",
        json_schema_extra=_ui(3),
    )
    write_empty: bool = Field(
        default=False,
        title="Write empty values",
        description="Also empty the field in Oomnitza where the record has no value. Otherwise the old value stays.",
        json_schema_extra=_ui(4),
    )

    @model_validator(mode="after")
    def _has_a_value(self) -> FieldMapping:
        if self.value is None and self.default is None:
            raise ValueError(f"the entry for {self.field} has neither a value nor a default; give it one of them")
        return self


class RestWriting(_Form):
    """The documented REST API: knows what happened to every record."""

    model_config = ConfigDict(title="REST API (recommended)")
    method: Literal["rest"] = Field(json_schema_extra=_ui(0))
    assign_roles: bool = Field(
        default=True,
        title="Set roles of SaaS users",
        description="Keep each SaaS user's role in Oomnitza as the record has it.",
        json_schema_extra=_ui(1),
    )
    deactivate_inactive: bool = Field(
        default=True,
        title="Deactivate SaaS users of inactive accounts",
        description="Deactivate the SaaS user of an account that is no longer active, and activate it again when the account is.",
        json_schema_extra=_ui(2),
    )
    deactivate_missing: bool = Field(
        default=False,
        title="Deactivate SaaS users that are missing",
        description="With the sync mode overwrite: deactivate SaaS users of the application that appeared in no record of a complete sync.",
        json_schema_extra=_ui(3),
    )
    max_deactivated_percent: float = Field(
        default=20,
        ge=0,
        le=100,
        title="At most this share of missing SaaS users (percent)",
        description="If more than this share of the active SaaS users is missing, nobody is deactivated and the sync "
        "fails: then something is wrong.",
        json_schema_extra=_ui(4),
    )


class IngestWriting(_Form):
    """The interface of Oomnitza's own connector: many records a request, for large first loads."""

    model_config = ConfigDict(title="Connector ingest (large first loads)")
    method: Literal["ingest"] = Field(json_schema_extra=_ui(0))
    connector_name: OptionalText = Field(
        default="CSV_users",
        title="Connector name",
        description="The name under which the run appears in Oomnitza, where no integration of its own is configured.",
        examples=["CSV_users"],
        json_schema_extra=_ui(1),
    )
    connector_id: Annotated[int | None, BeforeValidator(_blank_is_none)] = Field(
        default=None,
        title="Integration id",
        description="The id of an integration configured in Oomnitza; it takes the place of the connector name.",
        examples=[12],
        json_schema_extra=_ui(2),
    )
    saas_sync_key: str = Field(
        default="EMAIL",
        title="SaaS sync key",
        description="The sync key of SaaS users, as it is configured in Oomnitza for the integration.",
        examples=["EMAIL"],
        min_length=1,
        json_schema_extra=_ui(3),
    )

    @model_validator(mode="after")
    def _names_a_connector(self) -> IngestWriting:
        if self.connector_name is None and self.connector_id is None:
            raise ValueError("give a connector name or an integration id")
        return self


class Config(_Form):
    """What an administrator filled in, checked."""

    model_config = ConfigDict(title="Oomnitza")

    instance_url: Annotated[str, AfterValidator(instance_origin)] = Field(
        title="Oomnitza address",
        description="The address of your Oomnitza. The first part of it is enough.",
        examples=["https://acme.oomnitza.com", "acme"],
        json_schema_extra=_ui(0),
    )
    credentials: ApiTokenCredentials | PasswordCredentials = Field(
        title="Credentials",
        description="How to sign in to Oomnitza.",
        discriminator="auth_type",
        json_schema_extra=_ui(1),
    )
    record_type: UserRecords | UserAndSaasUserRecords = Field(
        default=UserRecords(type="user"),
        title="What to write",
        description="People only, or people and the users of a SaaS application.",
        discriminator="type",
        json_schema_extra=_ui(2),
    )
    write_mode: WriteMode = Field(
        default="create_and_update",
        title="Create or update",
        description="Whether people that Oomnitza does not know are added, and people that it knows are changed.",
        json_schema_extra=_ui(3),
    )
    sync_keys: list[str] = Field(
        default=["email"],
        min_length=1,
        title="Sync keys",
        description="Unique Oomnitza fields by which a person is found. "
        "They are tried in this order, and the first that finds somebody wins.",
        examples=["email"],
        json_schema_extra=_ui(4),
    )
    default_role: Annotated[int | str | None, BeforeValidator(_blank_is_none)] = Field(
        default=None,
        title="Role of new people",
        description="The Oomnitza role of people that are added, unless the mapping gives one: its id, or its name.",
        examples=["25", "Employee"],
        json_schema_extra=_ui(5, type=["string", "integer"]),
    )
    default_position: OptionalText = Field(
        default=None,
        title="Position of new people",
        description="The position of people that are added, where the record has none.",
        examples=["Employee"],
        json_schema_extra=_ui(6),
    )
    smart_mapping: bool = Field(
        default=True,
        title="Smart mapping",
        description="Fill the usual fields by themselves: user name, e-mail address, names, phone number, position, "
        "and custom fields that are named like a field of the stream.",
        json_schema_extra=_ui(7),
    )
    field_mapping: list[FieldMapping] = Field(
        default=[],
        title="Field mapping",
        description="Your own rules. Each wins over smart mapping for its field.",
        json_schema_extra=_ui(8),
    )
    record_filter: OptionalText = Field(
        default=None,
        title="Only records for which",
        description="A path or a template. Only records for which it is true are written.",
        examples=["{{ not record['is_bot'] }}"],
        json_schema_extra=_ui(9, group="advanced"),
    )
    inactive_when: OptionalText = Field(
        default="deleted",
        title="Account is inactive when",
        description="A path or a template, true for an account that is no longer active. Nobody is added to Oomnitza for such an account.",
        examples=["deleted", "{{ record['status'] == 'TERMINATED' }}"],
        json_schema_extra=_ui(10, group="advanced"),
    )
    update_sync_keys: bool = Field(
        default=False,
        title="Update sync keys",
        description="Also write the second and further sync keys of people that Oomnitza knows. The first is always kept up to date.",
        json_schema_extra=_ui(11, group="advanced"),
    )
    write_method: RestWriting | IngestWriting = Field(
        default=RestWriting(method="rest"),
        title="Write method",
        description="How records get into Oomnitza.",
        discriminator="method",
        json_schema_extra=_ui(12, group="advanced"),
    )
    on_failed_record: Literal["continue", "fail_after_sync"] = Field(
        default="continue",
        title="When a record is refused",
        description="A refused record is always reported. Go on, or write all the rest and then fail, so that the next "
        "sync brings it again.",
        json_schema_extra=_ui(13, group="advanced"),
    )
    test_run: bool = Field(
        default=False,
        title="Test run",
        description="Look up and compare, write nothing, and report what would happen.",
        json_schema_extra=_ui(14, group="advanced"),
    )
    batch_size: int = Field(
        default=100,
        ge=1,
        le=1000,
        title="Records a lot",
        description="How many people are looked up at a time.",
        json_schema_extra=_ui(15, group="advanced"),
    )
    num_workers: int = Field(
        default=8,
        ge=1,
        le=32,
        title="Requests at once",
        description="The largest number of requests that Oomnitza is asked to answer at the same time.",
        json_schema_extra=_ui(16, group="advanced"),
    )

    @field_validator("sync_keys")
    @classmethod
    def _sync_keys_are_names(cls, keys: list[str]) -> list[str]:
        keys = [key.strip() for key in keys]
        if not all(keys):
            raise ValueError("holds an empty entry; each is the name of an Oomnitza field, for example email")
        if len(set(keys)) != len(keys):
            raise ValueError("names a field twice")
        return keys

    @field_validator("field_mapping")
    @classmethod
    def _one_rule_a_field(cls, entries: list[FieldMapping]) -> list[FieldMapping]:
        seen: set[str] = set()
        for entry in entries:
            if entry.field in seen:
                raise ValueError(f"has two entries for {entry.field}; keep one of them")
            seen.add(entry.field)
        return entries

    @property
    def saas(self) -> UserAndSaasUserRecords | None:
        """The SaaS application to keep, or None for people only."""
        return self.record_type if isinstance(self.record_type, UserAndSaasUserRecords) else None

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Config:
        """Return the configuration as types.

        Raises AirbyteTracedException (config_error) with one plain sentence a problem. Values are never quoted: one
        of them could be a secret that was pasted into the wrong field.
        """
        try:
            return cls.model_validate(raw)
        except ValidationError as error:
            problems = [_sentence(each["loc"], each["type"], each["msg"]) for each in error.errors(include_input=False)]
            raise AirbyteTracedException(
                message="The configuration is not valid. " + " ".join(problems),
                internal_message="; ".join(each["type"] for each in error.errors(include_input=False)),
                failure_type=FailureType.config_error,
            ) from None  # the validation error quotes the configuration


def _title(model: type[BaseModel], loc: tuple[int | str, ...]) -> str:
    """Name a place in the configuration as the form does, with the setting's own name behind it."""
    names: list[str] = []
    current: Any = model
    for step in loc:
        field = (
            current.model_fields.get(str(step))
            if isinstance(current, type) and issubclass(current, BaseModel)
            else None
        )
        if field is not None:
            names.append(str(field.title or step))
            current = field.annotation
        elif isinstance(step, int):
            names.append(f"entry {step + 1}")
            current = next(iter(get_args(current)), None)
        else:  # the discriminator of a choice, which names the option
            current = next((o for o in get_args(current) if step in _options(o)), None)
    return " > ".join(names) + f" ({'.'.join(str(step) for step in loc)})"


def _options(model: Any) -> set[str]:
    literals = [f.annotation for f in getattr(model, "model_fields", {}).values()]
    return {arg for literal in literals for arg in get_args(literal) if isinstance(arg, str)}


def _sentence(loc: tuple[int | str, ...], kind: str, message: str) -> str:
    where = _title(Config, loc)
    plain = {
        "missing": "is missing",
        "union_tag_not_found": "does not say which of the options is chosen",
        "extra_forbidden": "is not a setting",
        "too_short": "is empty; it needs at least one entry",
        "string_too_short": "is empty",
        "model_type": "must be a group of settings",
        "model_attributes_type": "must be a group of settings",
    }
    if kind in plain:
        return f"{where} {plain[kind]}."
    if kind == "value_error":
        return f"{where} {message.removeprefix('Value error, ')}."
    if kind == "union_tag_invalid":
        return f"{where} must be one of {message.rsplit('expected tags: ', maxsplit=1)[-1]}."
    return f"{where} {message.replace('Input should', 'should').replace('Input', 'input')}."


class _FormSchema(GenerateJsonSchema):
    """JSON schema as the Airbyte UI's form wants it: no null types, no null defaults."""

    def nullable_schema(self, schema: Any) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: Any) -> JsonSchemaValue:
        result = super().default_schema(schema)
        if result.get("default", ...) is None:
            del result["default"]
        return result


def connection_specification() -> dict[str, Any]:
    """Return the form of the Airbyte UI: a JSON schema without `$ref`, choices as `oneOf` with `const`."""
    schema = Config.model_json_schema(schema_generator=_FormSchema)
    definitions = schema.pop("$defs", {})

    def inline(node: Any) -> Any:
        if isinstance(node, list):
            return [inline(each) for each in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            name = node["$ref"].rsplit("/", 1)[-1]
            return inline({**deepcopy(definitions[name]), **{k: v for k, v in node.items() if k != "$ref"}})
        if "type" in node:  # a type that the form can show stands for the union that pydantic would list
            node = {k: v for k, v in node.items() if k != "anyOf"}
        # `discriminator` belongs to OpenAPI; the form finds the option by its `const`.
        return {k: inline(v) for k, v in node.items() if k not in ("discriminator", "writeOnly", "format")}

    form: dict[str, Any] = inline(schema)
    form["$schema"] = "http://json-schema.org/draft-07/schema#"
    form["additionalProperties"] = True
    form["groups"] = [{"id": "advanced", "title": "Advanced"}]
    return form
