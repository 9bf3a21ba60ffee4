"""Collects the problems of a configuration, so that all are reported at once."""

from __future__ import annotations

from difflib import get_close_matches

from destination_oomnitza.errors import config_error
from destination_oomnitza.person_schema import PersonSchema


class Problems:
    """Collects sentences; `place` names the stream's entry that they are about."""

    def __init__(self) -> None:
        self._sentences: list[str] = []
        self.place = ""

    def add(self, sentence: str) -> None:
        """Add a sentence, unless it was added before for another stream."""
        if sentence not in self._sentences:
            self._sentences.append(f"{self.place}{sentence}")

    def raise_if_any(self) -> None:
        """Raise AirbyteTracedException (config_error) with all sentences, if any."""
        if self._sentences:
            raise config_error(" ".join(self._sentences))


def unknown_field(where: str, name: str, schema: PersonSchema) -> str:
    """Return the sentence for a field that the instance lacks, with a likely id."""
    labelled = [each.id for each in schema.fields.values() if each.label.lower() == name.lower()]
    near = get_close_matches(name, schema.fields, 1)
    hint = next((f" Did you mean {each}?" for each in [*labelled, *near]), "")
    return f"{where}: Oomnitza has no field {name} for people.{hint}"
