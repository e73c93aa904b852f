from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fieldwise.extract.values import MISSING, Habits, Values

GERMAN = Habits(mark=",", day_first=True, printed=lambda value: value not in ("Unknown", "n/a", "not specified"))


def read(value: Any, node: Any, habits: Habits = GERMAN) -> tuple[Any, list[str]]:
    schema = {"type": "object", "properties": {"field": node}, "required": ["field"], "$defs": {"day": DAY}}
    values = Values(schema, habits)
    data = values.read({"field": value}, schema)
    return data.get("field", MISSING), [f.code for f in values.findings]


DAY = {"type": "string", "format": "date"}
NUMBER = {"type": ["number", "null"]}


@pytest.mark.parametrize(
    ("value", "node", "expected"),
    [
        ("1.234,56 €", NUMBER, 1234.56),
        ("1.234", NUMBER, 1234),
        (12.5, NUMBER, 12.5),
        ("5 Stk", NUMBER, 5),
        ("19 %", NUMBER, 19),
        ("ca. 12 kg", NUMBER, 12),
        ("3,0", {"type": "integer"}, 3),
        ("05/03/2024", DAY, "2024-03-05"),
        ("Berlin, den 5. März 2024", DAY, "2024-03-05"),
        ("05.03.2024", {"type": "string", "description": "Issue date, YYYY-MM-DD"}, "2024-03-05"),
        ("on receipt", {"type": "string", "description": "Due date, YYYY-MM-DD"}, "on receipt"),
        ("5.3.2024", {"$ref": "#/$defs/day"}, "2024-03-05"),
        ("5.3.2024", {"anyOf": [DAY, {"type": "null"}]}, "2024-03-05"),
        ("2024-03-05T10:00", {"type": "string", "format": "date-time"}, "2024-03-05T10:00:00Z"),
        (181301674, {"type": "string"}, "181301674"),
        (181301674.0, {"type": "string"}, "181301674"),
        ("  two\n words ", {"type": "string"}, "two words"),
        (["a", "b"], {"type": "string"}, "a, b"),
        ("€", {"type": "string", "description": "Currency, ISO 4217 code"}, "EUR"),
        ("Credit Note", {"enum": ["invoice", "credit_note"]}, "credit_note"),
        ("ja", {"type": "boolean"}, True),
        ("no", {"type": "boolean"}, False),
        (True, {"type": "boolean"}, True),
        ("x", {"type": "array", "items": {"type": "string"}}, ["x"]),
        (None, {"type": "array", "items": {"type": "string"}}, []),
        (["x", None, ""], {"type": "array", "items": {"type": "string"}}, ["x"]),
        ("7,5", {"type": ["number", "string"]}, "7,5"),
    ],
)
def test_an_answer_becomes_a_value_of_the_schemas_type(value: Any, node: Any, expected: Any) -> None:
    assert read(value, node) == (expected, [])


@pytest.mark.parametrize(
    ("value", "node"),
    [
        ("many", NUMBER),
        ("12 of 40", NUMBER),
        (True, NUMBER),
        ("2,5", {"type": ["integer", "null"]}),
        ("perhaps", {"type": ["boolean", "null"]}),
        ("soon", {"type": ["string", "null"], "format": "date"}),
        ("other", {"enum": ["invoice", None]}),
        ({"a": "x", "b": "y"}, {"type": ["string", "null"]}),
        ("text", {"type": ["object", "null"], "properties": {"a": {"type": "string"}}}),
    ],
)
def test_what_cannot_be_read_is_null_and_named(value: Any, node: Any) -> None:
    assert read(value, node) == (None, ["invalid"])


def test_a_number_is_read_by_the_documents_own_decimal_mark() -> None:
    assert read("1.234", NUMBER, GERMAN)[0] == 1234
    assert read("1.234", NUMBER, GERMAN._replace(mark="."))[0] == 1.234
    assert read("05/03/2024", DAY, Habits(day_first=False))[0] == "2024-05-03"


def test_a_number_in_the_models_own_writing_is_read_as_the_page_has_it() -> None:
    assert read("1.234", NUMBER, Habits(mark=",", printed=lambda value: value == 1234))[0] == 1234
    assert read("1.234", NUMBER, Habits(mark=",", printed=lambda value: value == Decimal("1.234")))[0] == 1.234
    assert read("1.234", NUMBER, Habits(mark=","))[0] == 1.234


def test_null_is_null_where_allowed_left_out_where_optional_and_named_where_required() -> None:
    schema = {
        "type": "object",
        "properties": {
            "nullable": {"type": ["string", "null"]},
            "optional": {"type": "string"},
            "needed": {"type": "string"},
            "party": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
        },
        "required": ["nullable", "needed", "party"],
    }
    values = Values(schema, Habits())
    assert values.read({}, schema) == {"nullable": None, "needed": None, "party": {"name": None}}
    assert [(f.path, f.code) for f in values.findings] == [("/needed", "missing"), ("/party/name", "missing")]


def test_an_object_of_nulls_is_null_where_the_schema_allows_it() -> None:
    party = {"type": ["object", "null"], "properties": {"name": {"type": ["string", "null"]}}}
    assert read({"name": None}, party) == (None, [])


@pytest.mark.parametrize("text", ["n/a", "Unknown", "not specified", "-", "", "null"])
def test_words_for_nothing_are_null(text: str) -> None:
    assert read(text, {"type": ["string", "null"]}) == (None, [])


def test_a_word_for_nothing_that_the_document_prints_is_a_value() -> None:
    printed = Habits(printed=lambda text: text == "None")
    assert read("None", {"type": ["string", "null"]}, printed) == ("None", [])


def test_keys_are_matched_without_case_and_separators_and_unknown_ones_left_out() -> None:
    schema = {"type": "object", "properties": {"invoice_number": {"type": "string"}}}
    values = Values(schema, Habits())
    assert values.read({"Invoice Number": "1", "made_up": "2"}, schema) == {"invoice_number": "1"}


def test_the_printed_text_of_a_converted_value_is_kept() -> None:
    schema = {"type": "object", "properties": {"total": {"type": "number"}, "day": DAY}}
    values = Values(schema, GERMAN)
    values.read({"total": "1.234,56 €", "day": "5. März 2024"}, schema)
    assert values.raw == {"/total": "1.234,56 €", "/day": "5. März 2024"}


def test_a_map_keeps_keys_that_nobody_declared() -> None:
    node = {"type": "object", "additionalProperties": {"type": "number"}}
    assert read({"Q1": "1.000,50", "Q2": 7}, node) == ({"Q1": 1000.5, "Q2": 7}, [])
