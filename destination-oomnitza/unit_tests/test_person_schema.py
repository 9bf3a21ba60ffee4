from __future__ import annotations

from typing import Any

import pytest
from destination_oomnitza.person_schema import Choices, Kind, PersonSchema

ROLES = [
    {"key": "25", "value": "Employee", "help_text": ""},
    {"key": "1", "value": "System Administrator", "help_text": ""},
]


def page(**fields: dict[str, Any]) -> dict[str, Any]:
    role = {
        "label": "Role",
        "data_type": "integer",
        "internal_id": "PERMISSIONS_ID",
        "unique": "0",
        "searchhelp": ROLES,
    }
    return {"role": role, **fields}


@pytest.mark.parametrize(
    ("yes", "no"), [("1", "0"), ("true", "false"), ("True", "False"), (True, False), (1, 0), ("yes", "no")]
)
def test_parse_reads_flags_in_every_notation(yes: Any, no: Any) -> None:
    fields = PersonSchema.parse(
        page(
            a={"label": "A", "unique": yes, "editable": yes, "optional": yes},
            b={"label": "B", "unique": no, "editable": no, "optional": no},
        )
    ).fields
    assert (fields["a"].unique, fields["a"].editable, fields["a"].optional) == (True, True, True)
    assert (fields["b"].unique, fields["b"].editable, fields["b"].optional) == (False, False, False)


@pytest.mark.parametrize("nothing", [None, "", " "])
def test_parse_of_empty_flag_uses_default(nothing: Any) -> None:
    flags = {"unique": nothing, "editable": nothing, "optional": nothing}
    fields = PersonSchema.parse(page(a=dict(flags), email=dict(flags))).fields
    assert (fields["a"].unique, fields["a"].editable, fields["a"].optional) == (False, True, True)
    assert fields["email"].unique


@pytest.mark.parametrize(
    ("data_type", "kind"),
    [
        ("text", Kind.TEXT), ("STRING", Kind.TEXT), ("longtext", Kind.TEXT), ("str", Kind.TEXT), ("varchar", Kind.TEXT),
        ("integer", Kind.NUMBER), ("INT", Kind.NUMBER), ("float", Kind.NUMBER), ("number", Kind.NUMBER),
        ("boolean", Kind.BOOLEAN), ("bool", Kind.BOOLEAN), ("date", Kind.DATE), ("DATETIME", Kind.DATE),
        ("checkbox", Kind.BOOLEAN), ("yesno", Kind.BOOLEAN), ("timestamp", Kind.DATE), ("decimal", Kind.NUMBER), ("double", Kind.NUMBER),
        ("currency", Kind.NUMBER), ("money", Kind.NUMBER), ("email", Kind.TEXT), ("phone", Kind.TEXT), ("url", Kind.TEXT),
        ("address", Kind.TEXT), ("list of text", Kind.UNKNOWN), ("dropdown (text)", Kind.UNKNOWN), ("select (text)", Kind.UNKNOWN),
        ("enum", Kind.UNKNOWN), ("dropdown", Kind.UNKNOWN), ("", Kind.UNKNOWN), (None, Kind.UNKNOWN), (7, Kind.UNKNOWN),
    ],
)  # fmt: skip
def test_parse_reads_data_types(data_type: Any, kind: Kind) -> None:
    assert PersonSchema.parse(page(a={"label": "A", "data_type": data_type})).fields["a"].kind is kind


@pytest.mark.parametrize(
    ("entry", "length"),
    [
        (128, 128),
        ("255", 255),
        ("1", 1),
        (None, None),
        ("", None),
        (0, None),
        (-1, None),
        ("many", None),
        ("9" * 10, None),
    ],
)
def test_length_is_read_as_number_or_text(entry: Any, length: int | None) -> None:
    assert PersonSchema.parse(page(a={"length": entry})).fields["a"].length == length


def test_choices_are_the_values_of_the_list() -> None:
    rows = [
        {"key": "b", "value": "Boston"},
        {"key": "x", "value": ""},
        {"value": "Rome"},
        {"key": 7, "value": None},
        {},
        "odd",
        {"key": "", "value": ""},
    ]
    choices = PersonSchema.parse(page(a={"data_type": "dropdown", "searchhelp": rows})).fields["a"].choices
    assert choices is not None and str(choices) == "Boston, x, Rome, 7"
    assert [choices.find(each) for each in ("B", "boston", "X", "rome", 7, "Paris", "None", True)] == [
        "Boston",
        "Boston",
        "x",
        "Rome",
        "7",
        None,
        None,
        None,
    ]


@pytest.mark.parametrize("data_type", ["boolean", "date"])
def test_choices_of_flags_and_dates_do_not_count(data_type: str) -> None:
    field = {"data_type": data_type, "searchhelp": [{"key": "1", "value": "Yes"}]}
    assert PersonSchema.parse(page(a=field)).fields["a"].choices is None


@pytest.mark.parametrize("entry", [None, [], "odd", [{}], [{"key": None, "value": ""}]])
def test_choices_are_absent_without_a_list(entry: Any) -> None:
    assert PersonSchema.parse(page(a={"data_type": "text", "searchhelp": entry})).fields["a"].choices is None


def test_choices_of_a_number_are_written_by_key() -> None:
    rows = [{"key": "1", "value": "One"}, {"key": "2", "value": "Two"}]
    choices = PersonSchema.parse(page(a={"data_type": "integer", "searchhelp": rows})).fields["a"].choices
    assert choices is not None and [choices.find(each) for each in ("two", 1, "1", 2.0, "3")] == [2, 1, 1, 2, None]


def test_choices_of_a_long_list_are_shown_cut() -> None:
    rows = [{"key": str(number), "value": f"v{number}"} for number in range(25)]
    choices = PersonSchema.parse(page(a={"data_type": "dropdown", "searchhelp": rows})).fields["a"].choices
    assert str(choices).endswith("v19 and 5 more")


def test_choices_that_differ_in_case_are_distinct() -> None:
    rows = [{"key": "1", "value": "it"}, {"key": "2", "value": "IT"}]
    choices = PersonSchema.parse(page(a={"data_type": "dropdown", "searchhelp": rows})).fields["a"].choices
    assert choices is not None and [choices.find(each) for each in ("it", "IT", "It")] == ["it", "IT", "it"]


@pytest.mark.parametrize(
    ("description", "is_phone"),
    [
        ({"label": "Mobile"}, True), ({"label": "Work phone"}, True), ({"label": "X", "subtype": "PHONE"}, True),
        ({"data_type": "phone"}, True), ({"label": "Desk"}, False),
    ],
)  # fmt: skip
def test_phone_is_detected_by_label_or_type(description: dict[str, Any], is_phone: bool) -> None:
    assert PersonSchema.parse(page(a=description)).fields["a"].is_phone is is_phone
    assert PersonSchema.unknown().fields["phone_number"].is_phone
    assert PersonSchema.parse(page(mobile={"label": "X"})).fields["mobile"].is_phone


def test_mandatory_fields_are_those_that_no_default_fills() -> None:
    schema = PersonSchema.parse(
        page(
            badge={"label": "Badge", "optional": "0"},
            site={"label": "Site", "optional": "false", "default_value": "HQ"},
            floor={"label": "Floor", "optional": "0", "default_value": ""},
            number={"label": "Number", "optional": "0", "editable": "0"},
            team={"label": "Team", "optional": "1"},
        )
    )
    assert [each.id for each in schema.mandatory()] == ["username", "email", "role", "badge", "floor"]
    assert [each.id for each in PersonSchema.unknown().mandatory()] == ["username", "email", "role"]


@pytest.mark.parametrize("data_type", ["text", "dropdown", "boolean", "date", "integer", None])
def test_role_is_always_a_number(data_type: Any) -> None:
    assert (
        PersonSchema.parse({"role": {"data_type": data_type, "searchhelp": ROLES}}).fields["role"].kind is Kind.NUMBER
    )


def test_standard_fields_are_known_if_the_page_lacks_them() -> None:
    entry, unreported = PersonSchema.parse(page()), PersonSchema.unknown()
    for metadata in (entry, unreported):
        assert metadata.fields["email"].unique and metadata.fields["email"].internal_id == "EMAIL"
        assert (metadata.fields["position"].label, metadata.fields["position"].kind) == ("Position", Kind.TEXT)
        assert metadata.fields["suspended"].kind is Kind.BOOLEAN
        assert not metadata.fields["user_id"].editable
    assert entry.known and not unreported.known


def test_parse_metadata_overrides_standard_fields() -> None:
    fields = PersonSchema.parse(page(email={"unique": "0", "editable": "0", "label": "Mail"})).fields
    assert (fields["email"].unique, fields["email"].editable, fields["email"].label) == (False, False, "Mail")


def test_parse_fills_gaps_from_the_standard_fields() -> None:
    fields = PersonSchema.parse(
        page(suspended={}, position={"data_type": "date", "internal_id": "p1"}, badge={"internal_id": "b1"}, email={})
    ).fields
    assert (fields["suspended"].kind, fields["position"].kind) == (Kind.BOOLEAN, Kind.DATE)
    assert [fields[name].internal_id for name in ("position", "badge", "email")] == ["p1", "b1", "EMAIL"]
    assert [fields[name].label for name in ("position", "badge")] == ["Position", "badge"]


def test_server_kept_fields_are_not_editable() -> None:
    fields = PersonSchema.parse(page(user_id={"editable": "1"}, change_date={"editable": "1"})).fields
    assert fields["user_id"].system_kept and fields["change_date"].system_kept


def test_edit_only_fields_are_those_that_are_not_editable() -> None:
    """The user name is editable in any case: it is written to new people."""
    schema = PersonSchema.parse(page(username={"editable": "0"}, badge={"editable": "0"}, team={"editable": "1"}))
    assert schema.edit_only() == PersonSchema.unknown().edit_only() | {"badge"}
    assert schema.fields["username"].editable


def test_hardcoded_field_is_standard_if_unknown() -> None:
    fields = PersonSchema.parse(
        page(manager={"label": "Manager", "hardcode": "1"}, badge={"label": "Badge", "hardcode": "0"})
    ).fields
    assert fields["manager"].standard and not fields["badge"].standard


def test_parse_ignores_invalid_descriptions() -> None:
    assert PersonSchema.parse(page(role={"label": "Role", "searchhelp": True})).roles == {}
    fields = PersonSchema.parse({"odd": "text", "badge": {}}).fields
    assert "odd" not in fields and "badge" in fields
    assert PersonSchema.parse({"role": "odd"}).roles == {}
    assert PersonSchema.parse({"role": {"searchhelp": [{"key": "7"}]}}).roles == {"7": ""}
    assert PersonSchema.parse({"role": {"searchhelp": ["odd", {"value": "no key"}, None]}}).roles == {}


@pytest.mark.parametrize("given", [25, "25", " 25 ", 25.0, "Employee", "employee", " EMPLOYEE "])
def test_role_id_by_id_or_name(given: Any) -> None:
    assert PersonSchema.parse(page()).role_id(given) == 25


@pytest.mark.parametrize("given", ["Boss", 99, "99", "", "²", 25.5])
def test_role_id_of_unknown_role_lists_roles(given: Any) -> None:
    with pytest.raises(ValueError, match=r"there is no role .*; there are Employee \(25\), System Administrator \(1\)"):
        PersonSchema.parse(page()).role_id(given)


def test_role_id_of_ambiguous_name_is_error() -> None:
    twins = [{"key": "1", "value": "Employee"}, {"key": "2", "value": "employee"}]
    with pytest.raises(ValueError, match="several roles named 'Employee'; give the role's id"):
        PersonSchema.parse({"role": {"searchhelp": twins}}).role_id("Employee")


def test_role_id_without_metadata_needs_an_id() -> None:
    assert PersonSchema.unknown().role_id("25") == 25
    with pytest.raises(ValueError, match="does not report its roles by name; give the role's id instead of 'Employee'"):
        PersonSchema.unknown().role_id("Employee")


@pytest.mark.parametrize(
    ("yes", "no"), [("true", "false"), ("Yes", "No"), ("1", "0")], ids=["true and false", "yes and no", "1 and 0"]
)
def test_choices_find_flag_as_a_word(yes: str, no: str) -> None:
    choices = Choices([("k1", yes), ("k2", no)])
    assert (choices.find(True), choices.find(False)) == (yes, no)
    assert choices.same(True, yes) and choices.same(False, no)
    assert not choices.same(True, no)


@pytest.mark.parametrize(
    ("by_key", "given", "found"), [(True, "2", 2), (True, "3", 2), (False, "b", "B"), (False, "c", "C")]
)
def test_choices_key_that_is_another_ones_value(by_key: bool, given: str, found: str | int) -> None:
    """The form to write wins: the key of a number, else the value."""
    pairs = [("1", "2"), ("2", "3")] if by_key else [("a", "B"), ("b", "C")]
    assert Choices(pairs, by_key=by_key).find(given) == found


def test_choices_same_of_key_or_value_in_any_case() -> None:
    choices = Choices([("b", "Boston"), ("r", "Rome")])
    assert [choices.same(each, "Boston") for each in ("B", "boston", "r", None)] == [True, True, False, False]


def test_choices_same_of_a_value_not_in_the_list_is_false() -> None:
    assert not Choices([("b", "Boston")]).same("Boston", "Rome")


def test_choices_text_has_twenty_values() -> None:
    assert str(Choices([(str(n), f"v{n}") for n in range(20)])).endswith("v19")
    assert str(Choices([(str(n), f"v{n}") for n in range(21)])).endswith("v19 and 1 more")
