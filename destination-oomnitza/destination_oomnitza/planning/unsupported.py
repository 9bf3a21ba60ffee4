"""Compares the settings with the capabilities of the write method."""

from __future__ import annotations

from collections.abc import Iterator

from destination_oomnitza.config.models import Config, StreamSettings
from destination_oomnitza.mapping.record_mapping import RecordMapping
from destination_oomnitza.planning.activation import SAAS_USER
from destination_oomnitza.planning.model import StreamPlan

_ONLY_REST = "which only the write method REST can do; choose it, or switch this off."


def unsupported(plan: StreamPlan, config: Config) -> Iterator[str]:
    """Yield a sentence for each setting that the write method does not support."""
    method = plan.write_method
    if not method.reads_people:
        yield from _need_people_read(config, plan.mapping)
    if method.names_fields_by_internal_id:
        yield from _need_internal_id(plan.mapping)
    if config.on_failed_record == "fail_after_sync" and not method.reports_at_once:
        yield (
            "When a record is rejected (on_failed_record) is fail_after_sync, which only the write method REST can do: connector "
            "ingest reports what it rejected after the states have left. Choose REST, or continue."
        )
    # The plan of a cleared stream has no SaaS users: nothing is written.
    if plan.stream.object_name == SAAS_USER and plan.saas is not None and not method.writes_saas_users:
        yield f"The stream {plan.stream.title} writes the object saas_user of data activation, {_ONLY_REST}"


def method_remarks(plan: StreamPlan) -> Iterator[str]:
    """Yield a sentence for each peculiarity of the write method."""
    if plan.must_know_people and not plan.write_method.reads_people:
        names = " and ".join(f"default_{name}" for name in plan.mapping.defaults)
        yield (
            f"{names}: for new people only. Connector ingest does not report who is new, so the people in Oomnitza are listed first. "
            "With Create or update (write_mode) create_only this is not needed."
        )
    if plan.saas is not None and not plan.write_method.writes_saas_users:
        yield (
            "Connector ingest assigns the SaaS users of active accounts. Their ids and roles in the application are not "
            "written, and no user is deactivated: that needs the write method REST."
        )


def _need_people_read(config: StreamSettings, mapping: RecordMapping) -> Iterator[str]:
    """Yield the settings that depend on the existing person."""
    if config.existing_values != "overwrite":
        yield f"Values of existing people (existing_values) is {config.existing_values}, {_ONLY_REST}"
    if config.update_sync_keys:
        yield f"Update sync keys (update_sync_keys) is on, {_ONLY_REST}"
    if config.on_identity_change == "refuse":
        yield f"When an identity changes (on_identity_change) is refuse, {_ONLY_REST}"
    for entry in config.field_mapping:
        entry_of = f"Field mapping (field_mapping), entry for {entry.field}"
        if entry.if_empty_only:
            yield f"{entry_of}: Only if empty (if_empty_only) is on, {_ONLY_REST}"
        if entry.newest:
            yield f"{entry_of}: Only if newer (newest) is on, {_ONLY_REST}"
    for key in mapping.sync_keys:
        if key in mapping.fields and mapping.fields[key].system_kept:
            yield (
                f"Sync keys (sync_keys): {key} is set by Oomnitza itself, and only the write method REST finds people by it; choose "
                "REST, or another key."
            )


def _need_internal_id(mapping: RecordMapping) -> Iterator[str]:
    for rule in mapping.rules.values():
        if not rule.field.internal_id:
            yield (
                f"Field mapping (field_mapping), entry for {rule.field.id}: Oomnitza does not report its internal id, which "
                "connector ingest needs; choose REST, or leave the field out."
            )
