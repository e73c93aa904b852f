"""What a schema's fields are called, of what type, and where its references lead."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from fieldwise.model import SchemaVersion, field_path, type_name, walk_fields
from fieldwise.model.schema import escape, resolve, unescape


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        ({"type": "string"}, "string"),
        ({"type": "string", "format": "date"}, "date"),
        ({"type": "string", "format": "date-time"}, "date-time"),
        ({"type": "string", "format": "email"}, "string"),
        ({"type": "integer"}, "integer"),
        ({"type": ["number", "null"]}, "number or null"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string or null"),
        ({"oneOf": [{"type": "string"}, {"type": "string"}]}, "string"),
        ({"type": "array", "items": {"type": "string"}}, "list of strings"),
        ({"type": "array", "items": {"type": "object"}}, "list of objects"),
        ({"type": "array"}, "list"),
        ({"type": "array", "items": {"type": "string", "format": "date"}}, "list of dates"),
        ({"type": "array", "items": {"enum": ["a", "b"]}}, "list of one of a, b"),
        ({"type": "array", "items": {"type": ["string", "null"]}}, "list of string or null"),
        ({"enum": ["a", "b"]}, "one of a, b"),
        ({"enum": [1, 2, 3, 4, 5, 6, 7]}, "one of 1, 2, 3, 4, 5, 6 ..."),
        ({"$ref": "#/$defs/Person"}, "Person"),
        ({}, "any"),
        (True, "any"),
        (None, "any"),
    ],
)
def test_a_type_is_said_in_a_word_or_two(schema: Any, name: str) -> None:
    assert type_name(schema) == name


SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["total", "items"],
    "properties": {
        "total": {"type": "number"},
        "a/b~c": {"type": "string"},
        "items": {"type": "array", "items": {"$ref": "#/$defs/Item"}},
        "seller": {"anyOf": [{"$ref": "#/$defs/Party"}, {"type": "null"}]},
    },
    "$defs": {
        "Item": {
            "type": "object",
            "required": ["amount"],
            "properties": {"amount": {"type": "number"}, "tags": {"type": "array", "items": {"type": "string"}}},
        },
        "Party": {"type": "object", "properties": {"name": {"type": "string"}}},
    },
}


def test_fields_come_in_the_schemas_own_order_containers_first() -> None:
    found = [(field.path, field.name, field.required, field.depth) for field in walk_fields(SCHEMA)]
    assert found == [
        ("/total", "total", True, 0),
        ("/a~1b~0c", "a/b~c", False, 0),
        ("/items", "items", True, 0),
        ("/items/*/amount", "amount", True, 1),
        ("/items/*/tags", "tags", False, 1),
        ("/seller", "seller", False, 0),
        ("/seller/name", "name", False, 1),
    ]


def test_a_field_of_an_optional_object_is_shown_as_the_object() -> None:
    seller = next(field for field in walk_fields(SCHEMA) if field.name == "seller")
    assert seller.schema["type"] == "object"


def test_a_schema_that_contains_itself_ends() -> None:
    node: dict[str, Any] = {"type": "object", "properties": {"child": {"$ref": "#"}}}
    paths = [field.path for field in walk_fields(node, max_depth=5)]
    assert paths == ["/child" * depth for depth in range(1, 6)]


@pytest.mark.parametrize(
    "schema",
    [{}, {"properties": []}, {"properties": {"a": True}}, {"properties": {"a": 1}, "required": "a"}, {"items": 3}],
)
def test_what_is_no_proper_schema_is_walked_without_an_error(schema: Any) -> None:
    assert all(field.name == "a" for field in walk_fields(schema))


def test_a_reference_is_followed_and_what_stands_beside_it_wins() -> None:
    root = {"$defs": {"Day": {"type": "string", "description": "A day."}}}
    assert resolve({"$ref": "#/$defs/Day", "description": "Due."}, root) == {"type": "string", "description": "Due."}


@pytest.mark.parametrize("node", [{"$ref": "#/$defs/Nowhere"}, {"$ref": "https://example.org/s"}, {"$ref": 3}, 7, None])
def test_a_reference_that_leads_nowhere_stays_what_it_is(node: Any) -> None:
    assert resolve(node, {"$defs": {}}) == node


def test_references_in_a_circle_end() -> None:
    root = {"$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}}}
    assert "$ref" in resolve({"$ref": "#/$defs/A"}, root)


def test_of_a_choice_with_null_the_other_is_taken_and_of_two_real_ones_none() -> None:
    assert resolve({"anyOf": [{"type": "null"}, {"type": "string"}], "title": "T"}, {}) == {
        "type": "string",
        "title": "T",
    }
    choice = {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    assert resolve(choice, {}) == choice


@given(st.text())
def test_a_key_survives_a_json_pointer(key: str) -> None:
    assert unescape(escape(key)) == key
    assert "/" not in escape(key)


@pytest.mark.parametrize(
    ("pointer", "path"),
    [("/authors/0/name", "/authors/*/name"), ("/title", "/title"), ("/items/12/tags/3", "/items/*/tags/*"), ("", "")],
)
def test_a_leafs_pointer_becomes_its_fields_path(pointer: str, path: str) -> None:
    assert field_path(pointer) == path


def test_a_version_is_written_and_read_with_its_schema_under_its_name() -> None:
    version = SchemaVersion(version=1, schema=SCHEMA, origin="given")
    body = version.model_dump(mode="json", by_alias=True)
    assert body["schema"] == SCHEMA
    assert SchemaVersion.model_validate(body) == version
    assert list(SchemaVersion.model_validate(body).schema["properties"]) == list(SCHEMA["properties"])


@pytest.mark.parametrize("change", [{"version": 0}, {"origin": "found"}, {"extra": 1}])
def test_a_version_that_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SchemaVersion.model_validate({"version": 1, "schema": {}, "origin": "given", **change})
