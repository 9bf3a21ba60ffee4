"""The configuration: the only module that knows its shape.

`Config.parse` turns what the administrator filled in into types; `form.specification(Config)` is the form of the Airbyte UI, made from the
same types, so that the two cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

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

from destination_oomnitza.config.instance_url import instance_origin
from destination_oomnitza.config.spec_schema import sentences

WriteMode = Literal["create_and_update", "create_only", "update_only"]


def _blank_is_none(value: Any) -> Any:
    """Forms send "" for a field that was left empty."""
    return None if isinstance(value, str) and not value.strip() else value


def _number_is_text(value: Any) -> Any:
    """Ids that look like numbers are written as such by hand."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty")
    return value.strip()


def _secret(value: Any) -> Any:
    if isinstance(value, str) and not value.strip():
        raise ValueError("is empty")
    return value


Text = Annotated[str, AfterValidator(_text)]
OptionalText = Annotated[str | None, BeforeValidator(_blank_is_none)]
Secret = Annotated[SecretStr, Field(strict=False), BeforeValidator(_secret)]


def _ui(order: int, **more: Any) -> dict[str, Any]:
    return {"order": order, **more}


def _choice(title: str) -> Any:
    """The setting that says which option of a choice this is; its value is the option's `const`."""
    return Field(
        title=title, description="Which of the options this is; the form sets it.", json_schema_extra={"order": 0}
    )


class _Form(BaseModel):
    # The platform and older configurations may hold settings that this version does not know.
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_not_set(cls, given: Any) -> Any:
        return {key: value for key, value in given.items() if value is not None} if isinstance(given, dict) else given


class ApiTokenCredentials(_Form):
    """Sign in with a token that you make in Oomnitza. The usual way."""

    model_config = ConfigDict(title="API token")
    auth_type: Literal["api_token"] = _choice("Way to sign in")
    api_token: Secret = Field(
        title="API token",
        description="Made in Oomnitza under Configuration > Security > API tokens. Best for a user of its own, "
        "whose role may read and edit People (and Software > SaaS, if you sync SaaS users).",
        json_schema_extra=_ui(1, airbyte_secret=True),
    )


class PasswordCredentials(_Form):
    """Sign in with a user name and a password, which are exchanged for a token at the start of each sync."""

    model_config = ConfigDict(title="User name and password")
    auth_type: Literal["password"] = _choice("Way to sign in")
    username: Text = Field(
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
    """Add and update people only."""

    model_config = ConfigDict(title="User only")
    type: Literal["user"] = _choice("Kind")


class UserAndSaasUserRecords(_Form):
    """Add and update people, and keep the list of who uses an application (Software > SaaS), with their roles."""

    model_config = ConfigDict(title="User plus SaaS user")
    type: Literal["user_and_saas_user"] = _choice("Kind")
    saas_name: Text = Field(
        title="SaaS application",
        description="The application's name under Software > SaaS. It is added there if it is not there yet.",
        examples=["Slack"],
        min_length=1,
        json_schema_extra=_ui(1),
    )
    saas_id: Annotated[OptionalText, BeforeValidator(_number_is_text)] = Field(
        default=None,
        title="SaaS application id",
        description="Only needed where several applications have the same name: the id of the one that is meant.",
        examples=["1042"],
        json_schema_extra=_ui(2),
    )
    external_id: Text = Field(
        default="id",
        title="Id in the application",
        description="The field of a record that holds the person's id in the application: a path such as id or profile.id, or a template.",
        examples=["id"],
        min_length=1,
        json_schema_extra=_ui(3),
    )
    role: OptionalText = Field(
        default="role",
        title="Role in the application",
        description="The field of a record that holds the person's role in the application: a path, or a template. "
        "Where a record has none, the role in Oomnitza stays as it is.",
        examples=["role", "{{ 'Admin' if record['is_admin'] else 'Member' }}"],
        json_schema_extra=_ui(4),
    )


class FieldMapping(_Form):
    """One Oomnitza field, and where its value comes from."""

    # A misspelt option of an entry would silently do nothing.
    model_config = ConfigDict(extra="forbid", title="Field")
    field: Text = Field(
        title="Oomnitza field",
        description="The field's id in Oomnitza, for example username or position. For a field that you added, open it under "
        "Configuration > Customization.",
        examples=["position"],
        min_length=1,
        json_schema_extra=_ui(0),
    )
    value: OptionalText = Field(
        default=None,
        title="Value",
        description="A field of the record (title), a path into it (profile.fields[0].name), or a template if it holds {{ or {%. "
        "Leave it empty and give a default to write the same value for everybody.",
        examples=["title", "profile.fields[0].name", "{{ record['first_name'] }} {{ record['last_name'] }}"],
        json_schema_extra=_ui(1),
    )
    default: Annotated[str | int | float | bool | None, BeforeValidator(_blank_is_none)] = Field(
        default=None,
        title="Default",
        description="Written where the record has no value. With no value above, it is written for everybody.",
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
            raise ValueError(f"has neither a value nor a default for {self.field}; give it one of them")
        return self


class RestWriting(_Form):
    """The documented REST API: knows what became of every record, and writes only what differs."""

    model_config = ConfigDict(title="REST API (recommended)")
    method: Literal["rest"] = _choice("Method")
    assign_roles: bool = Field(
        default=True,
        title="Set roles of SaaS users",
        description="Keep each SaaS user's role in Oomnitza as the record has it. Only with User plus SaaS user.",
        json_schema_extra=_ui(1),
    )
    deactivate_inactive: bool = Field(
        default=True,
        title="Deactivate SaaS users of inactive accounts",
        description="Deactivate the SaaS user of an account that is no longer active, and activate it again when the account is. "
        "Only with User plus SaaS user.",
        json_schema_extra=_ui(2),
    )
    deactivate_missing: bool = Field(
        default=False,
        title="Deactivate SaaS users that are missing",
        description="Deactivate SaaS users of the application that appeared in no record of a complete sync. "
        "Only with User plus SaaS user and the sync mode Full refresh | Overwrite.",
        json_schema_extra=_ui(3),
    )
    max_deactivated_percent: float = Field(
        default=20,
        ge=0,
        le=100,
        title="At most this share of missing SaaS users (percent)",
        description="If more than this share of the active SaaS users is missing, nobody is deactivated and the sync "
        "fails: then something is wrong.",
        examples=[20],
        json_schema_extra=_ui(4),
    )


class IngestWriting(_Form):
    """The interface of Oomnitza's own connector: many records a request, for large first loads."""

    model_config = ConfigDict(title="Connector ingest (large first loads)")
    method: Literal["ingest"] = _choice("Method")
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
    saas_sync_key: Text = Field(
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
            raise ValueError("needs a connector name or an integration id")
        return self


class Config(_Form):
    """How records get into your Oomnitza: where it is, what to write, and how fields are filled."""

    model_config = ConfigDict(title="Oomnitza")

    instance_url: Annotated[str, AfterValidator(instance_origin)] = Field(
        title="Oomnitza address",
        description="The address at which you open Oomnitza in the browser. The first part of it is enough.",
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
        json_schema_extra=_ui(2, always_show=True),
    )
    write_mode: WriteMode = Field(
        default="create_and_update",
        title="Create or update",
        description="create_and_update adds people that Oomnitza does not know and updates those that it knows; "
        "create_only leaves the known ones alone; update_only adds nobody.",
        examples=["create_and_update"],
        json_schema_extra=_ui(3, always_show=True),
    )
    sync_keys: list[Text] = Field(
        default=["email"],
        min_length=1,
        title="Sync keys",
        description="The ids of unique Oomnitza fields by which a person is found, most important first. "
        "They are tried in this order, and the first that finds somebody wins.",
        examples=[["email"], ["slack_user_id", "email"]],
        json_schema_extra=_ui(4),
    )
    default_role: Annotated[int | str | None, BeforeValidator(_blank_is_none)] = Field(
        default=None,
        title="Role of new people",
        description="The Oomnitza role that people get when they are added: its id or its name "
        "(Configuration > Security > Roles). Needed to add people, unless the field mapping gives a role.",
        examples=["Employee", "25"],
        json_schema_extra=_ui(5, type=["string", "integer"], always_show=True),
    )
    default_position: OptionalText = Field(
        default=None,
        title="Position of new people",
        description="The position that people get when they are added, where the record has none.",
        examples=["Employee"],
        json_schema_extra=_ui(6),
    )
    smart_mapping: bool = Field(
        default=True,
        title="Smart mapping",
        description="Fill the usual fields by themselves: user name, e-mail address, first and last name, phone number, position, "
        "and the fields that you added in Oomnitza under the name of a field of the stream.",
        json_schema_extra=_ui(7),
    )
    field_mapping: list[FieldMapping] = Field(
        default=[],
        title="Field mapping",
        description="Your own rules, one for each Oomnitza field. A rule wins over smart mapping for its field.",
        examples=[[{"field": "position", "value": "title", "default": "Employee"}]],
        json_schema_extra=_ui(8),
    )
    record_filter: OptionalText = Field(
        default=None,
        title="Only records for which",
        description="A path or a template. Only records for which it is true are written. Leave it empty to write all.",
        examples=["{{ not record['is_bot'] }}", "is_email_confirmed"],
        json_schema_extra=_ui(9, group="advanced"),
    )
    inactive_when: OptionalText = Field(
        default="deleted",
        title="Account is inactive when",
        description="A path or a template, true for an account that is no longer active. Nobody is added to Oomnitza for such an account, "
        "and its SaaS user is deactivated; people who are there are updated as usual.",
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
        description="A refused record is always reported. continue goes on as if it were done; fail_after_sync writes all the rest "
        "and then fails, so that the next sync brings the record again.",
        examples=["continue"],
        json_schema_extra=_ui(13, group="advanced"),
    )
    test_run: bool = Field(
        default=False,
        title="Test run",
        description="Look up and compare, write nothing, and report in the log what would happen.",
        json_schema_extra=_ui(14, group="advanced"),
    )
    batch_size: int = Field(
        default=100,
        ge=1,
        le=1000,
        title="Records per batch",
        description="How many people are looked up at a time.",
        examples=[100],
        json_schema_extra=_ui(15, group="advanced"),
    )
    num_workers: int = Field(
        default=8,
        ge=1,
        le=32,
        title="Requests at once",
        description="The largest number of requests that Oomnitza is asked to answer at the same time.",
        examples=[8],
        json_schema_extra=_ui(16, group="advanced"),
    )

    @field_validator("sync_keys")
    @classmethod
    def _each_sync_key_once(cls, keys: list[str]) -> list[str]:
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

    def unknown(self, raw: Mapping[str, Any]) -> list[str]:
        """Return the names in the configuration that are none of its settings, with dots: what was misspelt does nothing."""
        return list(_unknown(self, raw, ""))

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Config:
        """Return the configuration as types.

        Raises AirbyteTracedException (config_error) with one plain sentence a problem. Values are never quoted: one
        of them could be a secret that was pasted into the wrong field.
        """
        try:
            return cls.model_validate(raw)
        except ValidationError as error:
            raise AirbyteTracedException(
                message="The configuration is not valid. " + " ".join(sentences(cls, error)),
                internal_message="; ".join(each["type"] for each in error.errors(include_input=False)),
                failure_type=FailureType.config_error,
            ) from None  # the validation error quotes the configuration


def _unknown(parsed: BaseModel, raw: Mapping[str, Any], path: str) -> Iterator[str]:
    for name, value in raw.items():
        if name not in type(parsed).model_fields:
            yield path + name
        elif isinstance(value, Mapping) and isinstance(within := getattr(parsed, name), BaseModel):
            yield from _unknown(within, value, f"{path}{name}.")
