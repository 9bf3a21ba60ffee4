"""Types the configuration; no other module depends on its JSON.

`Config.parse` reads what the administrator filled in; `spec_schema.specification(Config)` is the form of the Airbyte UI, made from the
same types, so that the two cannot drift apart. `Config.for_stream` gives the settings that hold for one stream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from destination_oomnitza.config.instance_url import instance_origin
from destination_oomnitza.config.unknown_settings import unknown_settings
from destination_oomnitza.config.validation_messages import sentences
from destination_oomnitza.errors import config_error

WriteMode = Literal["create_and_update", "create_only", "update_only"]
ExistingValues = Literal["overwrite", "fill_empty", "keep"]
IdentityChange = Literal["update", "refuse"]


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


def _absent_is_off(order: int, **more: Any) -> Callable[[dict[str, Any]], None]:
    """Leave the default of a flag out of the form, which would list it in the title of every entry."""

    def extra(schema: dict[str, Any]) -> None:
        schema.pop("default")
        schema.update(_ui(order, **more))

    return extra


def _choice(title: str) -> Any:
    """Return the field that names the option of a choice, as the option's `const`."""
    return Field(
        title=title, description="Which of the options this is; the form sets it.", json_schema_extra={"order": 0}
    )


class _Form(BaseModel):
    # The platform and older configurations may hold settings that this version does not have.
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
    """Add and update people, and keep who uses an application (Software > SaaS)."""

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
        description="Only needed if several applications have the same name: the id of the one to use.",
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
        "If a record has none, the role in Oomnitza stays as it is.",
        examples=["role", "{{ 'Admin' if record['is_admin'] else 'Member' }}"],
        json_schema_extra=_ui(4),
    )


class FieldMapping(_Form):
    """One Oomnitza field, and where its value comes from."""

    model_config = ConfigDict(title="Field")
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
        json_schema_extra=_ui(1, always_show=True),
    )
    default: Annotated[str | int | float | bool | None, BeforeValidator(_blank_is_none)] = Field(
        default=None,
        title="Default",
        description="Written if the record has no value. With no value above, it is written for everybody.",
        examples=["Employee"],
        json_schema_extra=_ui(2, type=["string", "number", "boolean"], always_show=True),
    )
    if_empty_only: bool = Field(
        default=False,
        title="Only if empty",
        description="Write the value only if the field is empty in Oomnitza, so that what people entered there stays.",
        json_schema_extra=_absent_is_off(3),
    )
    write_empty: bool = Field(
        default=False,
        title="Write empty values",
        description="Also empty the field in Oomnitza if the record has no value. Otherwise the old value stays.",
        json_schema_extra=_absent_is_off(4),
    )
    newest: bool = Field(
        default=False,
        title="Only if newer",
        description="For dates: write the value only if it is later than the date in Oomnitza.",
        json_schema_extra=_absent_is_off(5),
    )

    @model_validator(mode="after")
    def _has_a_value(self) -> FieldMapping:
        if self.value is None and self.default is None:
            raise ValueError(f"has neither a value nor a default for {self.field}; give it one of them")
        return self


def _each_key_once(keys: list[str]) -> list[str]:
    if len(set(keys)) != len(keys):
        raise ValueError("names a field twice")
    return keys


def _one_rule_a_field(entries: list[FieldMapping]) -> list[FieldMapping]:
    seen: set[str] = set()
    for entry in entries:
        if entry.field in seen:
            raise ValueError(f"has two entries for {entry.field}; keep one of them")
        seen.add(entry.field)
    return entries


class StreamSettings(_Form):
    """Hold what is written of a stream, and how its fields are filled."""

    default_role: Annotated[int | str | None, BeforeValidator(_blank_is_none)] = Field(
        default=None,
        title="Role of new people",
        description="The Oomnitza role that people get when they are added: its id or its name "
        "(Configuration > Security > Roles). Needed to add people, unless the field mapping gives a role.",
        examples=["Employee", "25"],
        json_schema_extra=_ui(2, type=["string", "integer"], always_show=True),
    )
    record_type: UserRecords | UserAndSaasUserRecords = Field(
        default=UserRecords(type="user"),
        title="What to write",
        description="People only, or people and the users of a SaaS application.",
        discriminator="type",
        json_schema_extra=_ui(3),
    )
    field_mapping: Annotated[list[FieldMapping], AfterValidator(_one_rule_a_field)] = Field(
        default=[],
        title="Field mapping",
        description="Your own rules, one for each Oomnitza field. For its field, a rule wins over smart mapping and over a mapping "
        "drawn in Oomnitza.",
        examples=[[{"field": "position", "value": "title", "default": "Employee"}]],
        json_schema_extra=_ui(5, always_show=True),
    )
    write_mode: WriteMode = Field(
        default="create_and_update",
        title="Create or update",
        description="create_and_update adds people that are not in Oomnitza and updates those that are; "
        "create_only leaves existing people alone; update_only adds nobody.",
        examples=["create_and_update"],
        json_schema_extra=_ui(6),
    )
    existing_values: ExistingValues = Field(
        default="overwrite",
        title="Values of existing people",
        description="overwrite writes every mapped field that differs; fill_empty fills empty fields only; keep writes no field of "
        "people who are in Oomnitza already. SaaS users are kept up to date in any case.",
        examples=["overwrite"],
        json_schema_extra=_ui(7),
    )
    sync_keys: Annotated[list[Text], AfterValidator(_each_key_once)] = Field(
        default=["email"],
        min_length=1,
        title="Sync keys",
        description="The ids of unique Oomnitza fields by which a person is found, most important first. "
        "They are tried in this order, and the first that finds somebody wins.",
        examples=[["email"], ["slack_user_id", "email"]],
        json_schema_extra=_ui(8),
    )
    update_sync_keys: bool = Field(
        default=False,
        title="Update sync keys",
        description="Also write the second and further sync keys of existing people. The first is always kept up to date.",
        json_schema_extra=_ui(9),
    )
    on_identity_change: IdentityChange = Field(
        default="update",
        title="When an identity changes",
        description="A further sync key found a person whose first key has another value, as when an address went to somebody "
        "new. update writes the first key's value, after all other records; refuse rejects the record.",
        examples=["update"],
        json_schema_extra=_ui(10),
    )
    default_position: OptionalText = Field(
        default=None,
        title="Position of new people",
        description="The position that people get when they are added, if the record has none.",
        examples=["Employee"],
        json_schema_extra=_ui(11),
    )
    smart_mapping: bool = Field(
        default=True,
        title="Smart mapping",
        description="Fill the usual fields by themselves: user name, e-mail address, first and last name, phone number, position, "
        "and the fields that you added in Oomnitza under the name of a field of the stream.",
        json_schema_extra=_ui(12),
    )
    integration_mapping: Annotated[int | None, BeforeValidator(_blank_is_none)] = Field(
        default=None,
        title="Mapping drawn in Oomnitza",
        description="The id of an integration in Oomnitza whose mapping is used, from the address of its page "
        "(/settings/connectors?id=268). Its rules win over smart mapping, and your field mapping wins over them.",
        examples=[268],
        json_schema_extra=_ui(13),
    )
    record_filter: OptionalText = Field(
        default=None,
        title="Record filter",
        description="A path or a template. Only records for which it is true are written. Leave it empty to write all.",
        examples=["{{ not record['is_bot'] }}", "is_email_confirmed"],
        json_schema_extra=_ui(14),
    )
    inactive_when: OptionalText = Field(
        default="deleted",
        title="Account is inactive when",
        description="A path or a template, true for an account that is no longer active. Nobody is added to Oomnitza for such an account, "
        "and its SaaS user is deactivated; existing people are updated as usual.",
        examples=["deleted", "{{ record['status'] == 'TERMINATED' }}"],
        json_schema_extra=_ui(15),
    )

    @property
    def saas(self) -> UserAndSaasUserRecords | None:
        """Return the SaaS application to keep, or None for people only."""
        return self.record_type if isinstance(self.record_type, UserAndSaasUserRecords) else None


_AS_ABOVE = "as_above"
_OPEN_IN_AN_ENTRY = frozenset({"write_mode", "sync_keys", "field_mapping"})


def _entry_form(schema: dict[str, Any]) -> None:
    """Show an entry's settings without defaults: what is not given is as for all streams."""
    for name, each in schema["properties"].items():
        if name in StreamSettings.model_fields:
            each.pop("default", None)
            each.pop("always_show", None)
            each.update({"always_show": True} if name in _OPEN_IN_AN_ENTRY else {})
    # The form chooses the first option of a choice by itself, so that one must change nothing.
    schema["properties"]["record_type"]["oneOf"].insert(
        0,
        {
            "type": "object",
            "title": "As for all streams",
            "description": "What is chosen for all streams.",
            "properties": {
                "type": {
                    "type": "string",
                    "const": _AS_ABOVE,
                    "title": "Kind",
                    "description": "Which of the options this is; the form sets it.",
                    "order": 0,
                }
            },
            "required": ["type"],
        },
    )


class StreamEntry(StreamSettings):
    """Settings of one stream, if they differ from those of all streams."""

    model_config = ConfigDict(title="Stream", json_schema_extra=_entry_form)
    stream: Text = Field(
        title="Stream",
        description="The stream's name, as the connection lists it.",
        examples=["last_logins"],
        min_length=1,
        json_schema_extra=_ui(0),
    )
    skip: bool = Field(
        default=False,
        title="Write nothing of this stream",
        description="Leave the stream out: none of its records is written.",
        json_schema_extra=_absent_is_off(1, always_show=True),
    )
    namespace: OptionalText = Field(
        default=None,
        title="Namespace",
        description="The stream's namespace, as the source gives it. Only needed if two streams have the same name.",
        examples=["hr"],
        json_schema_extra=_ui(16),
    )

    @model_validator(mode="before")
    @classmethod
    def _as_above_is_not_set(cls, given: Any) -> Any:
        kind = given.get("record_type") if isinstance(given, dict) else None
        if isinstance(kind, dict) and kind.get("type") == _AS_ABOVE:
            return {name: value for name, value in given.items() if name != "record_type"}
        return given

    @property
    def given(self) -> dict[str, Any]:
        """Return the settings that the entry gives, by name."""
        return {name: getattr(self, name) for name in StreamSettings.model_fields if name in self.model_fields_set}


def _one_entry_a_stream(entries: list[StreamEntry]) -> list[StreamEntry]:
    seen: set[tuple[str | None, str]] = set()
    for entry in entries:
        if (entry.namespace, entry.stream) in seen:
            raise ValueError(f"has two entries for {entry.stream}; keep one of them, or give each its namespace")
        seen.add((entry.namespace, entry.stream))
    return entries


class RestWriting(_Form):
    """The documented REST API: reports the outcome of every record, and writes only what differs."""

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
        title="Deactivation limit (percent)",
        description="A sync deactivates at most this share of the active SaaS users, and at least 10 people. If it would "
        "deactivate more, it stops there and fails: then something is wrong.",
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
        description="The name under which the run appears in Oomnitza, if no integration is given below.",
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
    saas_sync_key: OptionalText = Field(
        default=None,
        title="SaaS sync key",
        description="The sync key of the application instance, as configured in Oomnitza for the integration. "
        "Needed for User plus SaaS user.",
        examples=["slack-main"],
        json_schema_extra=_ui(3),
    )

    @model_validator(mode="after")
    def _names_a_connector(self) -> IngestWriting:
        if self.connector_name is None and self.connector_id is None:
            raise ValueError("needs a connector name or an integration id")
        return self


class Config(StreamSettings):
    """Send records to your Oomnitza: its address, what to write, how fields are filled."""

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
    test_run: bool = Field(
        default=False,
        title="Test run",
        description="Look up and compare, write nothing, and report in the log what would happen.",
        json_schema_extra=_ui(4, always_show=True),
    )
    streams: Annotated[list[StreamEntry], AfterValidator(_one_entry_a_stream)] = Field(
        default=[],
        title="Settings of single streams",
        description="For streams that are written otherwise than the rest, one entry each. What an entry does not give is as for "
        "all streams.",
        examples=[[{"stream": "last_logins", "write_mode": "update_only", "sync_keys": ["slack_user_id"]}]],
        json_schema_extra=_ui(16),
    )
    write_method: RestWriting | IngestWriting = Field(
        default=RestWriting(method="rest"),
        title="Write method",
        description="How records get into Oomnitza.",
        discriminator="method",
        json_schema_extra=_ui(17, group="advanced"),
    )
    trigger_workflows: bool = Field(
        default=True,
        title="Trigger workflows",
        description="Let changes start workflows in Oomnitza. Switch it off for a first load, which could start thousands.",
        json_schema_extra=_ui(18, group="advanced"),
    )
    on_failed_record: Literal["continue", "fail_after_sync"] = Field(
        default="continue",
        title="When a record is rejected",
        description="A rejected record is always reported. continue goes on as if it were done; fail_after_sync writes all the rest "
        "and then fails, so that the next sync brings the record again.",
        examples=["continue"],
        json_schema_extra=_ui(19, group="advanced"),
    )
    batch_size: int = Field(
        default=100,
        ge=1,
        le=1000,
        title="Records per batch",
        description="How many people are looked up at a time.",
        examples=[100],
        json_schema_extra=_ui(20, group="advanced"),
    )
    num_workers: int = Field(
        default=8,
        ge=1,
        le=32,
        title="Concurrent requests",
        description="The largest number of requests to Oomnitza at the same time.",
        examples=[8],
        json_schema_extra=_ui(21, group="advanced"),
    )

    @model_validator(mode="after")
    def _ingest_of_saas_users_has_an_integration(self) -> Config:
        method = self.write_method
        if isinstance(method, IngestWriting) and any(each.saas is not None for each in (self, *self.streams)):
            missing = {
                "Integration id (write_method.connector_id)": method.connector_id,
                "SaaS sync key (write_method.saas_sync_key)": method.saas_sync_key,
            }
            names = " and ".join(name for name, value in missing.items() if value is None)
            if names:
                raise ValueError(
                    "User plus SaaS user (record_type) by connector ingest needs an integration in Oomnitza and its sync key: "
                    f"give {names}, or choose REST"
                )
        return self

    def for_stream(self, name: str, namespace: str | None = None) -> Config:
        """Return the settings that hold for one stream.

        What the stream's entry does not give is as for all streams. An entry without a namespace holds for a stream of any
        namespace, unless that has an entry of its own.
        """
        entry = self.entry(name, namespace)
        return self if entry is None else self.model_copy(update=entry.given)

    def entry(self, name: str, namespace: str | None = None) -> StreamEntry | None:
        """Return the entry of a stream, or None if its settings are those of all streams."""
        named = {entry.namespace: entry for entry in self.streams if entry.stream == name}
        return named.get(namespace) or named.get(None)

    @property
    def integrations(self) -> list[int]:
        """Return the ids of the integrations whose mappings are used, each once."""
        given = [each.integration_mapping for each in (self, *self.streams)]
        return list(dict.fromkeys(each for each in given if each is not None))

    @property
    def deactivates_missing(self) -> bool:
        """Return whether SaaS users missing from a complete stream are deactivated."""
        return isinstance(self.write_method, RestWriting) and self.write_method.deactivate_missing

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Config:
        """Return the configuration as types.

        Raises AirbyteTracedException (config_error) with one plain sentence a problem, misspelt names among them. Values are never
        quoted: one of them could be a secret that was pasted into the wrong field.
        """
        mistakes = [
            f"{each.path}: did you mean {each.meant}?" for each in unknown_settings(cls, raw) if each.meant is not None
        ]
        kinds = ["misspelt"] * len(mistakes)
        try:
            config = cls.model_validate(raw)
        except ValidationError as error:
            mistakes += sentences(cls, error)
            kinds += [each["type"] for each in error.errors(include_input=False)]
        if mistakes:  # raised here, for the validation error quotes the configuration
            raise config_error("The configuration is not valid. " + " ".join(mistakes), "; ".join(kinds))
        return config

    @classmethod
    def unknown(cls, raw: Mapping[str, Any]) -> list[str]:
        """Return the names in the configuration that are none of its settings and resemble none, with dots."""
        return [each.path for each in unknown_settings(cls, raw) if each.meant is None]
