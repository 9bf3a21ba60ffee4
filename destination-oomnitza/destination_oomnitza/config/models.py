"""Types of the configuration; no other module depends on its JSON.

`Config.parse` reads the configuration. `spec_schema.specification(Config)` makes the form of the Airbyte UI from the same
types, so the two cannot differ. `Config.for_stream` returns the settings of one stream.
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
    """Turn blank text into None: forms send "" for an empty field."""
    return None if isinstance(value, str) and not value.strip() else value


def _number_is_text(value: Any) -> Any:
    """Turn a number into text: people enter numeric ids without quotes."""
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
    """Leave a flag's default out of the form, which would show it in entry titles."""

    def extra(schema: dict[str, Any]) -> None:
        schema.pop("default")
        schema.update(_ui(order, **more))

    return extra


def _choice(title: str) -> Any:
    """Return the field that names an option of a choice by its `const`."""
    return Field(
        title=title, description="Which of the options this is; the form sets it.", json_schema_extra={"order": 0}
    )


class _Form(BaseModel):
    # The platform and older configurations may have settings that this version lacks.
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_not_set(cls, given: Any) -> Any:
        return {key: value for key, value in given.items() if value is not None} if isinstance(given, dict) else given


class ApiTokenCredentials(_Form):
    """Sign in with a token made in Oomnitza (recommended)."""

    model_config = ConfigDict(title="API token")
    auth_type: Literal["api_token"] = _choice("Way to sign in")
    api_token: Secret = Field(
        title="API token",
        description="Make it in Oomnitza under Configuration > Security > API tokens, preferably for a separate user "
        "whose role may read and edit People (and Software > SaaS, if you sync SaaS users).",
        json_schema_extra=_ui(1, airbyte_secret=True),
    )


class PasswordCredentials(_Form):
    """Sign in with a user name and a password, exchanged for a token in each sync."""

    model_config = ConfigDict(title="User name and password")
    auth_type: Literal["password"] = _choice("Way to sign in")
    username: Text = Field(
        title="User name",
        description="The name with which the user signs in to Oomnitza.",
        examples=["airbyte"],
        min_length=1,
        json_schema_extra=_ui(1),
    )
    password: Secret = Field(
        title="Password",
        description="The password of the user. It is exchanged for a token at the start of each sync. "
        "Users with single sign-on have no password: use an API token.",
        json_schema_extra=_ui(2, airbyte_secret=True),
    )


class UserRecords(_Form):
    """Add and update people only."""

    model_config = ConfigDict(title="User only")
    type: Literal["user"] = _choice("Kind")


class UserAndSaasUserRecords(_Form):
    """Add and update people, and the users of an application (Software > SaaS)."""

    model_config = ConfigDict(title="User plus SaaS user")
    type: Literal["user_and_saas_user"] = _choice("Kind")
    saas_name: Text = Field(
        title="SaaS application",
        description="The application's name under Software > SaaS. The first sync adds it if it does not exist.",
        examples=["Slack"],
        min_length=1,
        json_schema_extra=_ui(1),
    )
    saas_id: Annotated[OptionalText, BeforeValidator(_number_is_text)] = Field(
        default=None,
        title="SaaS application id",
        description="The id of the application. Only needed if several applications have the same name.",
        examples=["1042"],
        json_schema_extra=_ui(2),
    )
    external_id: Text = Field(
        default="id",
        title="Id in the application",
        description="The record's field with the person's id in the application: a path such as id or profile.id, or a template.",
        examples=["id"],
        min_length=1,
        json_schema_extra=_ui(3),
    )
    role: OptionalText = Field(
        default="role",
        title="Role in the application",
        description="The record's field with the person's role in the application: a path, or a template. "
        "If a record has no role, the role in Oomnitza does not change.",
        examples=["role", "{{ 'Admin' if record['is_admin'] else 'Member' }}"],
        json_schema_extra=_ui(4),
    )


class FieldMapping(_Form):
    """One Oomnitza field and its value."""

    model_config = ConfigDict(title="Field")
    field: Text = Field(
        title="Oomnitza field",
        description="The field's id in Oomnitza, for example username or position. The id of a field that you added is shown under "
        "Configuration > Customization.",
        examples=["position"],
        min_length=1,
        json_schema_extra=_ui(0),
    )
    value: OptionalText = Field(
        default=None,
        title="Value",
        description="A field of the record (title), a path into it (profile.fields[0].name), or a template if it contains {{ or {%. "
        "To write the same value for all people, leave it empty and give a default.",
        examples=["title", "profile.fields[0].name", "{{ record['first_name'] }} {{ record['last_name'] }}"],
        json_schema_extra=_ui(1, always_show=True),
    )
    default: Annotated[str | int | float | bool | None, BeforeValidator(_blank_is_none)] = Field(
        default=None,
        title="Default",
        description="Written if the record has no value. If Value is empty, it is written for all people.",
        examples=["Employee"],
        json_schema_extra=_ui(2, type=["string", "number", "boolean"], always_show=True),
    )
    if_empty_only: bool = Field(
        default=False,
        title="Only if empty",
        description="Write the value only if the field is empty in Oomnitza, so that values entered there are kept.",
        json_schema_extra=_absent_is_off(3),
    )
    write_empty: bool = Field(
        default=False,
        title="Write empty values",
        description="Empty the field in Oomnitza if the record has no value. Otherwise the old value is kept.",
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
    """Settings that can differ between streams: records, people and fields."""

    default_role: Annotated[int | str | None, BeforeValidator(_blank_is_none)] = Field(
        default=None,
        title="Role of new people",
        description="The Oomnitza role of people who are added: its id or its name "
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
        description="Your own rules, one for each Oomnitza field. A rule takes precedence over smart mapping and over a mapping "
        "drawn in Oomnitza.",
        examples=[[{"field": "position", "value": "title", "default": "Employee"}]],
        json_schema_extra=_ui(5, always_show=True),
    )
    write_mode: WriteMode = Field(
        default="create_and_update",
        title="Create or update",
        description="create_and_update adds people who are not in Oomnitza and updates those who are. "
        "create_only changes no existing people. update_only adds no people.",
        examples=["create_and_update"],
        json_schema_extra=_ui(6),
    )
    existing_values: ExistingValues = Field(
        default="overwrite",
        title="Values of existing people",
        description="overwrite writes every mapped field that differs. fill_empty fills empty fields only. keep writes no fields of "
        "people who are in Oomnitza already. SaaS users are kept up to date in any case.",
        examples=["overwrite"],
        json_schema_extra=_ui(7),
    )
    sync_keys: Annotated[list[Text], AfterValidator(_each_key_once)] = Field(
        default=["email"],
        min_length=1,
        title="Sync keys",
        description="The ids of unique Oomnitza fields that identify a person, most important first. "
        "They are tried in this order, and the first match wins.",
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
        description="For records whose second or further sync key finds a person with another first key, for example after an "
        "e-mail address was given to someone else. update writes the first key after all other records. refuse rejects the record.",
        examples=["update"],
        json_schema_extra=_ui(10),
    )
    default_position: OptionalText = Field(
        default=None,
        title="Position of new people",
        description="The position of people who are added, if the record has none.",
        examples=["Employee"],
        json_schema_extra=_ui(11),
    )
    smart_mapping: bool = Field(
        default=True,
        title="Smart mapping",
        description="Map the usual fields automatically: user name, e-mail address, first and last name, phone number, position, "
        "and the fields that you added in Oomnitza with the name of a field of the stream.",
        json_schema_extra=_ui(12),
    )
    integration_mapping: Annotated[int | None, BeforeValidator(_blank_is_none)] = Field(
        default=None,
        title="Mapping drawn in Oomnitza",
        description="The id of an integration in Oomnitza whose mapping to use, from the address of its page "
        "(/settings/connectors?id=268). It takes precedence over smart mapping, and your field mapping over it.",
        examples=[268],
        json_schema_extra=_ui(13),
    )
    record_filter: OptionalText = Field(
        default=None,
        title="Record filter",
        description="A path or a template. Only records for which it is true are written. Leave it empty to write all records.",
        examples=["{{ not record['is_bot'] }}", "is_email_confirmed"],
        json_schema_extra=_ui(14),
    )
    inactive_when: OptionalText = Field(
        default="deleted",
        title="Account is inactive when",
        description="A path or a template that is true for accounts that are no longer active. Such accounts add no people to Oomnitza, "
        "and their SaaS users are deactivated; existing people are updated as usual.",
        examples=["deleted", "{{ record['status'] == 'TERMINATED' }}"],
        json_schema_extra=_ui(15),
    )

    @property
    def saas(self) -> UserAndSaasUserRecords | None:
        """SaaS application to manage; None for people only."""
        return self.record_type if isinstance(self.record_type, UserAndSaasUserRecords) else None


_AS_ABOVE = "as_above"
_OPEN_IN_AN_ENTRY = frozenset({"write_mode", "sync_keys", "field_mapping"})


def _entry_form(schema: dict[str, Any]) -> None:
    """Show an entry's settings without defaults; absent ones are as for all streams."""
    for name, each in schema["properties"].items():
        if name in StreamSettings.model_fields:
            each.pop("default", None)
            each.pop("always_show", None)
            each.update({"always_show": True} if name in _OPEN_IN_AN_ENTRY else {})
    # The form selects the first option of a choice by default, so that option must change nothing.
    schema["properties"]["record_type"]["oneOf"].insert(
        0,
        {
            "type": "object",
            "title": "As for all streams",
            "description": "Use the option that is chosen for all streams.",
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
        description="Skip the stream: none of its records is written.",
        json_schema_extra=_absent_is_off(1, always_show=True),
    )
    namespace: OptionalText = Field(
        default=None,
        title="Namespace",
        description="The stream's namespace, as the connection lists it. Only needed if two streams have the same name.",
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
        """Settings that the entry has, by name."""
        return {name: getattr(self, name) for name in StreamSettings.model_fields if name in self.model_fields_set}


def _one_entry_a_stream(entries: list[StreamEntry]) -> list[StreamEntry]:
    seen: set[tuple[str | None, str]] = set()
    for entry in entries:
        if (entry.namespace, entry.stream) in seen:
            raise ValueError(f"has two entries for {entry.stream}; keep one of them, or give each its namespace")
        seen.add((entry.namespace, entry.stream))
    return entries


class RestWriting(_Form):
    """Use the REST API: reports the outcome of each record, writes only changes."""

    model_config = ConfigDict(title="REST API (recommended)")
    method: Literal["rest"] = _choice("Method")
    assign_roles: bool = Field(
        default=True,
        title="Set roles of SaaS users",
        description="Set each SaaS user's role in Oomnitza to that of the record. Only with User plus SaaS user.",
        json_schema_extra=_ui(1),
    )
    deactivate_inactive: bool = Field(
        default=True,
        title="Deactivate SaaS users of inactive accounts",
        description="Deactivate the SaaS users of accounts that are no longer active, and activate those of active accounts. "
        "Only with User plus SaaS user.",
        json_schema_extra=_ui(2),
    )
    deactivate_missing: bool = Field(
        default=False,
        title="Deactivate SaaS users that are missing",
        description="Deactivate SaaS users of the application who have no record in a complete sync. "
        "Only with User plus SaaS user and the sync mode Full refresh | Overwrite.",
        json_schema_extra=_ui(3),
    )
    max_deactivated_percent: float = Field(
        default=20,
        ge=0,
        le=100,
        title="Deactivation limit (percent)",
        description="A sync may deactivate this share of the active SaaS users, and always 10 people. If there are more to "
        "deactivate, it deactivates no user beyond the limit and fails.",
        examples=[20],
        json_schema_extra=_ui(4),
    )


class IngestWriting(_Form):
    """Use the interface of Oomnitza's own connector: many records per request."""

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
        description="The id of an integration configured in Oomnitza; it replaces the connector name.",
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
    """Send records to Oomnitza: its address, the records to write, and their fields."""

    model_config = ConfigDict(title="Oomnitza")

    instance_url: Annotated[str, AfterValidator(instance_origin)] = Field(
        title="Oomnitza address",
        description="The address at which you open Oomnitza in the browser. Its first part is enough.",
        examples=["https://acme.oomnitza.com", "acme"],
        json_schema_extra=_ui(0),
    )
    credentials: ApiTokenCredentials | PasswordCredentials = Field(
        title="Credentials",
        description="The token or password to sign in to Oomnitza.",
        discriminator="auth_type",
        json_schema_extra=_ui(1),
    )
    test_run: bool = Field(
        default=False,
        title="Test run",
        description="Look up and compare people, but write nothing; the log reports what a sync would write.",
        json_schema_extra=_ui(4, always_show=True),
    )
    streams: Annotated[list[StreamEntry], AfterValidator(_one_entry_a_stream)] = Field(
        default=[],
        title="Settings of single streams",
        description="One entry for each stream that is written differently. Settings that an entry omits are those of "
        "all streams.",
        examples=[[{"stream": "last_logins", "write_mode": "update_only", "sync_keys": ["slack_user_id"]}]],
        json_schema_extra=_ui(16),
    )
    write_method: RestWriting | IngestWriting = Field(
        default=RestWriting(method="rest"),
        title="Write method",
        description="The interface of Oomnitza that records are sent to.",
        discriminator="method",
        json_schema_extra=_ui(17, group="advanced"),
    )
    trigger_workflows: bool = Field(
        default=True,
        title="Trigger workflows",
        description="Let changes start workflows in Oomnitza. Switch it off for a first load, which could start thousands of them.",
        json_schema_extra=_ui(18, group="advanced"),
    )
    on_failed_record: Literal["continue", "fail_after_sync"] = Field(
        default="continue",
        title="When a record is rejected",
        description="A rejected record is always reported. continue acknowledges it like any other record. fail_after_sync writes all "
        "other records, then fails, so that the next sync sends the record again.",
        examples=["continue"],
        json_schema_extra=_ui(19, group="advanced"),
    )
    batch_size: int = Field(
        default=100,
        ge=1,
        le=1000,
        title="Records per batch",
        description="The number of people to look up at a time.",
        examples=[100],
        json_schema_extra=_ui(20, group="advanced"),
    )
    num_workers: int = Field(
        default=8,
        ge=1,
        le=32,
        title="Concurrent requests",
        description="The maximum number of requests to Oomnitza at the same time.",
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
        """Return the settings of one stream.

        Settings that its entry omits are those of all streams. An entry without a namespace applies to a stream of any namespace that
        has no entry of its own.
        """
        entry = self.entry(name, namespace)
        return self if entry is None else self.model_copy(update=entry.given)

    def entry(self, name: str, namespace: str | None = None) -> StreamEntry | None:
        """Return the entry of a stream, or None if it has none."""
        named = {entry.namespace: entry for entry in self.streams if entry.stream == name}
        return named.get(namespace) or named.get(None)

    @property
    def integrations(self) -> list[int]:
        """Ids of the integrations whose mappings are used, without duplicates."""
        given = [each.integration_mapping for each in (self, *self.streams)]
        return list(dict.fromkeys(each for each in given if each is not None))

    @property
    def deactivates_missing(self) -> bool:
        """Whether SaaS users without a record in a complete stream are deactivated."""
        return isinstance(self.write_method, RestWriting) and self.write_method.deactivate_missing

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Config:
        """Parse a configuration.

        Raises AirbyteTracedException (config_error) with one sentence per problem, including misspelt names. Values are never quoted:
        one of them could be a secret that was pasted into the wrong field.
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
        if mistakes:  # raised outside the handler, because the validation error quotes the configuration
            raise config_error("The configuration is not valid. " + " ".join(mistakes), "; ".join(kinds))
        return config

    @classmethod
    def unknown(cls, raw: Mapping[str, Any]) -> list[str]:
        """Return the dotted names that are no settings and resemble none."""
        return [each.path for each in unknown_settings(cls, raw) if each.meant is None]
