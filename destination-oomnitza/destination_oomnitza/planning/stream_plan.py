"""What is to be done with the records of one stream: from the configuration, the catalog and the instance's metadata."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from destination_oomnitza.config.models import Config, FieldMapping, IngestWriting, RestWriting
from destination_oomnitza.mapping.expressions import Condition, compile_condition, compile_value, field_value
from destination_oomnitza.mapping.record_mapping import RecordMapping, SaasRules
from destination_oomnitza.mapping.rules import Rule, explicit_rule, field_fit, smart_rules
from destination_oomnitza.mapping.values import ValueRejected
from destination_oomnitza.person_schema import REQUIRED, Kind, PersonField, PersonSchema
from destination_oomnitza.protocol.catalog import Stream

USER, SAAS_USER = "user", "saas_user"
"""The objects of data activation (configuration.md, "Sync modes")."""

_ACTIVATION_MODES = {
    (USER, "append"): (True, False),
    (USER, "append_dedup"): (True, True),
    (USER, "update"): (False, True),
    (SAAS_USER, "append_dedup"): (False, False),
    (SAAS_USER, "soft_delete"): (False, False),
}
_REQUIRED_NAMES = {"username": "a user name (username)", "email": "an e-mail address (email)", "role": "a role"}


@dataclass(frozen=True)
class StreamPlan:
    """How one stream is written."""

    stream: Stream
    mapping: RecordMapping
    filter: Condition | None
    create: bool
    update: bool
    saas: bool = False
    """Whether the SaaS side is kept, too."""
    saas_user_only: bool = False
    """Records are of data activation's object saas_user: people are found, and never written."""
    soft_delete: bool = False
    """Every record is of an account that is to be deactivated."""
    whole: bool = False
    """The stream is the whole truth: SaaS users that are missing from it are deactivated."""
    edit_only: Set[str] = frozenset()
    """Fields that are edit-only elsewhere: writing one needs `Oomnitza-Ignore-Meta-Restriction`."""
    update_sync_keys: bool = False
    inactive_apart: bool = False
    """Inactive accounts go in batches of their own: ingest sends them in a portion that creates nobody."""
    remarks: tuple[str, ...] = ()
    """What the administrator should know of this write method, in sentences."""

    @property
    def defaults_need_known_people(self) -> bool:
        """Whether a writer that does not look people up must know who is there: known people must not get the defaults of new ones."""
        return self.create and self.update and bool(self.mapping.defaults)


class _Problems:
    """Collects what is wrong with a configuration, so that the administrator hears of all of it at once."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def add(self, sentence: str) -> None:
        if sentence not in self.sentences:
            self.sentences.append(sentence)

    def raise_if_any(self) -> None:
        if self.sentences:
            raise AirbyteTracedException(
                message=" ".join(self.sentences),
                internal_message=" ".join(self.sentences),
                failure_type=FailureType.config_error,
            )


def plan_stream(config: Config, metadata: PersonSchema, stream: Stream) -> StreamPlan:
    """Return how a stream is written.

    `stream` is of the catalog; for a check, where there is none yet, one without properties. Raises AirbyteTracedException
    (config_error) with a sentence for everything that is wrong with the mapping.
    """
    problems = _Problems()
    plan = (_activation if stream.object_name else _configured)(config, metadata, stream, problems)
    _check_rules(plan, metadata, problems)
    if isinstance(config.write_method, IngestWriting):
        _check_ingest(config, plan, problems)
        plan = replace(plan, inactive_apart=True, remarks=tuple(_ingest_remarks(plan)))
    problems.raise_if_any()
    return plan


def _configured(config: Config, metadata: PersonSchema, stream: Stream, problems: _Problems) -> StreamPlan:
    rules = (
        {rule.field.id: rule for rule in smart_rules(metadata, stream.properties or {})} if config.smart_mapping else {}
    )
    for entry in config.field_mapping:
        rule = _explicit(entry, metadata, problems)
        if rule is not None:
            rules[entry.field] = rule
    if isinstance(config.write_method, IngestWriting):
        # It names fields by internal ids: what smart mapping offers without one is left out, what was asked for is refused.
        asked_for = {entry.field for entry in config.field_mapping} | set(config.sync_keys)
        rules = {name: rule for name, rule in rules.items() if rule.field.internal_id or name in asked_for}
    create = config.write_mode != "update_only"
    mapping = RecordMapping(
        rules.values(),
        config.sync_keys,
        metadata.fields,
        inactive=_condition("Account is inactive when (inactive_when)", config.inactive_when, problems),
        saas=_saas_rules(config, problems),
        defaults=_defaults(config, metadata, rules.keys(), problems) if create else {},
    )
    return StreamPlan(
        stream=stream,
        mapping=mapping,
        filter=_condition("Record filter (record_filter)", config.record_filter, problems),
        create=create,
        update=config.write_mode != "create_only",
        saas=config.saas is not None,
        whole=stream.destination_sync_mode == "overwrite"
        and stream.sync_mode == "full_refresh"
        and _deactivates_missing(config),
        edit_only=metadata.edit_only(),
        update_sync_keys=config.update_sync_keys,
    )


def _activation(config: Config, metadata: PersonSchema, stream: Stream, problems: _Problems) -> StreamPlan:
    """Plan a stream of Airbyte's data activation: its fields are Oomnitza's, its primary key is the sync key."""
    name, mode = str(stream.object_name), stream.destination_sync_mode
    if (name, mode) not in _ACTIVATION_MODES:
        known = sorted(f"{known_mode} of {known_name}" for known_name, known_mode in _ACTIVATION_MODES)
        problems.add(
            f"The stream {stream.title} asks for {mode} of {name}, which Oomnitza does not offer; there are {', '.join(known)}."
        )
    if name == SAAS_USER and config.saas is None:
        problems.add(
            f"The stream {stream.title} writes SaaS users: choose User plus SaaS user (record_type) and name the application."
        )
    create, update = _ACTIVATION_MODES.get((name, mode), (False, False))
    sync_keys = stream.primary_key or tuple(config.sync_keys)

    def rule(field: str) -> Rule | None:
        if name == SAAS_USER and field not in sync_keys:
            return None  # of a person, a SaaS user's record only holds what finds them
        target = metadata.fields.get(field)
        if target is None and metadata.known:
            return None
        target = target or PersonField(field, field, Kind.UNKNOWN)
        return Rule(target, field, field_value(field), field_fit(target, metadata), origin="data activation")

    rules = [made for made in map(rule, dict.fromkeys([*sync_keys, *(stream.properties or ())])) if made is not None]
    for field in sorted(set(stream.properties or ()) - {made.field.id for made in rules}):
        if name == USER:
            problems.add(_unknown_field(f"The stream {stream.title}", field, metadata))
    mapping = RecordMapping(
        rules,
        sync_keys,
        metadata.fields,
        saas=SaasRules(field_value("user_external_id"), field_value("role")) if name == SAAS_USER else None,
        # Without a schema, what a record has shows when it comes.
        defaults=_defaults(config, metadata, {made.field.id for made in rules} if stream.properties else None, problems)
        if create
        else {},
        dynamic=None if stream.properties else rule,
    )
    return StreamPlan(
        stream=stream,
        mapping=mapping,
        filter=None,
        create=create,
        update=update,
        saas=name == SAAS_USER,
        saas_user_only=name == SAAS_USER,
        soft_delete=mode == "soft_delete",
        # For a person of a further key, a data activation says what every field shall be.
        update_sync_keys=True,
        edit_only=metadata.edit_only(),
    )


def _deactivates_missing(config: Config) -> bool:
    return (
        config.saas is not None
        and isinstance(config.write_method, RestWriting)
        and config.write_method.deactivate_missing
    )


def _explicit(entry: FieldMapping, metadata: PersonSchema, problems: _Problems) -> Rule | None:
    if metadata.known and entry.field not in metadata.fields:
        problems.add(_unknown_field("Field mapping", entry.field, metadata))
        return None
    try:
        return explicit_rule(entry, metadata)
    except ValueError as error:
        problems.add(f"Field mapping, entry for {entry.field}: {error}.")
        return None


def _unknown_field(where: str, name: str, metadata: PersonSchema) -> str:
    near = get_close_matches(name, metadata.fields, 1)
    labelled = [each.id for each in metadata.fields.values() if each.label.lower() == name.lower()]
    hint = next((f" Did you mean {each}?" for each in [*labelled, *near]), "")
    return f"{where}: Oomnitza has no field {name} for people.{hint}"


def _condition(where: str, text: str | None, problems: _Problems) -> Condition | None:
    if text is None:
        return None
    try:
        return compile_condition(text)
    except ValueError as error:
        problems.add(f"{where} does not compile: {error}.")
        return None


def _saas_rules(config: Config, problems: _Problems) -> SaasRules | None:
    if config.saas is None:
        return None
    try:
        role = config.saas.role
        return SaasRules(compile_value(config.saas.external_id), compile_value(role) if role is not None else None)
    except ValueError as error:
        problems.add(f"What to write (record_type): a path or template does not compile: {error}.")
        return None


def _defaults(config: Config, metadata: PersonSchema, mapped: Set[str] | None, problems: _Problems) -> dict[str, Any]:
    """Return what new people get where the mapping gives nothing. `mapped`: the fields that are mapped, None where nobody knows yet."""
    defaults: dict[str, Any] = {}
    if config.default_role is not None:
        try:
            defaults["role"] = metadata.role_id(config.default_role)
        except ValueError as error:
            problems.add(f"Role of new people (default_role): {error}.")
            defaults["role"] = None
    if config.default_position is not None:
        try:
            defaults["position"] = field_fit(metadata.fields["position"], metadata)(config.default_position)
        except ValueRejected as error:
            problems.add(f"Position of new people (default_position): {error}.")
    missing = [_REQUIRED_NAMES[name] for name in REQUIRED if name not in defaults and name not in (mapped or ())]
    if missing and mapped is not None:
        problems.add(
            f"To add people, Oomnitza needs {' and '.join(missing)}: add it to the field mapping"
            + (" or give a role of new people (default_role)." if "a role" in missing else ".")
        )
    return defaults


def _check_rules(plan: StreamPlan, metadata: PersonSchema, problems: _Problems) -> None:
    for rule in plan.mapping.rules.values():
        # They may find a person all the same, and add none.
        only_finds = rule.field.id in plan.mapping.sync_keys and not (plan.create and rule.field.id in REQUIRED)
        if rule.field.system_kept and not only_finds:
            problems.add(f"Field mapping: {rule.field.id} is kept by Oomnitza itself and cannot be written.")
    for key in plan.mapping.sync_keys:
        field: PersonField | None = metadata.fields.get(key)
        if field is None and metadata.known:
            problems.add(_unknown_field("Sync keys", key, metadata))
        elif not re.fullmatch(r"\w+", key):  # it becomes part of a filter
            problems.add(f"Sync keys: {key!r} is not the id of a field.")
        elif key not in plan.mapping.rules:
            problems.add(
                f"Sync keys: {key} is not mapped, so no record has a value for it; add an entry for it to the field mapping."
            )
        elif metadata.known and field is not None and not field.unique:
            problems.add(
                f"Sync keys: {key} is not unique in Oomnitza, so it cannot tell people apart; choose a unique field."
            )


def _check_ingest(config: Config, plan: StreamPlan, problems: _Problems) -> None:
    """Refuse what only REST can honour: it must never be ignored."""
    only_rest = "which only the write method REST can do; choose it, or switch this off."
    for rule in plan.mapping.rules.values():
        if rule.if_empty_only:
            problems.add(f"Field mapping, entry for {rule.field.id}: only if empty (if_empty_only) is on, {only_rest}")
        if not rule.field.internal_id:
            problems.add(
                f"Field mapping, entry for {rule.field.id}: Oomnitza does not tell its internal id, by which the write "
                "method ingest names fields; choose REST, or leave the field out."
            )
    for key in plan.mapping.sync_keys:
        if key in plan.mapping.fields and plan.mapping.fields[key].system_kept:
            problems.add(
                f"Sync keys: {key} is kept by Oomnitza itself, and to find people by it is something {only_rest}"
            )
    if config.update_sync_keys:
        problems.add(f"Update sync keys (update_sync_keys) is on, {only_rest}")
    if config.on_failed_record == "fail_after_sync":
        problems.add(
            "When a record is rejected (on_failed_record) is fail_after_sync, which only the write method REST can do, for "
            "connector ingest tells what it refused when the states have left; choose REST, or continue."
        )
    if plan.stream.object_name == SAAS_USER:
        problems.add(f"The stream {plan.stream.title} writes the object saas_user of data activation, {only_rest}")


def _ingest_remarks(plan: StreamPlan) -> Iterator[str]:
    if plan.defaults_need_known_people:
        names = " and ".join(f"default_{name}" for name in plan.mapping.defaults)
        yield (
            f"{names}: for new people only, and connector ingest cannot tell who is new. So the people in Oomnitza are listed "
            "first, and nobody who is found there gets it. With write_mode create_only this is not needed."
        )
    if plan.saas:
        yield (
            "Connector ingest assigns the SaaS users of active accounts. Their ids and roles in the application are not "
            "written, and nobody is deactivated: that needs the write method REST."
        )
