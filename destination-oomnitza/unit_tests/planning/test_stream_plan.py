"""Tests of plans: how streams are written, and the problems that a check names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from destination_oomnitza.config.models import Config
from destination_oomnitza.person_schema import PersonSchema
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.planning.stream_plan import entries_without_stream, plan_streams
from destination_oomnitza.protocol.catalog import Stream

LEAST: dict[str, Any] = {
    "instance_url": "acme",
    "credentials": {"auth_type": "api_token", "api_token": "made up"},
    "default_role": 25,
}
Plan = Callable[..., StreamPlan]
Mistakes = Callable[..., str]


# -- problems ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (
            {"default_role": None},
            "Oomnitza needs a role: add it to the field mapping (field_mapping) or give a role of new people",
        ),
        (
            {"smart_mapping": False, "field_mapping": [{"field": "email", "value": "email"}]},
            "To add people, Oomnitza needs a user name (username): add it to the field mapping",
        ),
        (
            {"smart_mapping": False, "default_role": None},
            "To add people, Oomnitza needs a user name (username), an e-mail address (email) and a role: add it",
        ),
        (
            {"default_role": "Wizard"},
            "Role of new people (default_role): there is no role 'Wizard'; there are Employee (25), Boss (1).",
        ),
        ({"default_role": 99}, "Role of new people (default_role): there is no role '99'"),
        (
            {"field_mapping": [{"field": "postion", "value": "title"}]},
            "Field mapping (field_mapping): Oomnitza has no field postion for people. Did you mean position?",
        ),
        (
            {"field_mapping": [{"field": "Badge Number", "value": "n"}]},
            "Oomnitza has no field Badge Number for people. Did you mean badge?",
        ),
        (
            {"field_mapping": [{"field": "position", "value": "{{ record['a' }}"}]},
            "Field mapping (field_mapping), entry for position: the template does not compile: ",
        ),
        (
            {"field_mapping": [{"field": "position", "value": "{{ title() }}"}]},
            "Field mapping (field_mapping), entry for position: the template does not compile: it calls title(), which does not exist",
        ),
        (
            {"field_mapping": [{"field": "position", "value": "a..b"}]},
            "Field mapping (field_mapping), entry for position: 'a..b' is not a path; a path looks like",
        ),
        (
            {"field_mapping": [{"field": "badge", "default": "seven"}]},
            "Field mapping (field_mapping), entry for badge: the default is text that cannot be read, and the field needs a number.",
        ),
        (
            {"field_mapping": [{"field": "role", "default": "Wizard"}]},
            "Field mapping (field_mapping), entry for role: the default names no role: there is no role 'Wizard'",
        ),
        (
            {"field_mapping": [{"field": "user_id", "value": "id"}]},
            "Field mapping (field_mapping): user_id is set by Oomnitza itself and cannot be written.",
        ),
        (
            {"field_mapping": [{"field": "last_login_date", "value": "x"}]},
            "Field mapping (field_mapping): last_login_date is set by Oomnitza itself",
        ),
        ({"record_filter": "{% if %}"}, "Record filter (record_filter) does not compile: "),
        ({"record_filter": "a[b]"}, "Record filter (record_filter) does not compile: 'a[b]' is not a path"),
        (
            {"inactive_when": "{{ response.status == 'x' }}"},
            "Account is inactive when (inactive_when) does not compile: it reads response",
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
            "Sync keys (sync_keys): slack_user_id is not mapped, so no record has a value for it; add an entry",
        ),
        ({"sync_keys": ["slack_id"]}, "Sync keys (sync_keys): Oomnitza has no field slack_id for people."),
        (
            {"sync_keys": ["badge"], "field_mapping": [{"field": "badge", "value": "n"}]},
            "Sync keys (sync_keys): badge is not unique in Oomnitza, so it cannot tell people apart; choose a unique field.",
        ),
        ({"sync_keys": ["position"]}, "Sync keys (sync_keys): position is not unique in Oomnitza"),
    ],
)
def test_mistake_is_named_with_its_place(more: dict[str, Any], sentence: str, mistakes: Mistakes) -> None:
    assert sentence in mistakes(**more)


def test_mistakes_of_a_plan_are_reported_together(mistakes: Mistakes) -> None:
    sentence = mistakes(
        default_role="Wizard", record_filter="{{", sync_keys=["badge"], field_mapping=[{"field": "x", "value": "y"}]
    )
    for place in ("default_role", "record_filter", "Sync keys (sync_keys): badge", "Oomnitza has no field x"):
        assert place in sentence


def test_standard_key_that_is_not_unique_here_is_a_mistake(mistakes: Mistakes) -> None:
    instance = PersonSchema.parse({"role": {}, "email": {"label": "Email", "unique": "0"}})
    assert "Sync keys (sync_keys): email is not unique" in mistakes(instance=instance)


def test_plan_without_metadata_accepts_any_field(plan: Plan, mistakes: Mistakes) -> None:
    made = plan(instance=PersonSchema.unknown(), sync_keys=["badge"], field_mapping=[{"field": "badge", "value": "n"}])
    assert made.mapping.sync_keys == ("badge",)
    assert "does not report its roles by name" in mistakes(instance=PersonSchema.unknown(), default_role="Employee")


@pytest.mark.parametrize("key", ["email or 1 eq 1", "email]", "a b", 'x"'])
def test_sync_key_that_could_change_a_filter_is_a_mistake(key: str, mistakes: Mistakes) -> None:
    sentence = mistakes(instance=PersonSchema.unknown(), sync_keys=[key], field_mapping=[{"field": key, "value": "n"}])
    assert "is not the id of a field" in sentence


# -- plans -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "create", "existing"),
    [("create_and_update", True, "write"), ("create_only", True, "skip"), ("update_only", False, "write")],
)
def test_write_mode_decides_written_people(mode: str, create: bool, existing: str, plan: Plan) -> None:
    made = plan(write_mode=mode)
    assert (made.creates, made.existing) == (create, existing)
    assert made.mapping.defaults == ({"role": 25} if create else {})


def test_update_only_needs_no_role(plan: Plan) -> None:
    assert plan(write_mode="update_only", default_role=None).existing == "write"


def test_own_rule_wins_over_smart_mapping_for_its_field(plan: Plan) -> None:
    made = plan(Stream("users", properties={"badge_number": {}}), field_mapping=[{"field": "position", "value": "job"}])
    origins = {name: (rule.expression, rule.origin) for name, rule in made.mapping.rules.items()}
    assert origins["position"] == ("job", "your field mapping")
    assert origins["email"] == ("email", "smart mapping")
    assert origins["badge"] == ("badge_number", "smart mapping")
    assert origins["slack_user_id"] == ("id", "smart mapping")
    assert "hr_only" not in origins


def test_smart_mapping_off_leaves_own_rules_alone(plan: Plan) -> None:
    entries = [{"field": "username", "value": "login"}, {"field": "email", "value": "mail"}]
    made = plan(smart_mapping=False, field_mapping=entries)
    assert set(made.mapping.rules) == {"username", "email"}


@pytest.mark.parametrize("role", [25, "25", "employee", "Employee"])
def test_default_role_by_id_or_name(role: Any, plan: Plan) -> None:
    assert plan(default_role=role, default_position="New").mapping.defaults == {"role": 25, "position": "New"}


def test_mapped_role_is_enough(plan: Plan) -> None:
    made = plan(default_role=None, field_mapping=[{"field": "role", "default": "Employee"}])
    row = made.mapping({"email": "a@b.example"})
    assert row is not None and row.fields["role"] == 25


def test_edit_only_fields_are_planned_if_mapped_by_own_rule(plan: Plan) -> None:
    mapped = Stream("mapped", destination_sync_mode="update", primary_key=("email",), object_name="user")
    for made in (plan(), plan(mapped)):
        assert made.people is not None and "hr_only" in made.people.edit_only
        assert made.people.edit_only.isdisjoint(made.mapping.rules)
    assert "hr_only" in plan(field_mapping=[{"field": "hr_only", "value": "x"}]).mapping.rules


def test_record_filter_is_compiled(plan: Plan) -> None:
    made = plan(record_filter="{{ not record['is_bot'] }}")
    assert made.filter is not None and made.filter({"is_bot": False}) and not made.filter({"is_bot": True})
    assert plan().filter is None


def test_ingest_with_rest_only_settings_is_a_mistake(plan: Plan, mistakes: Mistakes) -> None:
    ingest = {"write_method": {"method": "ingest"}}
    assert plan(**ingest).creates
    only_rest = "which only the write method REST can do"
    sentence = mistakes(
        **ingest, update_sync_keys=True, field_mapping=[{"field": "position", "value": "x", "if_empty_only": True}]
    )
    assert sentence.count(only_rest) == 2
    assert "external_id: Oomnitza does not report its internal id" in mistakes(
        **ingest, field_mapping=[{"field": "external_id", "value": "x"}]
    )


# -- full reloads, and keys that only find people ----------------------------------------------------------------------

SAAS: dict[str, Any] = {"record_type": {"type": "user_and_saas_user", "saas_name": "Slack"}}
INTEGRATION = {"connector_id": 12, "saas_sync_key": "slack-main"}
DEACTIVATE = {"method": "rest", "deactivate_missing": True}


@pytest.mark.parametrize(
    ("sync_mode", "destination_sync_mode", "settings", "whole"),
    [
        ("full_refresh", "overwrite", {"write_method": DEACTIVATE, **SAAS}, True),
        ("incremental", "overwrite", {"write_method": DEACTIVATE, **SAAS}, False),
        ("full_refresh", "append", {"write_method": DEACTIVATE, **SAAS}, False),
        ("full_refresh", "overwrite", {"write_method": {"method": "rest"}, **SAAS}, False),
        ("full_refresh", "overwrite", {"write_method": {"method": "ingest", **INTEGRATION}, **SAAS}, False),
        ("full_refresh", "overwrite", {"write_method": DEACTIVATE}, None),
    ],
)
def test_deactivate_missing_needs_a_full_reload(
    plan: Plan, sync_mode: str, destination_sync_mode: str, settings: dict[str, Any], whole: bool | None
) -> None:
    made = plan(Stream("users", None, sync_mode, destination_sync_mode), **settings)
    assert (made.saas.deactivates_missing if made.saas else None) == whole


@pytest.mark.parametrize(
    ("mode", "field", "wrong"),
    [
        # A key that Oomnitza sets itself finds people; only a field that a new person needs must be written, too.
        ("create_and_update", "user_id", False),
        ("update_only", "user_id", False),
        ("update_only", "username", False),
        # A user name is given to new people and never edited, whatever the flag.
        ("create_and_update", "username", False),
        ("create_and_update", "email", True),
    ],
)
def test_key_that_is_kept_by_oomnitza_may_only_find(
    plan: Plan, mistakes: Mistakes, mode: str, field: str, wrong: bool
) -> None:
    instance = PersonSchema.parse({field: {"label": field, "unique": "1", "editable": "0"}})
    settings = {"write_mode": mode, "sync_keys": [field], "field_mapping": [{"field": field, "value": "x"}]}
    if wrong:
        assert f"{field} is set by Oomnitza itself and cannot be written" in mistakes(instance=instance, **settings)
    else:
        assert plan(instance=instance, **settings).mapping.sync_keys == (field,)


# -- existing values, and settings of single streams -------------------------------------------------------------------


def test_fill_empty_makes_every_rule_fill_empty_fields(plan: Plan) -> None:
    made = plan(existing_values="fill_empty", field_mapping=[{"field": "address", "default": "HQ"}])
    assert made.existing == "write" and all(rule.if_empty_only for rule in made.mapping.rules.values())


@pytest.mark.parametrize(("mode", "existing"), [("create_and_update", "keep"), ("create_only", "skip")])
def test_keep_leaves_existing_people(plan: Plan, mode: str, existing: str) -> None:
    assert plan(existing_values="keep", write_mode=mode).existing == existing


def test_entry_of_a_stream_is_planned_with_its_settings(plan: Plan) -> None:
    entry = {"stream": "logins", "write_mode": "update_only", "smart_mapping": False, "sync_keys": ["slack_user_id"]}
    entry["field_mapping"] = [{"field": "slack_user_id", "value": "user_id"}]
    made = plan(Stream("logins"), streams=[entry], on_identity_change="refuse")
    assert made.people is not None and made.people.on_identity_change == "refuse"
    assert (made.creates, list(made.mapping.rules), made.mapping.defaults) == (False, ["slack_user_id"], {})
    assert plan(Stream("users"), streams=[entry]).creates


def test_entry_mistake_names_its_stream(mistakes: Mistakes) -> None:
    sentence = mistakes(Stream("logins"), streams=[{"stream": "logins", "sync_keys": ["badge"]}])
    assert sentence.startswith(
        "Settings of single streams (streams), logins: Sync keys (sync_keys): badge is not mapped"
    )


def test_skipped_stream_needs_nothing_and_writes_nothing(plan: Plan) -> None:
    entry = {"stream": "groups", "skip": True, "sync_keys": ["no such field"]}
    made = plan(Stream("groups"), streams=[entry], default_role=None)
    assert made.filter is not None and not made.filter({"email": "ada@acme.example"})
    assert made.people is None and made.saas is None
    assert "groups" in made.remarks[0]


@pytest.mark.parametrize(
    "settings",
    [{"existing_values": "fill_empty"}, {"existing_values": "keep"}, {"on_identity_change": "refuse"}],
)
def test_ingest_cannot_depend_on_existing_people(mistakes: Mistakes, settings: dict[str, Any]) -> None:
    assert "which only the write method REST can do" in mistakes(write_method={"method": "ingest"}, **settings)


def test_entry_without_stream_is_a_warning() -> None:
    config = Config.parse({**LEAST, "streams": [{"stream": "logins"}, {"stream": "users", "namespace": "hr"}]})
    warnings = list(entries_without_stream(config, [Stream("users"), Stream("groups")]))
    assert [text.partition("has no stream ")[2].partition(",")[0] for text in warnings] == ["logins", "hr.users"]
    assert "there are users, groups" in warnings[0]
    assert not list(entries_without_stream(config, [Stream("logins", "any"), Stream("users", "hr")]))


def test_entry_of_two_streams_needs_a_namespace() -> None:
    config = Config.parse({**LEAST, "streams": [{"stream": "users", "skip": True}]})
    streams = [Stream("users", "a"), Stream("users", "b")]
    with pytest.raises(
        AirbyteTracedException, match=r"users names 2 streams, a\.users and b\.users; give the entry a namespace"
    ):
        plan_streams(config, PersonSchema.unknown(), streams)
    entries = [{"stream": "users", "namespace": "a", "skip": True}, {"stream": "users", "namespace": "b", "skip": True}]
    assert len(plan_streams(Config.parse({**LEAST, "streams": entries}), PersonSchema.unknown(), streams)) == 2
