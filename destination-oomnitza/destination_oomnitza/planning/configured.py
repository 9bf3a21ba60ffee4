"""Plans a stream by the configuration: its rules, mode and conditions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from destination_oomnitza.config.models import Config, FieldMapping, StreamSettings
from destination_oomnitza.mapping.expressions import Condition, compile_condition, compile_value
from destination_oomnitza.mapping.record_mapping import RecordMapping, SaasRules
from destination_oomnitza.mapping.rules import SMART_MAPPING, Rule, explicit_rule, smart_rules
from destination_oomnitza.person_schema import PersonSchema
from destination_oomnitza.planning.capabilities import capabilities
from destination_oomnitza.planning.integration_mapping import DrawnMapping
from destination_oomnitza.planning.model import ExistingPeople, PeoplePlan, SaasPlan, StreamPlan
from destination_oomnitza.planning.new_people import defaults, prove_complete
from destination_oomnitza.planning.problems import Problems, unknown_field
from destination_oomnitza.protocol.catalog import Stream


def plan_configured(
    config: Config, schema: PersonSchema, stream: Stream, drawn: DrawnMapping | None, problems: Problems
) -> StreamPlan:
    """Return the plan of a stream.

    `config` has the settings of this stream, `drawn` its mapping drawn in Oomnitza.
    """
    method = capabilities(config.write_method)
    rules = {rule.field.id: rule for rule in _rules(config, schema, stream, drawn, problems)}
    if method.names_fields_by_internal_id:
        # Fields of smart mapping without an internal id are left out; those of other settings are a problem.
        rules = {name: each for name, each in rules.items() if each.field.internal_id or not _is_offered(each, config)}
    if config.existing_values == "fill_empty":
        rules = {name: replace(rule, if_empty_only=True) for name, rule in rules.items()}
    people = _people(config, schema)
    new = defaults(config, schema, problems) if people.creates else {}
    if people.creates:
        prove_complete(rules.keys() | new.keys(), schema, problems)
    mapping = RecordMapping(
        rules.values(),
        config.sync_keys,
        schema.fields,
        inactive=_condition("Account is inactive when (inactive_when)", config.inactive_when, problems),
        saas=_saas_rules(config, problems),
        defaults=new,
    )
    return StreamPlan(
        stream=stream,
        mapping=mapping,
        filter=_condition("Record filter (record_filter)", config.record_filter, problems),
        people=people,
        saas=_saas(config, stream),
        write_method=method,
        remarks=tuple(drawn.remarks()) if drawn is not None else (),
    )


def plan_skipped(config: Config, stream: Stream) -> StreamPlan:
    """Return a plan that skips every record of a stream."""
    return StreamPlan(
        stream=stream,
        mapping=RecordMapping([], [], {}),
        filter=lambda record: False,
        people=None,
        saas=None,
        write_method=capabilities(config.write_method),
        remarks=(f"Nothing of {stream.title} is written: Write nothing of this stream (skip) is on in its settings.",),
    )


def _rules(
    config: StreamSettings, schema: PersonSchema, stream: Stream, drawn: DrawnMapping | None, problems: Problems
) -> Iterator[Rule]:
    """Yield the rules; the last one of a field wins."""
    if config.smart_mapping:
        yield from smart_rules(schema, stream.properties or {})
    if drawn is not None:
        yield from drawn.rules({entry.field for entry in config.field_mapping}, problems)
    for entry in config.field_mapping:
        rule = _explicit(entry, schema, problems)
        if rule is not None:
            yield rule


def _is_offered(rule: Rule, config: StreamSettings) -> bool:
    return rule.origin == SMART_MAPPING and rule.field.id not in config.sync_keys


def _explicit(entry: FieldMapping, schema: PersonSchema, problems: Problems) -> Rule | None:
    if schema.known and entry.field not in schema.fields:
        problems.add(unknown_field("Field mapping (field_mapping)", entry.field, schema))
        return None
    try:
        return explicit_rule(entry, schema)
    except ValueError as error:
        problems.add(f"Field mapping (field_mapping), entry for {entry.field}: {error}.")
        return None


def _people(config: StreamSettings, schema: PersonSchema) -> PeoplePlan:
    existing: ExistingPeople = "keep" if config.existing_values == "keep" else "write"
    return PeoplePlan(
        creates=config.write_mode != "update_only",
        existing="skip" if config.write_mode == "create_only" else existing,
        update_sync_keys=config.update_sync_keys,
        on_identity_change=config.on_identity_change,
        edit_only=schema.edit_only(),
    )


def _saas(config: Config, stream: Stream) -> SaasPlan | None:
    if config.saas is None:
        return None
    return SaasPlan(config.saas, deactivates_missing=stream.is_full_reload and config.deactivates_missing)


def _saas_rules(config: StreamSettings, problems: Problems) -> SaasRules | None:
    if config.saas is None:
        return None
    try:
        role = config.saas.role
        return SaasRules(compile_value(config.saas.external_id), compile_value(role) if role is not None else None)
    except ValueError as error:
        problems.add(f"What to write (record_type): a path or template does not compile: {error}.")
        return None


def _condition(where: str, text: str | None, problems: Problems) -> Condition | None:
    if text is None:
        return None
    try:
        return compile_condition(text)
    except ValueError as error:
        problems.add(f"{where} does not compile: {error}.")
        return None
