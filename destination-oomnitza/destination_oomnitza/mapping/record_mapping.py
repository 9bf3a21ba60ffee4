"""Maps one record to the fields of one person, or rejects it. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from destination_oomnitza.mapping.expressions import Condition, Value
from destination_oomnitza.mapping.rules import Rule
from destination_oomnitza.mapping.template_budget import budget
from destination_oomnitza.mapping.templates import TemplateFailed, is_template
from destination_oomnitza.mapping.values import MAX_TEXT, ValueRejected
from destination_oomnitza.normalize import clean_text, format_character, is_empty, number_text
from destination_oomnitza.person_schema import PersonField

Record = Mapping[str, Any]
_INDEX = re.compile(r"\[\d+\]")
_Step = tuple[str, Value, Callable[[Any], Any], Rule]


class RecordRejected(ValueError):
    """The record cannot be written; the message is the reason, for people to read."""


@dataclass(slots=True)
class MappedRecord:
    """Values that one record has for one person."""

    keys: tuple[Any, ...]
    """Values of the sync keys, in order; None if the record has none."""
    fields: dict[str, Any]
    inactive: bool = False
    external_id: str | None = None
    role: str | None = None
    key: str = field(default="")
    """Name of the record in messages: the first sync key that has a value, `email=ada@example.com`."""


@dataclass(frozen=True)
class SaasRules:
    """Expressions for the id and the role in the SaaS application."""

    external_id: Value
    role: Value | None


def nulled_paths(meta: Any) -> list[str]:
    """Return the fields, as paths, that `meta.changes` reports as nulled."""
    changes = meta.get("changes") if isinstance(meta, Mapping) else None
    if not isinstance(changes, list):
        return []
    nulled = [each for each in changes if isinstance(each, Mapping) and each.get("change") == "NULLED"]
    return [_INDEX.sub("", str(each["field"])) for each in nulled if each.get("field")]


class RecordMapping:
    """Compiled mapping of one stream; call it with a record.

    `defaults` are the values of new people for fields that the mapping leaves empty. `dynamic` is for data activation, whose
    records have Oomnitza's own fields: it makes the rule of a field that is seen for the first time.
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        sync_keys: Iterable[str],
        fields: Mapping[str, PersonField],
        *,
        inactive: Condition | None = None,
        saas: SaasRules | None = None,
        defaults: Mapping[str, Any] | None = None,
        dynamic: Callable[[str], Rule | None] | None = None,
    ) -> None:
        self.rules = {rule.field.id: rule for rule in rules}
        self.sync_keys = tuple(sync_keys)
        self.defaults = dict(defaults or {})
        self.fields: Mapping[str, PersonField] = fields
        # A key that Oomnitza sets itself (user_id) finds a person but is never written.
        self._only_found_by = [key for key in sync_keys if key in fields and fields[key].system_kept]
        self._inactive = inactive
        self._saas = saas
        self._dynamic = dynamic
        self._seen: set[str] = set()
        self._steps = self._compiled()
        self._has_templates = any(is_template(rule.expression or "") for rule in self.rules.values())

    def __call__(self, record: Record, meta: Any = None) -> MappedRecord | None:
        """Return the values for a person, or None if no sync key has a value.

        A record of an inactive account with an id in the application is returned without a sync key, too: such accounts often lose
        their e-mail address, and the id finds their SaaS user. `meta` is that of the RECORD message.

        Raises RecordRejected, with the field's name and the reason, if a value does not fit its field or a template fails.
        """
        if self._dynamic is not None and not record.keys() <= self._seen:
            self._learn(record)
        if not self._has_templates:
            return self._mapped(record, meta)
        with budget():
            return self._mapped(record, meta)

    def _mapped(self, record: Record, meta: Any) -> MappedRecord | None:
        fields: dict[str, Any] = {}
        name = ""
        try:
            for name, read, fitting, rule in self._steps if meta is None else self._steps_with(meta):
                value = read(record)
                if value is not None:
                    value = fitting(value)
                    if value != "":
                        fields[name] = value
                        continue
                if rule.default is not None:
                    fields[name] = rule.default
                elif rule.write_empty:
                    fields[name] = rule.empty
            name = "inactive_when"
            inactive = self.is_inactive(record)
            name = "the SaaS user"
            external_id, role = (None, None) if self._saas is None else self._saas_values(self._saas, record)
        except (ValueRejected, TemplateFailed) as error:
            raise RecordRejected(f"{name}: {error}") from None
        keys = self._keys(fields)
        for name in self._only_found_by:
            fields.pop(name, None)
        for name, value in zip(self.sync_keys, keys, strict=True):
            if value is not None:
                return MappedRecord(keys, fields, inactive, external_id, role, f"{name}={value}")
        return (
            MappedRecord(keys, fields, True, external_id, role, f"id={external_id}")
            if inactive and external_id
            else None
        )

    def is_inactive(self, record: Record) -> bool:
        """Return whether the account is inactive. Raises TemplateFailed."""
        return self._inactive is not None and self._inactive(record)

    def _steps_with(self, meta: Any) -> list[_Step]:
        """Return the steps for a record, without those that read a nulled field.

        The source or the platform nulled such a field because of an error, so its value in Oomnitza stays: it is neither emptied nor
        set to a default.
        """
        nulled = nulled_paths(meta)
        return [step for step in self._steps if not step[3].reads_any(nulled)] if nulled else self._steps

    def _keys(self, fields: Mapping[str, Any]) -> tuple[Any, ...]:
        keys = []
        for key in self.sync_keys:
            value = fields.get(key)
            if value.__class__ is str and not value.isascii() and (invisible := format_character(value)):
                raise RecordRejected(
                    f"{key}: contains an invisible character ({invisible}), so no lookup would find it"
                )
            keys.append(None if value == "" else value)  # the only empty text here is that which empties a field
        return tuple(keys)

    def identities(self, record: Record) -> Iterator[tuple[str, Any]]:
        """Yield the SaaS user fields, with values, that identify an unwritten record.

        Values that cannot be read are left out.
        """
        rules = {name: self.rules[name].value for name in ("email", "username", *self.sync_keys) if name in self.rules}
        if self._saas is not None:
            rules["user_external_id"] = self._saas.external_id
        for name, read in rules.items():
            try:
                value = read(record) if read is not None else None
            except TemplateFailed:
                continue
            if isinstance(value, (str, int)) and not is_empty(value):
                yield name, value

    def describe(self, record: Any) -> str:
        """Return a name for a record that could not be mapped: a sync key or its `id`."""
        if isinstance(record, dict):
            for key in self.sync_keys:
                rule = self.rules.get(key)
                try:
                    value = rule.value(record) if rule is not None and rule.value is not None else None
                except TemplateFailed:
                    continue
                if isinstance(value, (str, int)) and not is_empty(value):
                    return f"{key}={str(value)[:200]}"
            if isinstance(record.get("id"), (str, int)):
                return f"id={str(record['id'])[:200]}"
        return "a record without a key"

    def new_person(self, record: MappedRecord) -> dict[str, Any]:
        """Return the body that creates a person: the fields, and defaults of new people."""
        return {**self.defaults, **{name: value for name, value in record.fields.items() if not is_empty(value)}}

    def _saas_values(self, saas: SaasRules, record: Record) -> tuple[str | None, str | None]:
        values = []
        for what, read in (("id", saas.external_id), ("role", saas.role)):
            value = read(record) if read is not None else None
            if isinstance(value, (bool, list, dict)):
                raise ValueRejected(f"the {what} in the application must be text or a number")
            text = value if isinstance(value, str) else "" if value is None else number_text(value)
            if len(text) > MAX_TEXT:
                raise ValueRejected(f"the {what} in the application is a text of {len(text)} characters")
            values.append(clean_text(text) or None)
        return values[0], values[1]

    def _learn(self, record: Record) -> None:
        for name in record.keys() - self._seen:
            rule = self._dynamic(name) if self._dynamic is not None else None
            if rule is not None:
                self.rules[name] = rule
            self._seen.add(name)
        self._steps = self._compiled()

    def _compiled(self) -> list[_Step]:
        """Return the rules in the form of the loop over records."""
        return [(name, rule.value or (lambda _: None), rule.fit, rule) for name, rule in self.rules.items()]
