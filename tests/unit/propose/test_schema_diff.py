"""diff_schemas: what a person would say changed."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from fieldwise.model import JsonSchema, walk_fields
from fieldwise.propose import Edit, SchemaDiff, apply_edits, diff_schemas

EDITS: TypeAdapter[tuple[Edit, ...]] = TypeAdapter(tuple[Edit, ...])

BASE: JsonSchema = {
    "type": "object",
    "properties": {
        "number": {"type": "string", "description": "Number of the invoice."},
        "total": {"type": "number", "description": "Total."},
        "seller": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "vat_id": {"type": "string"}},
            "required": ["name"],
        },
        "items": {"type": "array", "items": {"type": "object", "properties": {"amount": {"type": "number"}}}},
    },
    "required": ["number"],
}


def after(*edits: dict[str, Any], request: str = "") -> SchemaDiff:
    return diff_schemas(BASE, apply_edits(BASE, EDITS.validate_python(edits), request=request).json_schema)


def brief(diff: SchemaDiff) -> list[tuple[str, str, str | None]]:
    return [(c.kind, c.path, c.old_path) for c in diff.changes]


def test_nothing_changed_is_an_empty_diff() -> None:
    diff = diff_schemas(BASE, copy.deepcopy(BASE))
    assert not diff
    assert str(diff) == "no change"


def test_added_and_removed_fields_are_named_without_what_they_hold() -> None:
    party = {"op": "add", "name": "buyer", "type": "object", "columns": [{"name": "name"}]}
    diff = after(party, {"op": "remove", "field": "items"})

    assert brief(diff) == [("added", "/buyer", None), ("removed", "/items", None)]
    assert str(diff).splitlines() == ["+ added /buyer (object)", "- removed /items"]


def test_a_rename_is_recognized_by_description_or_by_likeness() -> None:
    assert brief(after({"op": "rename", "field": "number", "name": "code"})) == [("renamed", "/code", "/number")]
    assert brief(after({"op": "rename", "field": "seller.vat_id", "name": "vat_no"})) == [
        ("renamed", "/seller/vat_no", "/seller/vat_id")
    ]


def test_what_is_inside_a_renamed_object_did_not_change() -> None:
    assert brief(after({"op": "rename", "field": "items", "name": "lines"})) == [("renamed", "/lines", "/items")]


def test_a_field_replaced_by_an_unlike_one_is_no_rename() -> None:
    diff = after({"op": "remove", "field": "total"}, {"op": "add", "name": "currency", "description": "Currency."})
    assert sorted(brief(diff)) == [("added", "/currency", None), ("removed", "/total", None)]


def test_a_move_is_recognized() -> None:
    assert brief(after({"op": "move", "field": "total", "into": "seller"})) == [("moved", "/seller/total", "/total")]


def test_changes_of_one_field_are_told_together() -> None:
    diff = after(
        {"op": "retype", "field": "total", "type": "string"},
        {"op": "require", "field": "total"},
        {"op": "describe", "field": "total", "description": "With currency."},
    )
    (change,) = diff.changes
    assert {d.aspect: (d.old, d.new) for d in change.details} == {
        "type": ("number", "string"),
        "required": (False, True),
        "description": ("Total.", "With currency."),
    }
    assert str(change) == "~ changed /total: type number is now string; now required; described anew"


def test_a_limit_on_values_is_a_change() -> None:
    (change,) = after({"op": "enum", "field": "number", "values": ["A", "B"]}).changes
    assert change.kind == "changed"
    assert "enum" in {d.aspect for d in change.details}


def test_reordering_names_the_field_that_was_put_elsewhere() -> None:
    diff = after({"op": "reorder", "field": "items", "place": "first"})
    assert brief(diff) == [("reordered", "/items", None)]


def test_a_diff_survives_json() -> None:
    diff = after({"op": "rename", "field": "number", "name": "code"}, {"op": "remove", "field": "total"})
    assert SchemaDiff.model_validate_json(diff.model_dump_json()) == diff


_LEAF = st.sampled_from(
    [{"type": "string"}, {"type": "number", "description": "x"}, {"type": "string", "format": "date"}]
)
_PROPERTIES = st.dictionaries(st.sampled_from("abcdefg"), _LEAF, min_size=1, max_size=5)
_FLAT = _PROPERTIES.map(lambda p: {"type": "object", "properties": p})
_SCHEMA = (
    st.builds(lambda flat, inner: {**flat, "properties": {**flat["properties"], "group": inner}}, _FLAT, _FLAT) | _FLAT
)


@settings(deadline=None)
@given(_SCHEMA, _SCHEMA)
def test_every_field_that_is_not_in_both_is_accounted_for(old: JsonSchema, new: JsonSchema) -> None:
    diff = diff_schemas(old, new)
    before, now = ({f.path for f in walk_fields(s)} for s in (old, new))
    told_new = {c.path for c in diff.changes if c.kind != "removed"}
    told_old = {c.old_path or c.path for c in diff.changes}

    def covered(path: str, told: set[str]) -> bool:
        return any(path == t or path.startswith(t + "/") for t in told)

    assert all(covered(path, told_new) for path in now - before)
    assert all(covered(path, told_old) for path in before - now)


@settings(deadline=None)
@given(_SCHEMA)
def test_a_schema_does_not_differ_from_itself(schema: JsonSchema) -> None:
    assert not diff_schemas(schema, copy.deepcopy(schema))
