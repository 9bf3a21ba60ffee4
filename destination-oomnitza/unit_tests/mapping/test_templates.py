"""Tests of templates: text stays text, and records do not change."""

from __future__ import annotations

import copy
from contextlib import suppress
from typing import Any

import pytest
from destination_oomnitza.mapping.expressions import compile_native, native_paths_read, paths_read
from destination_oomnitza.mapping.templates import TemplateFailed, compile_template, is_template
from hypothesis import given
from hypothesis import strategies as st

from .rendering import RECORD, render


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ record['first_name'] }} {{ record.last_name }}", "Ada Lovelace"),
        ("{{ record['phone'] }}", "+15551234567"),
        ("{{ '007' }}", "007"),
        ("{{ '1e5' }}", "1e5"),
        ("{{ 'None' }}", "None"),
        ("{{ 'True' }}", "True"),
        ("{{ '[1]' }}", "[1]"),
        ("{{ record['none'] }}", ""),
        ("{{ record['missing'] }}", ""),
        ("{{ record['n'] }}", "7"),
        ("{{ record['n'] | string }}", "7"),
        ("{{ record['n'] + 1 }}", "8"),
        ("{{ record['flag'] }}", "True"),
        ("{{ record['profile']['title'] | upper }}", "ENGINEER"),
        ("{{ 'boss' if record['flag'] else 'worker' }}", "boss"),
        ("{% if record['n'] > 5 %}many{% else %}few{% endif %}", "many"),
        ("{% for f in record['profile']['fields'] if f['name'] == 'T-shirt' %}{{ f['value'] }}{% endfor %}", "M"),
        ("{% for x in record['list'] %}{{ x }}{{ '' if loop.last else '-' }}{% endfor %}", "1-2-3"),
        ("{% set x = record['n'] * 2 %}{{ x }}", "14"),
        ("{% set a, b = 1, 2 %}{{ a ~ b ~ none }}", "12"),
        ("{{ record['list'] | map('string') | join(', ') }}", "1, 2, 3"),
        ("{{ record['list'] | select('gt', 1) | list | length }}", "2"),
        ("{{ record['list'] | sum }} {{ record['list'] | last }} {{ record['list'] | reverse | first }}", "6 3 3"),
        ("{{ record['phone'] | regex_replace('[^0-9]', '') }}", "15551234567"),
        ("{{ record['phone'] | regex_search('^.(1)') }}", "1"),
        ("{{ record['name'] | hash }}", "8c8d357b5e872bbacd45197626bd5759"),
        ("{{ format_datetime('2024-01-02', '%d.%m.%Y') }}", "02.01.2024"),
        ("{{ timestamp('2024-01-02') | int }}", "1704153600"),
        ("{{ '%s-%03d' | format('a', 5) }} {{ '{}/{}'.format('a', 'b') }}", "a-005 a/b"),
        ("{{ record.get('missing', 1700000000) }} {{ record['x'] | default('y') }}", "1700000000 y"),
        ("{{ {'a': [1, 2]}['a'][1] }} {{ dict(a=3)['a'] }}", "2 3"),
        ("{{ (record['none'] or {})['x'] }}", ""),
        ("{{ record['missing']['title']['en'] }}{{ record.none.x }}{{ profile.missing.x | upper }}", ""),
        ("{{ first_name }} {{ profile['title'] }} {{ profile.fields[0].name | lower }}", "Ada Engineer t-shirt"),
        ("{{ missing }}{{ missing.x }}{{ none }}{{ n + 1 }}", "8"),
        ("{{ timestamp }}{{ max }}{{ dict.x }}", ""),
        ("{{ record['first_name'][:2] }} {{ 'd' in name }} {{ 'x' not in record }}", "Ad True True"),
        ("{% raw %}{{ {% endraw %}", "{{ "),
    ],
)
def test_template_renders_text(template: str, text: str) -> None:
    assert render(template) == text


@given(st.text(max_size=200))
def test_template_keeps_text_of_a_record(text: str) -> None:
    assert render("{{ record['x'] }}", {"x": text}) == text
    assert render("{{ record['x'] ~ '' }}", {"x": [text][0]}) == text


def test_field_of_a_functions_name_is_a_variable_unless_called() -> None:
    record = {"timestamp": "noon", "min": 1, "record": "of the month"}
    assert render("{{ timestamp }} {{ min }} {{ record['record'] }}", record) == "noon 1 of the month"
    assert render("{{ timestamp('2024-01-02') | int }}", record) == "1704153600"


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("n", 7), ("{{ n }}", 7), ("{{ flag }}", True), ("list", [1, 2, 3]), ("{{ missing }}", None), ("missing.x", None),
        ("profile.title", "Engineer"), ('{{ profile["title"] }}', "Engineer"), ("phone", "+15551234567"),
        ("list | map('string')", ["1", "2", "3"]),
        ("{{ first_name }} {{ n }}", "Ada 7"), ("First_SPACE_Name", "A"), ("work.e_DOT_mail", "a@b"), ('{{ work["e_DOT_mail"] }}', "a@b"),
        ("{{ First_SPACE_Name }}@{{ work.e_DOT_mail }}", "A@a@b"), ("result", "r"),
        ("{% if flag %}{{ n }}{% endif %}", "7"), ("none", None), ("n > 5", True),
    ],
)  # fmt: skip
def test_native_template_keeps_the_type(expression: str, value: Any) -> None:
    record = {**RECORD, "First Name": "A", "work": {"e.mail": "a@b"}, "result": "r"}
    assert compile_native(expression)(record) == value


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("title", {"title"}), ("profile.fields[0].name", {"profile.fields.name"}),
        ("{{ record['a'] }} {{ record.b.c }}", {"a", "b.c"}), ("{{ a }} {{ b['c'].d }}", {"a", "b.c.d"}),
        ("{{ a.split('@')[0] }} {{ record.get('b', c) }}", {"a", "b", "c"}), ("{{ (record['a'] or {})['b'] }}", {"a"}),
        ("{% for f in record['fields'] if f['name'] == x %}{{ f.value }}{% endfor %}", {"fields", "x"}),
        ("{{ record.items() | list }}", {""}), ("{{ record }}", {""}), ("{{ timestamp(a) }}{% set b = a %}{{ b }}", {"a"}),
        ("{{ record[key] }}", {"", "key"}), ("{{ 1 }}", set()), ("{{ a[1:].b }}", {"a"}), ("{{ a | replace(b, 'c') }}", {"a", "b"}),
    ],
)  # fmt: skip
def test_paths_read_lists_fields_of_a_template(text: str, paths: set[str]) -> None:
    assert paths_read(text) == paths


def test_native_paths_read_have_blanks_and_dots() -> None:
    assert native_paths_read("First_SPACE_Name") == {"First Name"}
    assert native_paths_read("{{ work.e_DOT_mail }}") == {"work.e.mail"}


def test_is_template() -> None:
    assert is_template("{{ x }}") and is_template("{% if x %}") and not is_template("profile.title")


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ record['a' }}", "line 1"),
        ("{{ record", r"expected 'end of print statement' \(line 1\)$"),
        ("{% if x %}", "endif"),
        ("{{ 'a' | shout }}", "No filter named 'shout'"),
        ("{{ 'a' is loud }}", "No test named 'loud'"),
        ("{{ title() }}", r"it calls title\(\), which does not exist"),
        ("{{ range(10) }}", r"it calls range\(\), which does not exist"),
        ("{{ response.profile.email }}", r"write {{ profile.email }} for {{ response.profile.email }}"),
        ("{{ response['x'] | upper }}", r"write {{ x }} for {{ response.x }}"),
        ("{{ response }}", "it reads response, which only Oomnitza's own integrations have"),
        ("{{ 'a' | urlize }}", "No filter named 'urlize'"),
        ("a" * 20_001 + "{{ x }}", "it is too long; a template may have 20000 characters"),
        ("{% macro m() %}{% endmacro %}", "a tag that is not available"),
        ("{% set x %}a{% endset %}", "a tag that is not available"),
        ("{% include 'x' %}", "a tag that is not available"),
        ("{% for x in record recursive %}{{ loop(x) }}{% endfor %}", "a tag that is not available"),
        ("{{ " + "(" * 9_000 + "1" + ")" * 9_000 + " }}", "nested too deeply"),
        ("{% for x in record %}" * 30 + "{% endfor %}" * 30, "nested too deeply"),
        ("{{ " + "9" * 5000 + " }}", "too long"),
    ],
)  # fmt: skip
def test_template_invalid_fails_before_any_record(template: str, expected: str) -> None:
    with pytest.raises(TemplateFailed, match=expected):
        compile_template(template)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ 1 / (record['n'] - 7) }}", "ZeroDivisionError"),
        ("{{ record['name'] + 1 }}", "^the template fails: TypeError"),
        (
            "{{ record['missing']['title'] + 1 }}",
            r"^the template fails, and the record has no missing.title; write \(record\['missing'\]\['title'\] or ''\): Undefined",
        ),
        ("{{ record['none'].upper() }}", "the record has no none; .* no attribute 'upper'"),
        ("{{ record['name'] | regex_search('(') }}", "^the filter regex_search fails: error: missing"),
        ("{{ record['list'] | regex_search('x') }}", "^the filter regex_search fails: TypeError: it needs text"),
        (
            "{{ name }}{{ record.none | regex_search('x') }}",
            r"^the filter regex_search fails, and the record has no none; write \(record\['none'\] or ''\): TypeError",
        ),
        ("{{ name is divisibleby(2) }}", "^the filter divisibleby fails"),
        ("{{ '%c' % 56789 }}", "surrogates"),
        ("{{ record.items }}", "a method is called with"),
        ("{{ record['list'] | map('string') }}", r"add \| list or \| join"),
        ("{% for x in record['list'] %}{{ loop }}{% endfor %}", "LoopContext"),
    ],
)
def test_template_failing_on_a_record_reports_reason(template: str, expected: str) -> None:
    with pytest.raises(TemplateFailed, match=expected):
        render(template)


def test_template_reason_is_short() -> None:
    with pytest.raises(TemplateFailed) as caught:
        render("{{ timestamp(record['x']) }}", {"x": "y" * 50_000})
    assert len(str(caught.value)) <= 300


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__ }}",
        "{{ ''['__class__'] }}",
        "{{ '' | attr('__class__') }}",
        "{{ [''] | map(attribute='__class__') | list }}",
        "{{ '{0.__class__.__mro__}'.format('') }}",
        "{{ '{x.__class__}'.format_map({'x': ''}) }}",
        "{{ max.__globals__ }}",
        "{{ now_utc.__code__ }}",
        "{{ record.get.__self__.__class__ }}",
        "{{ namespace.__init__.__globals__ }}",
        "{{ self.__init__ }}",
        "{{ dict.__subclasses__() }}",
        "{{ (1).__class__.__base__.__subclasses__() }}",
        "{% for x in record %}{{ loop.__class__ }}{% endfor %}",
        "{{ (record['list'] | map('upper')).gi_frame }}",
    ],
)
def test_template_cannot_leave_the_sandbox(template: str) -> None:
    try:
        text = render(template)
    except TemplateFailed:
        return
    assert text in ("", "[Undefined]")


@pytest.mark.parametrize(
    "expression",
    [
        "record.update({'name': 'eve'})",
        "record.pop('name')",
        "record.clear()",
        "record.setdefault('new', 1)",
        "record['list'].append(4)",
        "record['list'].sort()",
        "record['profile'].update(title='x')",
        "dict.update(record, {'name': 'eve'})",
        "dict.clear(record)",
        "(record | attr('update'))({'name': 'eve'})",
        "record['list'] | map('pop') | list",
        "[record] | map('attr', 'clear') | list",
        "record.__setitem__('name', 'eve')",
        "record['list'] | indent",
    ],
)
def test_template_never_changes_the_record(expression: str) -> None:
    record = copy.deepcopy(RECORD)
    for template in (
        f"{{{{ {expression} }}}}",
        f"{{% set x = {expression} %}}{{{{ x }}}}",
        "{% set record.name = 1 %}",
    ):
        with suppress(TemplateFailed):
            assert "eve" not in render(template, record)
        assert record == RECORD
