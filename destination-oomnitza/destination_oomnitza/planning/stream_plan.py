"""Plans the streams of a sync, and checks the configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from destination_oomnitza.config.models import Config
from destination_oomnitza.person_schema import REQUIRED, PersonSchema
from destination_oomnitza.planning import advice
from destination_oomnitza.planning.activation import plan_activation
from destination_oomnitza.planning.configured import plan_configured, plan_skipped
from destination_oomnitza.planning.integration_mapping import DRAWN, DrawnMapping
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.planning.problems import Problems, unknown_field
from destination_oomnitza.planning.unsupported import method_remarks, unsupported
from destination_oomnitza.protocol.catalog import Stream

_EVERY_STREAM = "every stream, before its fields are known"
_MAX_NAMES = 20


def plan_streams(
    config: Config, schema: PersonSchema, streams: Sequence[Stream], mappings: Mapping[int, Any] | None = None
) -> list[StreamPlan]:
    """Return the plan of each stream of the catalog.

    Args:
        config: The configuration.
        schema: The person fields of the instance.
        streams: The streams of the catalog.
        mappings: The mapping drawn in Oomnitza of each configured integration, as the API returns it.

    Raises:
        AirbyteTracedException: A config_error with a sentence for each problem of the configuration.
    """
    problems = Problems()
    drawn = {integration: DrawnMapping(integration, each, schema) for integration, each in (mappings or {}).items()}
    plans = [_plan(config, schema, stream, drawn, problems) for stream in streams]
    for sentence in _entries_of_several_streams(config, streams):
        problems.add(sentence)
    problems.raise_if_any()
    return [_advised(plan, config.for_stream(plan.stream.name, plan.stream.namespace)) for plan in plans]


def plan_check(config: Config, schema: PersonSchema, mappings: Mapping[int, Any] | None = None) -> list[StreamPlan]:
    """Return the plans of a check, which has no catalog. Raises as `plan_streams`.

    There is one for all streams, and one for each stream with settings of its own.
    """
    named = [(_EVERY_STREAM, None), *((each.stream, each.namespace) for each in config.streams if not each.skip)]
    streams = [Stream(*each, destination_sync_mode=advice.NOT_KNOWN_YET) for each in named]
    return plan_streams(config, schema, streams, mappings)


def entries_without_stream(config: Config, streams: Sequence[Stream]) -> Iterator[str]:
    """Yield a warning for each settings entry whose stream the catalog lacks."""
    used = [config.entry(stream.name, stream.namespace) for stream in streams]
    for entry in config.streams:
        if not any(entry is each for each in used):
            where = f"{entry.namespace}.{entry.stream}" if entry.namespace else entry.stream
            known = ", ".join(stream.title for stream in streams[:_MAX_NAMES])
            yield (
                f"Settings of single streams (streams): the connection has no stream {where}, so its entry does nothing; "
                f"there are {known}."
            )


def _entries_of_several_streams(config: Config, streams: Sequence[Stream]) -> Iterator[str]:
    used = [config.entry(stream.name, stream.namespace) for stream in streams]
    for entry in config.streams:
        titles = [stream.title for stream, each in zip(streams, used, strict=True) if each is entry]
        if len(titles) > 1:
            yield (
                f"Settings of single streams (streams): {entry.stream} names {len(titles)} streams, {' and '.join(titles)}; give "
                "the entry a namespace, and add one for each of the others."
            )


def _plan(
    config: Config, schema: PersonSchema, stream: Stream, drawn: Mapping[int, DrawnMapping], problems: Problems
) -> StreamPlan:
    entry = config.entry(stream.name, stream.namespace)
    problems.place = f"Settings of single streams (streams), {entry.stream}: " if entry is not None else ""
    if entry is not None and entry.skip:
        return plan_skipped(config, stream)
    settings = config.for_stream(stream.name, stream.namespace)
    if stream.object_name:
        plan = plan_activation(settings, schema, stream, problems)
    else:
        plan = plan_configured(settings, schema, stream, drawn.get(settings.integration_mapping or 0), problems)
    for problem in [*_wrong_rules(plan), *_wrong_keys(plan, schema), *unsupported(plan, settings)]:
        problems.add(problem)
    return plan


def _advised(plan: StreamPlan, settings: Config) -> StreamPlan:
    if not plan.mapping.rules:
        return plan
    remarks = (*plan.remarks, *method_remarks(plan), *advice.remarks(plan, settings))
    return replace(plan, remarks=remarks, warnings=tuple(advice.warnings(plan, settings)))


def _wrong_rules(plan: StreamPlan) -> Iterator[str]:
    for rule in plan.mapping.rules.values():
        # Such a field may be a sync key if it only finds people.
        only_finds = rule.field.id in plan.mapping.sync_keys and not (plan.creates and rule.field.id in REQUIRED)
        if rule.field.system_kept and not only_finds:
            where = (
                "Field mapping (field_mapping)"
                if not rule.origin.startswith(DRAWN)
                else "Mapping drawn in Oomnitza (integration_mapping)"
            )
            yield f"{where}: {rule.field.id} is set by Oomnitza itself and cannot be written."


def _wrong_keys(plan: StreamPlan, schema: PersonSchema) -> Iterator[str]:
    for key in plan.mapping.sync_keys:
        field = schema.fields.get(key)
        if field is None and schema.known:
            yield unknown_field("Sync keys (sync_keys)", key, schema)
        elif not re.fullmatch(r"\w+", key):  # it becomes part of a filter
            yield f"Sync keys (sync_keys): {key!r} is not the id of a field."
        elif key not in plan.mapping.rules:
            yield (
                f"Sync keys (sync_keys): {key} is not mapped, so no record has a value for it; add an entry for it to the "
                "field mapping (field_mapping)."
            )
        elif schema.known and field is not None and not field.unique:
            yield (
                f"Sync keys (sync_keys): {key} is not unique in Oomnitza, so it cannot tell people apart; choose a unique field."
            )
