"""Advises on a plan: settings without effect, and possible surprises. Never fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from destination_oomnitza.config.models import Config, StreamSettings
from destination_oomnitza.mapping.expressions import paths_read
from destination_oomnitza.mapping.rules import SMART_MAPPING
from destination_oomnitza.planning.model import StreamPlan
from destination_oomnitza.planning.stream_fields import lacking

_INACTIVE_WHEN = "Account is inactive when (inactive_when)"
_DEFAULT_CONDITION = StreamSettings.model_fields["inactive_when"].default
NOT_KNOWN_YET = "not known yet"
"""Sync mode of a stream in a check, which has no catalog."""


def warnings(plan: StreamPlan, config: Config) -> Iterator[str]:
    """Yield a sentence for each setting that has no effect on this stream."""
    yield from _lacking_fields(plan, config)
    if config.deactivates_missing and not plan.deactivates_missing:
        setting = "Deactivate SaaS users that are missing (write_method.deactivate_missing)"
        if plan.saas is None:
            yield f"{setting} does nothing for {plan.stream.title}: it needs User plus SaaS user (record_type)."
        elif plan.stream.destination_sync_mode == NOT_KNOWN_YET:
            yield f"{setting} does nothing for streams whose sync mode is not Full refresh | Overwrite."
        else:
            yield f"{setting} does nothing for {plan.stream.title}: it needs the sync mode Full refresh | Overwrite."


def remarks(plan: StreamPlan, config: Config) -> Iterator[str]:
    """Yield a sentence for each behaviour that may surprise a reader of the log."""
    if (
        config.inactive_when == _DEFAULT_CONDITION
        and not plan.stream.object_name
        and _missing(_DEFAULT_CONDITION, plan)
    ):
        yield (
            f"Every account of {plan.stream.title} counts as active: {_INACTIVE_WHEN} is {_DEFAULT_CONDITION}, which the stream lacks."
        )
    first, *further = plan.mapping.sync_keys
    stays = [key for key in further if key in plan.mapping.rules]
    if stays and plan.people is not None and plan.people.existing == "write" and not plan.people.update_sync_keys:
        yield (
            f"People found by {first} keep their {' and '.join(stays)}, even if the record has another one; to write it "
            "too, switch on Update sync keys (update_sync_keys)."
        )


def _lacking_fields(plan: StreamPlan, config: Config) -> Iterator[str]:
    """Yield a warning for each setting that reads fields which the stream lacks."""
    properties, stream = plan.stream.properties, plan.stream.title
    for rule in plan.mapping.rules.values():
        missing = " and ".join(lacking(rule.reads, properties))
        if missing and rule.field.id in plan.mapping.sync_keys:
            yield f"Sync keys (sync_keys): {rule.field.id} is filled from {missing}, which the stream {stream} lacks."
        elif missing and rule.origin != SMART_MAPPING:
            yield f"The mapping of {rule.field.id} ({rule.origin}) reads {missing}, which the stream {stream} lacks."
    if plan.stream.object_name:  # its records are mapped already
        return
    for title, text, default in _expressions(config):
        missing = _missing(text, plan)
        if missing and text != default:
            yield f"{title} reads {missing}, which the stream {stream} lacks."


def _expressions(config: Config) -> Iterator[tuple[str, str | None, Any]]:
    """Yield title, value and default of each setting that reads the record."""
    yield "Record filter (record_filter)", config.record_filter, None
    yield _INACTIVE_WHEN, config.inactive_when, _DEFAULT_CONDITION
    if config.saas is not None:
        defaults = type(config.saas).model_fields
        yield (
            "Id in the application (record_type.external_id)",
            config.saas.external_id,
            defaults["external_id"].default,
        )
        yield "Role in the application (record_type.role)", config.saas.role, defaults["role"].default


def _missing(text: str | None, plan: StreamPlan) -> str:
    return " and ".join(lacking(paths_read(text), plan.stream.properties)) if text else ""
