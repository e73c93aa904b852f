"""check_schema: every fault has a pointer and a reason, and nothing makes it fail."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldwise.errors import SchemaInvalid
from fieldwise.propose import check_schema, require_valid
from fieldwise.propose.check import MAX_DEPTH, MAX_FIELDS


def root(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def codes(schema: Any, severity: str = "error") -> set[str]:
    return {f.code for f in check_schema(schema) if f.severity == severity}


TEXT = {"type": "string", "description": "Text."}


def test_a_good_schema_has_no_findings() -> None:
    assert check_schema({**root(a=TEXT), "required": ["a"]}) == ()
    assert require_valid(root(a=TEXT)) == root(a=TEXT)


@pytest.mark.parametrize("schema", [None, True, [], "text", 3, [root(a=TEXT)]])
def test_only_an_object_is_a_schema(schema: Any) -> None:
    assert codes(schema) == {"not_an_object"}


def test_the_root_must_be_an_object_with_fields() -> None:
    assert codes({}) == {"root_type", "no_fields"}
    assert codes({"type": "string"}) == {"root_type", "no_fields"}
    assert codes({"type": ["object"], "properties": {"a": TEXT}}) == {"root_type"}
    assert codes(root()) == {"no_fields"}
    assert codes({"type": "object", "properties": ["a"]}) == {"no_fields"}


def test_a_fault_of_the_draft_is_named_with_its_place() -> None:
    findings = check_schema(root(**{"a/b": {"type": "money"}}))

    assert [(f.pointer, f.code) for f in findings] == [("/properties/a~1b/type", "not_a_schema")]


def test_another_draft_is_refused() -> None:
    assert codes({"$schema": "http://json-schema.org/draft-07/schema#", **root(a=TEXT)}) == {"other_draft"}
    assert codes({"$schema": "https://json-schema.org/draft/2020-12/schema", **root(a=TEXT)}) == set()


@pytest.mark.parametrize("ref", ["https://example.com/s.json", "other.json", "//x", "file:///etc/passwd"])
def test_references_outside_the_schema_are_refused(ref: str) -> None:
    assert codes(root(a={"$ref": ref})) == {"remote_reference"}


def test_references_inside_the_schema_must_lead_somewhere() -> None:
    good = {**root(a={"$ref": "#/$defs/t"}), "$defs": {"t": TEXT}}
    anchored = {**root(a={"$ref": "#t"}), "$defs": {"t": {**TEXT, "$anchor": "t"}}}

    assert codes(good) == codes(anchored) == set()
    assert codes(root(a={"$ref": "#/$defs/t"})) == {"dangling_reference"}


def test_a_schema_that_contains_itself_is_refused() -> None:
    tree = {
        **root(a={"$ref": "#/$defs/node"}),
        "$defs": {"node": root(children={"type": "array", "items": {"$ref": "#/$defs/node"}})},
    }
    two = {
        **root(a={"$ref": "#/$defs/x"}),
        "$defs": {"x": root(y={"$ref": "#/$defs/y"}), "y": root(x={"$ref": "#/$defs/x"})},
    }

    assert codes(tree) == codes(two) == codes(root(a={"$ref": "#"})) == {"recursive"}


def test_references_that_multiply_are_counted_as_often_as_they_are_followed() -> None:
    defs: dict[str, Any] = {"n0": root(a=TEXT)}
    for n in range(1, 11):
        defs[f"n{n}"] = root(**{f"f{i}": {"$ref": f"#/$defs/n{n - 1}"} for i in range(8)})
    assert codes({**root(a={"$ref": "#/$defs/n10"}), "$defs": defs}) & {"too_many_fields", "too_deep"}


def test_depth_size_and_number_of_fields_are_limited() -> None:
    deep: dict[str, Any] = TEXT
    for _ in range(MAX_DEPTH + 1):
        deep = root(a=deep)
    bottomless: dict[str, Any] = {}
    for _ in range(5_000):
        bottomless = {"not": bottomless}

    assert codes(deep) == {"too_deep"}
    assert codes(root(a=bottomless)) == {"too_deep"}
    assert codes(root(**{f"f{n}": TEXT for n in range(MAX_FIELDS + 1)})) == {"too_many_fields"}
    assert codes(root(a={"type": "string", "description": "x" * 600_000})) == {"too_large"}


def test_what_no_extraction_could_fulfil_is_refused() -> None:
    assert codes({**root(a=TEXT), "required": ["b"]}) == {"unknown_required"}
    assert codes(root(a={"type": "string", "pattern": "("})) == {"bad_pattern"}
    assert codes(root(**{"": TEXT})) == {"empty_name"}
    assert codes(root(a={"type": "number", "minimum": float("nan")})) == {"not_json"}


def test_a_person_is_warned_of_what_is_hard_to_read() -> None:
    schema = root(total={"type": "number"}, Totals=TEXT, **{"0": TEXT})

    assert codes(schema, "warning") == {"no_description", "similar_name", "ambiguous_name"}
    assert codes(schema) == set()
    assert require_valid(schema) is schema


def test_a_field_may_be_called_like_a_keyword() -> None:
    schema = root(type=TEXT, properties=TEXT, required=TEXT, items=TEXT, **{"$ref": TEXT, "enum": TEXT})
    assert check_schema(schema) == ()


def test_what_cannot_be_used_says_where_and_what_to_do() -> None:
    with pytest.raises(SchemaInvalid) as caught:
        require_valid(root(a={"type": "money"}))

    assert "/properties/a/type" in str(caught.value)
    assert caught.value.fields["findings"][0]["code"] == "not_a_schema"
    assert caught.value.next_step


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("#/$defs/a"),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "properties",
                    "items",
                    "$ref",
                    "$defs",
                    "required",
                    "anyOf",
                    "a",
                    "pattern",
                    "enum",
                    "$id",
                    "allOf",
                ]
            ),
            children,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_nothing_that_json_can_say_makes_it_fail(schema: Any) -> None:
    for finding in check_schema(schema):
        assert finding.message
