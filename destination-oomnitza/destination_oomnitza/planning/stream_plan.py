"""Plans the streams of a sync, and proves the configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from destination_oomnitza.config.models import Config
from destination_oomnitza.person_schema import REQUIRED, PersonSchema
from destination_oomnitza.planning.activation import plan_activation
from destination_oomnitza.planning.configured import plan_configured, plan_skipped
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.planning.problems import Problems, unknown_field
from destination_oomnitza.planning.unsupported import remarks, unsupported
from destination_oomnitza.protocol.catalog import Stream

_EVERY_STREAM = "every stream, before its fields are known"
_MAX_NAMES = 20


def plan_streams(config: Config, schema: PersonSchema, streams: Sequence[Stream]) -> list[StreamPlan]:
    """Return how each stream of the catalog is written.

    Raises AirbyteTracedException (config_error) with a sentence for everything that is wrong with the configuration.
    """
    problems = Problems()
    plans = [_plan(config, schema, stream, problems) for stream in streams]
    for sentence in _entries_of_several_streams(config, streams):
        problems.add(sentence)
    problems.raise_if_any()
    return plans


def plan_stream(config: Config, schema: PersonSchema, stream: Stream) -> StreamPlan:
    """Return how a stream is written. Raises as `plan_streams`."""
    (plan,) = plan_streams(config, schema, [stream])
    return plan


def plan_check(config: Config, schema: PersonSchema) -> list[StreamPlan]:
    """Return what is planned without a catalog: all streams, and each that has settings of its own. Raises as `plan_streams`."""
    single = [Stream(entry.stream, entry.namespace) for entry in config.streams if not entry.skip]
    return plan_streams(config, schema, [Stream(_EVERY_STREAM), *single])


def entries_without_stream(config: Config, streams: Sequence[Stream]) -> Iterator[str]:
    """Yield a warning for each entry of a stream that the catalog lacks."""
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


def _plan(config: Config, schema: PersonSchema, stream: Stream, problems: Problems) -> StreamPlan:
    entry = config.entry(stream.name, stream.namespace)
    problems.place = f"Settings of single streams (streams), {entry.stream}: " if entry is not None else ""
    if entry is not None and entry.skip:
        return plan_skipped(config, stream)
    settings = config.for_stream(stream.name, stream.namespace)
    plan = (plan_activation if stream.object_name else plan_configured)(settings, schema, stream, problems)
    for problem in [*_wrong_rules(plan), *_wrong_keys(plan, schema), *unsupported(plan, settings)]:
        problems.add(problem)
    return replace(plan, remarks=tuple(remarks(plan)))


def _wrong_rules(plan: StreamPlan) -> Iterator[str]:
    for rule in plan.mapping.rules.values():
        # They may find a person all the same, and add none.
        only_finds = rule.field.id in plan.mapping.sync_keys and not (plan.creates and rule.field.id in REQUIRED)
        if rule.field.system_kept and not only_finds:
            yield f"Field mapping (field_mapping): {rule.field.id} is kept by Oomnitza itself and cannot be written."


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
