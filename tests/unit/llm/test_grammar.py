"""Lowering a JSON Schema for a grammar: nothing is lost without a name, and no meaning changes."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from fieldwise.errors import ModelAnswerInvalid
from fieldwise.llm.grammar import (
    LENGTHS,
    PATTERNS,
    RANGES,
    Dialect,
    lower,
    portable_pattern,
    require_constrained,
    restore,
    write_keys,
)

FULL = Dialect(keywords=RANGES | LENGTHS | PATTERNS)
GARBLING = FULL._replace(garbles=True)
PLAIN = Dialect(keywords=frozenset())


def obj(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def closed(**properties: Any) -> dict[str, Any]:
    return {**obj(**properties), "additionalProperties": False}


def value(schema: dict[str, Any], dialect: Dialect = FULL) -> Any:
    """Lower a schema for one required field."""
    lowered = lower(obj(v=schema), dialect)
    return lowered.json_schema["properties"]["v"], lowered.dropped


def test_objects_are_closed_and_all_their_keys_written() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "required": ["b"]}
    assert lower(schema, FULL).json_schema == closed(
        a={"anyOf": [{"type": "string"}, {"type": "null"}]}, b={"type": "integer"}
    )


def test_the_order_of_the_fields_is_kept() -> None:
    names = ["zulu", "alpha", "mike"]
    lowered = lower(
        {"type": "object", "properties": {n: {"type": "string"} for n in names}, "required": ["mike"]}, FULL
    )
    assert list(lowered.json_schema["properties"]) == names
    assert lowered.json_schema["required"] == names


@pytest.mark.parametrize(
    "optional",
    [
        {"type": ["string", "null"]},
        {"enum": ["a", None]},
        {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        {"$ref": "#/$defs/maybe"},
        {},
        True,
    ],
)
def test_what_admits_null_already_gets_no_second_one(optional: Any) -> None:
    schema = {"type": "object", "properties": {"v": optional}, "$defs": {"maybe": {"type": ["string", "null"]}}}
    required = {**schema, "required": ["v"]}
    assert lower(schema, FULL).json_schema["properties"] == lower(required, FULL).json_schema["properties"]


@pytest.mark.parametrize(
    ("schema", "expected", "dropped"),
    [
        ({"type": "string", "minLength": 1, "maxLength": 9}, {"type": "string"}, ("maxLength", "minLength")),
        ({"type": "string", "format": "email"}, {"type": "string"}, ("format",)),
        ({"type": "string", "pattern": "[0-9]+"}, {"type": "string"}, ("pattern",)),
        ({"type": "string", "pattern": "^[0-9]+$"}, {"type": "string", "pattern": "^[0-9]+$"}, ()),
        ({"type": "integer", "minimum": 1, "maximum": 5}, {"type": "integer", "minimum": 1, "maximum": 5}, ()),
        ({"type": "integer", "minimum": 1.5}, {"type": "integer"}, ("minimum",)),
        ({"type": "number", "minimum": 1}, {"type": "number"}, ("minimum",)),
        ({"type": "number", "multipleOf": 0.01}, {"type": "number"}, ("multipleOf",)),
        (
            {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True},
            {"type": "array", "items": {"type": "string"}, "minItems": 1},
            ("uniqueItems",),
        ),
        ({"type": "array", "maxItems": 100_000}, {"type": "array", "items": {}}, ("maxItems",)),
        ({"type": "array", "items": False}, {"type": "array", "items": {}, "maxItems": 0}, ()),
        ({"type": "string", "not": {"const": "x"}}, {"type": "string"}, ("not",)),
        ({"const": "x"}, {"enum": ["x"]}, ()),
        ({"type": ["string", "integer"]}, {"anyOf": [{"type": "string"}, {"type": "integer"}]}, ()),
        ({"type": "object"}, {"type": "object", "additionalProperties": True}, ()),
        ({"type": "object", "additionalProperties": False}, {"type": "object", "additionalProperties": False}, ()),
        (
            {"type": "object", "additionalProperties": {"type": "integer"}},
            {"type": "object", "additionalProperties": {"type": "integer"}},
            (),
        ),
        ({"type": "string", "description": "d", "title": "t", "examples": ["e"]}, {"type": "string"}, ()),
        ({"$ref": "https://example.com/schema"}, {}, ("$ref",)),
    ],
)
def test_what_the_grammar_cannot_hold_is_left_out_and_named(
    schema: dict[str, Any], expected: dict[str, Any], dropped: tuple[str, ...]
) -> None:
    assert value(schema) == (expected, dropped)


def test_a_poorer_dialect_names_all_that_it_drops() -> None:
    schema = {"type": "integer", "minimum": 1}, {"type": "string", "format": "date"}, {"type": "array", "minItems": 1}
    assert [value(s, PLAIN)[1] for s in schema] == [("minimum",), ("format",), ("minItems",)]


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("date", ["2024-02-29", "1999-12-31"], ["2024-13-01", "24-01-01", "2024-01-32"]),
        (
            "date-time",
            ["2024-02-29T23:59:59Z", "2024-02-29T00:00:00.123456+02:00"],
            ["2024-02-29", "2024-02-29T24:00:00Z"],
        ),
        ("time", ["12:00:00Z", "12:00:00.5-08:00"], ["12:00", "noon"]),
        ("uuid", ["123e4567-e89b-12d3-a456-426614174000"], ["123e4567"]),
    ],
)
def test_formats_become_patterns(name: str, good: list[str], bad: list[str]) -> None:
    lowered, dropped = value({"type": "string", "format": name})
    assert not dropped
    assert all(re.search(lowered["pattern"], text) for text in good)
    assert not any(re.search(lowered["pattern"], text) for text in bad)


@pytest.mark.parametrize(
    ("pattern", "portable"),
    [
        (r"^\d{3}-\d{2}$", "^[0-9]{3}-[0-9]{2}$"),
        (r"^[\w.-]+$", "^[A-Za-z0-9_.-]+$"),
        (r"^(?:a|b)\.c$", r"^(a|b)\.c$"),
        (r"^INV-[A-Z]+$", "^INV-[A-Z]+$"),
        (r"abc", None),
        (r"^a|b$", None),
        (r"^.*$", None),
        (r"^[^a]$", None),
        (r"^(?!x)a$", None),
        (r"^(a)\1$", None),
        (r"^\bword\b$", None),
        (r'^"a"$', None),
        (r"^a\$", None),
        (r"^\p{L}+$", None),
        (r"^(a$", None),
        (r"^[a$", None),
        ("^", None),
        ("$", None),
        ("", None),
    ],
)
def test_only_patterns_that_every_engine_reads_alike_are_kept(pattern: str, portable: str | None) -> None:
    assert portable_pattern(pattern) == portable


@given(st.text(alphabet=r"^$[](){}|\.dws-0aZ?*+:!\"", max_size=20))
def test_no_pattern_makes_the_lowering_fail_or_changes_what_it_matches(pattern: str) -> None:
    portable = portable_pattern(pattern)
    if portable is None:
        return
    try:
        original = re.compile(pattern, re.ASCII)
    except re.error:
        return  # not a valid schema
    rewritten = re.compile(portable, re.ASCII)
    for text in ("", "0", "a", "aZ", "d", "w-0", "0.0", "a|Z", "_"):
        assert bool(original.search(text)) == bool(rewritten.search(text))


def test_references_are_kept_and_recursion_ends() -> None:
    schema = {
        "type": "object",
        "properties": {"root": {"$ref": "#/$defs/node"}},
        "required": ["root"],
        "$defs": {
            "node": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "maxLength": 5},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                },
                "required": ["name"],
            }
        },
    }
    lowered = lower(schema, FULL)
    assert lowered.dropped == ("maxLength",)
    validator = Draft202012Validator(lowered.json_schema)
    leaf = {"name": "b", "children": None}
    assert validator.is_valid({"root": {"name": "a", "children": [leaf, leaf]}})
    assert not validator.is_valid({"root": {"name": "a", "children": [{"name": 1, "children": None}]}})


def test_all_of_and_what_stands_beside_a_reference_are_laid_together() -> None:
    schema = {
        "type": "object",
        "properties": {
            "v": {
                "allOf": [{"$ref": "#/$defs/named"}, {"properties": {"age": {"type": "integer"}}, "required": ["age"]}]
            },
            "w": {"$ref": "#/$defs/small", "maximum": 5, "description": "w"},
        },
        "required": ["v", "w"],
        "$defs": {
            "named": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
            "small": {"type": "integer", "maximum": 9, "minimum": 1},
        },
    }
    lowered = lower(schema, FULL)
    assert lowered.dropped == ()
    assert lowered.json_schema["properties"]["v"] == closed(name={"type": "string"}, age={"type": "integer"})
    assert lowered.json_schema["properties"]["w"] == {"type": "integer", "maximum": 5, "minimum": 1}


def test_a_schema_that_contains_itself_by_all_of_does_not_hang() -> None:
    schema = obj(v={"$ref": "#/$defs/loop"})
    schema["$defs"] = {"loop": {"allOf": [{"$ref": "#/$defs/loop"}, {"type": "string"}]}}
    lowered = lower(schema, FULL)
    assert lowered.dropped == ("$ref",)


def test_what_stands_beside_alternatives_holds_for_each() -> None:
    schema = {
        "type": "object",
        "properties": {"k": {"type": "string"}},
        "required": ["k"],
        "oneOf": [
            {"properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {"properties": {"b": {"type": "integer"}}, "required": ["b"]},
        ],
    }
    kind = {"type": "string"}
    assert lower(schema, FULL).json_schema == {
        "anyOf": [closed(k=kind, a={"type": "integer"}), closed(k=kind, b={"type": "integer"})]
    }


def test_the_callers_schema_is_not_touched() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"allOf": [{"$ref": "#/$defs/x"}, {"maxLength": 3}]}, "ß e": {"enum": ["ße"]}},
        "$defs": {"x": {"type": "string"}},
    }
    before = copy.deepcopy(schema)
    lower(schema, GARBLING)
    restore({"a": None}, schema)
    assert schema == before


@pytest.mark.parametrize(
    ("schema", "data", "expected"),
    [
        ({"properties": {"a": {"type": "string"}}}, {"a": None}, {}),
        ({"properties": {"a": {"type": ["string", "null"]}}}, {"a": None}, {"a": None}),
        ({"properties": {"a": {"type": "string"}}, "required": ["a"]}, {"a": None}, {"a": None}),
        ({"properties": {"a": {}}}, {"a": None}, {"a": None}),
        (
            {"properties": {"a": {"type": "array", "items": {"properties": {"b": {"type": "integer"}}}}}},
            {"a": [{"b": None}, {"b": 1}]},
            {"a": [{}, {"b": 1}]},
        ),
        (
            {"properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"properties": {"b": {"type": "string"}}}}},
            {"a": {"b": None}},
            {"a": {}},
        ),
        (
            {
                "properties": {
                    "a": {
                        "anyOf": [
                            {"properties": {"k": {"const": 1}, "o": {"type": "string"}}, "required": ["k"]},
                            {"properties": {"k": {"const": 2}, "o": {"type": ["string", "null"]}}, "required": ["k"]},
                        ]
                    }
                }
            },
            {"a": {"k": 2, "o": None}},
            {"a": {"k": 2, "o": None}},
        ),
        ({"additionalProperties": {"properties": {"b": {"type": "string"}}}}, {"x": {"b": None}}, {"x": {}}),
        (
            {"allOf": [{"properties": {"a": {"type": "string"}}}, {"properties": {"b": {"type": "string"}}}]},
            {"a": None, "b": "x"},
            {"b": "x"},
        ),
    ],
)
def test_absent_stays_absent(schema: dict[str, Any], data: Any, expected: Any) -> None:
    assert restore(data, {"type": "object", **schema}) == expected


def test_keys_that_the_engine_garbles_are_written_by_another_name_and_put_back() -> None:
    schema = obj(**{"Größe": {"type": "string"}, "größer": {"type": "string"}, 'a"b': {"type": "string"}, "plain": {}})
    lowered = lower(schema, GARBLING)
    keys = list(lowered.json_schema["properties"])
    assert all(re.fullmatch(r"[A-Za-z0-9_]+", key) for key in keys)
    assert len(set(keys)) == 4
    written = json.dumps(dict.fromkeys(keys, "x"))
    assert list(json.loads(write_keys(written, lowered))) == ["Größe", "größer", 'a"b', "plain"]
    assert write_keys(written[:20], lowered).startswith('{"Größe": ')
    assert lower(schema, FULL).aliases == {}


def test_values_that_the_engine_garbles_are_written_as_a_pattern() -> None:
    lowered, dropped = value({"enum": ["Größe (cm)", "ok", None]}, GARBLING)
    assert dropped == ()
    validator = Draft202012Validator(lowered)
    assert [validator.is_valid(v) for v in ("Größe (cm)", "ok", None, "Größe")] == [True, True, True, False]


def test_values_that_cannot_be_written_at_all_are_named() -> None:
    lowered, dropped = value({"enum": ['"ße"', 3]}, GARBLING)
    assert dropped == ("enum",)
    assert Draft202012Validator(lowered).is_valid('"ße"')


def test_an_answer_that_is_not_json_came_back_unconstrained() -> None:
    lowered = lower(obj(a={"type": "string"}), FULL)
    with pytest.raises(ModelAnswerInvalid, match="unconstrained") as caught:
        require_constrained("Sure! Here is the JSON you asked for.", lowered)
    assert caught.value.fields["attempts"][0]["answer"].startswith("Sure!")


def test_an_answer_outside_the_grammar_is_not_called_constrained() -> None:
    lowered = lower(obj(a={"type": "string"}), FULL)
    assert require_constrained('{"a": "x"}', lowered)
    assert not require_constrained('{"a": 1}', lowered)
    assert not require_constrained('{"b": "x"}', lowered)


SCALARS = st.sampled_from(
    [
        {"type": "string"},
        {"type": "integer", "minimum": 0, "maximum": 9},
        {"type": "number"},
        {"type": "boolean"},
        {"type": ["string", "null"]},
        {"enum": ["a", 1, None]},
        {"const": "größe"},
        {"type": "string", "format": "date"},
    ]
)


def _objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from(["a", "b", "Maße", "größe"])

    def build(properties: dict[str, Any], keep: list[bool]) -> dict[str, Any]:
        required = [name for name, kept in zip(properties, keep, strict=False) if kept]
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}

    objects = st.builds(build, st.dictionaries(names, inner, min_size=1), st.lists(st.booleans(), max_size=4))
    arrays = st.builds(lambda items: {"type": "array", "items": items}, inner)
    either = st.builds(lambda a, b: {"anyOf": [a, b]}, inner, inner)
    return objects | arrays | either


SCHEMAS = st.recursive(SCALARS, _objects, max_leaves=8).map(lambda v: obj(v=v))


def _example(schema: dict[str, Any], pick: Any) -> Any:
    """Write something that the lowered schema allows, as a grammar would."""
    if "anyOf" in schema:
        return _example(pick(schema["anyOf"]), pick)
    if "enum" in schema:
        return pick(schema["enum"])
    if "pattern" in schema:
        return next(text for text in ("2024-01-31", "größe") if re.search(schema["pattern"], text))
    if schema["type"] == "object":
        return {name: _example(sub, pick) for name, sub in schema["properties"].items()}
    if schema["type"] == "array":
        return [_example(schema["items"], pick) for _ in range(pick([0, 1, 2]))]
    values = {"string": "x", "integer": 3, "number": 1.5, "boolean": True, "null": None}
    return values[schema["type"]]


@given(SCHEMAS, st.data())
def test_whatever_the_grammar_allows_the_callers_schema_allows_too(schema: dict[str, Any], data: st.DataObject) -> None:
    lowered = lower(schema, GARBLING)
    written = json.dumps(_example(lowered.json_schema, lambda options: data.draw(st.sampled_from(options))))
    assert require_constrained(written, lowered)
    answer = restore(json.loads(write_keys(written, lowered)), schema)
    assert lowered.dropped == ()
    Draft202012Validator(schema).validate(answer)
