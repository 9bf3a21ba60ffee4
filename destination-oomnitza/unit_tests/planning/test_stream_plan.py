"""Plans: what is to be done with a stream, and what `check` refuses, in which words."""

from __future__ import annotations

from typing import Any

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.config.models import Config
from destination_oomnitza.person_schema import PersonSchema
from destination_oomnitza.planning.stream_plan import StreamPlan, plan_stream
from destination_oomnitza.protocol.catalog import Stream

ROLE = {
    "label": "Role",
    "data_type": "integer",
    "searchhelp": [{"key": "25", "value": "Employee"}, {"key": "1", "value": "Boss"}],
}
INSTANCE = PersonSchema.parse(
    {
        "role": ROLE,
        "slack_user_id": {"label": "Slack User Id", "data_type": "text", "unique": "1", "internal_id": "A" * 32},
        "badge": {"label": "Badge Number", "data_type": "integer", "unique": "0", "internal_id": "B" * 32},
        "hr_only": {"label": "HR Only", "data_type": "text", "editable": "0", "internal_id": "C" * 32},
        "last_login_date": {"label": "Last Login", "data_type": "date", "editable": "0"},
    }
)
ANY = Stream("every stream")


def plan(stream: Stream = ANY, instance: PersonSchema = INSTANCE, **more: Any) -> StreamPlan:
    config = {
        "instance_url": "acme",
        "credentials": {"auth_type": "api_token", "api_token": "made up"},
        "default_role": 25,
        **more,
    }
    return plan_stream(Config.parse(config), instance, stream)


def refusal(stream: Stream = ANY, instance: PersonSchema = INSTANCE, **more: Any) -> str:
    with pytest.raises(AirbyteTracedException) as caught:
        plan(stream, instance, **more)
    assert caught.value.failure_type is FailureType.config_error
    return str(caught.value.message)


def activation(name: str, mode: str, *properties: str, key: str = "email") -> Stream:
    return Stream("mapped", None, "incremental", mode, {name: {} for name in properties} or None, (key,), name)


# -- what check refuses ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (
            {"default_role": None},
            "Oomnitza needs a role: add it to the field mapping or give a role of new people (default_role).",
        ),
        (
            {"smart_mapping": False, "field_mapping": [{"field": "email", "value": "email"}]},
            "To add people, Oomnitza needs a user name (username): add it to the field mapping.",
        ),
        (
            {"smart_mapping": False, "default_role": None},
            "To add people, Oomnitza needs a user name (username) and an e-mail address (email) and a role: add it",
        ),
        (
            {"default_role": "Wizard"},
            "Role of new people (default_role): there is no role 'Wizard'; there are Employee (25), Boss (1).",
        ),
        ({"default_role": 99}, "Role of new people (default_role): there is no role '99'"),
        (
            {"field_mapping": [{"field": "postion", "value": "title"}]},
            "Field mapping: Oomnitza has no field postion for people. Did you mean position?",
        ),
        (
            {"field_mapping": [{"field": "Badge Number", "value": "n"}]},
            "Oomnitza has no field Badge Number for people. Did you mean badge?",
        ),
        (
            {"field_mapping": [{"field": "position", "value": "{{ record['a' }}"}]},
            "Field mapping, entry for position: the template does not compile: ",
        ),
        (
            {"field_mapping": [{"field": "position", "value": "{{ title }}"}]},
            "Field mapping, entry for position: the template does not compile: it speaks of title",
        ),
        (
            {"field_mapping": [{"field": "position", "value": "a..b"}]},
            "Field mapping, entry for position: 'a..b' is not a path; a path looks like",
        ),
        (
            {"field_mapping": [{"field": "badge", "default": "seven"}]},
            "Field mapping, entry for badge: the default is text that cannot be read, and the field needs a number.",
        ),
        (
            {"field_mapping": [{"field": "role", "default": "Wizard"}]},
            "Field mapping, entry for role: the default names no role: there is no role 'Wizard'",
        ),
        (
            {"field_mapping": [{"field": "user_id", "value": "id"}]},
            "Field mapping: user_id is kept by Oomnitza itself and cannot be written.",
        ),
        (
            {"field_mapping": [{"field": "last_login_date", "value": "x"}]},
            "Field mapping: last_login_date is kept by Oomnitza itself",
        ),
        ({"record_filter": "{% if %}"}, "Record filter (record_filter) does not compile: "),
        ({"record_filter": "a[b]"}, "Record filter (record_filter) does not compile: 'a[b]' is not a path"),
        (
            {"inactive_when": "{{ status == 'x' }}"},
            "Account is inactive when (inactive_when) does not compile: it speaks of status",
        ),
        (
            {"record_type": {"type": "user_and_saas_user", "saas_name": "Slack", "role": "{{ x"}},
            "What to write (record_type): a path or template does not compile: ",
        ),
        (
            {
                "sync_keys": ["slack_user_id"],
                "smart_mapping": False,
                "field_mapping": [{"field": "username", "value": "n"}, {"field": "email", "value": "e"}],
            },
            "Sync keys: slack_user_id is not mapped, so no record has a value for it; add an entry",
        ),
        ({"sync_keys": ["slack_id"]}, "Sync keys: Oomnitza has no field slack_id for people."),
        (
            {"sync_keys": ["badge"], "field_mapping": [{"field": "badge", "value": "n"}]},
            "Sync keys: badge is not unique in Oomnitza, so it cannot tell people apart; choose a unique field.",
        ),
        ({"sync_keys": ["position"]}, "Sync keys: position is not unique in Oomnitza"),
    ],
)
def test_each_mistake_is_named_with_its_place(more: dict[str, Any], told: str) -> None:
    assert told in refusal(**more)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    told = refusal(
        default_role="Wizard", record_filter="{{", sync_keys=["badge"], field_mapping=[{"field": "x", "value": "y"}]
    )
    for place in ("default_role", "record_filter", "Sync keys: badge", "Field mapping: Oomnitza has no field x"):
        assert place in told


def test_a_unique_field_that_the_metadata_says_is_none() -> None:
    instance = PersonSchema.parse({"role": ROLE, "email": {"label": "Email", "unique": "0"}})
    assert "Sync keys: email is not unique" in refusal(instance=instance)


def test_without_metadata_no_field_is_unknown_and_none_is_doubted() -> None:
    made = plan(instance=PersonSchema.unknown(), sync_keys=["badge"], field_mapping=[{"field": "badge", "value": "n"}])
    assert made.mapping.sync_keys == ("badge",)
    assert "does not tell its roles by name" in refusal(instance=PersonSchema.unknown(), default_role="Employee")


@pytest.mark.parametrize("key", ["email or 1 eq 1", "email]", "a b", 'x"'])
def test_a_sync_key_cannot_change_a_filter(key: str) -> None:
    told = refusal(instance=PersonSchema.unknown(), sync_keys=[key], field_mapping=[{"field": key, "value": "n"}])
    assert "is not the id of a field" in told


# -- what a configuration becomes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "create", "update"),
    [("create_and_update", True, True), ("create_only", True, False), ("update_only", False, True)],
)
def test_write_modes(mode: str, create: bool, update: bool) -> None:
    made = plan(write_mode=mode)
    assert (made.create, made.update) == (create, update)
    assert made.mapping.defaults == ({"role": 25} if create else {})


def test_update_only_needs_no_role() -> None:
    assert plan(write_mode="update_only", default_role=None).update


def test_an_entry_wins_over_smart_mapping_for_its_field_alone() -> None:
    made = plan(Stream("users", properties={"badge_number": {}}), field_mapping=[{"field": "position", "value": "job"}])
    told = {name: (rule.expression, rule.origin) for name, rule in made.mapping.rules.items()}
    assert told["position"] == ("job", "your field mapping")
    assert told["email"] == ("email", "smart mapping")
    assert told["badge"] == ("badge_number", "smart mapping")
    assert told["slack_user_id"] == ("id", "smart mapping")
    assert "hr_only" not in told


def test_smart_mapping_can_be_off() -> None:
    entries = [{"field": "username", "value": "login"}, {"field": "email", "value": "mail"}]
    made = plan(smart_mapping=False, field_mapping=entries)
    assert set(made.mapping.rules) == {"username", "email"}


@pytest.mark.parametrize("role", [25, "25", "employee", "Employee"])
def test_a_role_of_new_people_by_id_or_name(role: Any) -> None:
    assert plan(default_role=role, default_position="New").mapping.defaults == {"role": 25, "position": "New"}


def test_a_role_of_the_mapping_is_enough() -> None:
    made = plan(default_role=None, field_mapping=[{"field": "role", "default": "Employee"}])
    row = made.mapping({"email": "a@b.example"})
    assert row is not None and row.fields["role"] == 25


def test_the_meta_restriction_is_only_lifted_where_a_mapped_field_needs_it() -> None:
    for made in (plan(), plan(activation("user", "update", "email"))):
        assert "hr_only" in made.edit_only and made.edit_only.isdisjoint(made.mapping.rules)
    assert "hr_only" in plan(field_mapping=[{"field": "hr_only", "value": "x"}]).mapping.rules


def test_the_filter() -> None:
    made = plan(record_filter="{{ not record['is_bot'] }}")
    assert made.filter is not None and made.filter({"is_bot": False}) and not made.filter({"is_bot": True})
    assert plan().filter is None


def test_ingest_names_fields_by_internal_ids_and_refuses_what_only_rest_can() -> None:
    ingest = {"write_method": {"method": "ingest"}}
    assert plan(**ingest).create
    only_rest = "which only the write method REST can do"
    told = refusal(
        **ingest, update_sync_keys=True, field_mapping=[{"field": "position", "value": "x", "if_empty_only": True}]
    )
    assert told.count(only_rest) == 2
    assert "external_id: Oomnitza does not tell its internal id" in refusal(
        **ingest, field_mapping=[{"field": "external_id", "value": "x"}]
    )


# -- data activation ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "create", "update"), [("append", True, False), ("append_dedup", True, True), ("update", False, True)]
)
def test_activation_of_people(mode: str, create: bool, update: bool) -> None:
    made = plan(
        activation("user", mode, "username", "email", "badge"), write_mode="create_only", sync_keys=["username"]
    )
    assert (made.create, made.update, made.saas) == (create, update, False)
    assert made.mapping.sync_keys == ("email",)
    row = made.mapping(
        {"username": "ada", "email": "ada@acme.example", "badge": "7", "name": "not mapped", "deleted": True}
    )
    assert row is not None and row.fields == {"username": "ada", "email": "ada@acme.example", "badge": 7}
    assert not row.inactive


def test_activation_without_a_schema_takes_fields_as_they_come() -> None:
    made = plan(activation("user", "append_dedup"), default_role=None)
    row = made.mapping({"email": "a@b.example", "position": "Boss", "role": "Boss", "unknown": 1})
    assert row is not None and row.fields == {"email": "a@b.example", "position": "Boss", "role": 1}


@pytest.mark.parametrize("mode", ["append_dedup", "soft_delete"])
def test_activation_of_saas_users(mode: str) -> None:
    saas = {"record_type": {"type": "user_and_saas_user", "saas_name": "Slack"}}
    made = plan(activation("saas_user", mode, "email", "user_external_id", "role"), **saas)
    assert (made.create, made.update, made.saas, made.saas_user_only) == (False, False, True, True)
    assert made.soft_delete == (mode == "soft_delete")
    row = made.mapping({"email": "a@b.example", "user_external_id": "U1", "role": "admin"})
    assert row is not None and (row.fields, row.external_id, row.role) == ({"email": "a@b.example"}, "U1", "admin")


def test_saas_users_may_be_found_by_oomnitzas_own_id() -> None:
    saas = {"record_type": {"type": "user_and_saas_user", "saas_name": "Slack"}}
    made = plan(activation("saas_user", "append_dedup", "user_id", "role", key="user_id"), **saas)
    row = made.mapping({"user_id": "u1", "role": "admin"})
    assert row is not None and (row.keys, row.fields) == (("u1",), {})


@pytest.mark.parametrize(
    ("stream", "told"),
    [
        (
            activation("asset", "append"),
            "asks for append of asset, which Oomnitza does not offer; there are append of user, ",
        ),
        (activation("user", "soft_delete", "email"), "asks for soft_delete of user, which Oomnitza does not offer"),
        (
            activation("saas_user", "append_dedup", "email"),
            "writes SaaS users: choose User plus SaaS user (record_type)",
        ),
        (
            activation("user", "update", "email", "postion"),
            "The stream mapped: Oomnitza has no field postion for people. Did you mean position?",
        ),
        (activation("user", "append", "email"), "To add people, Oomnitza needs a user name (username)"),
        (activation("user", "update", "badge", key="badge"), "Sync keys: badge is not unique"),
        (activation("user", "update", "email", "user_id"), "user_id is kept by Oomnitza itself"),
    ],
)
def test_what_an_activation_cannot_ask_for(stream: Stream, told: str) -> None:
    assert told in refusal(stream)
