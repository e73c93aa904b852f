"""Edits: each does what it says, and never anything else."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from fieldwise.model import JsonSchema, walk_fields
from fieldwise.propose import Edit, apply_edits, check_schema

EDITS: TypeAdapter[tuple[Edit, ...]] = TypeAdapter(tuple[Edit, ...])

BASE: JsonSchema = {
    "type": "object",
    "properties": {
        "number": {"type": "string", "description": "Invoice number.", "pattern": "^[A-Z]"},
        "total": {"description": "Total.", "type": "number"},
        "currency": {"type": "string"},
        "seller": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "vat_id": {"type": "string"}},
            "required": ["name"],
        },
        "authors": {"type": "array", "items": {"type": "string"}, "description": "Authors."},
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"text": {"type": "string"}, "amount": {"type": "number", "minimum": 0}},
                "required": ["text", "amount"],
            },
        },
    },
    "required": ["number", "seller", "items"],
}


def edit(schema: JsonSchema, *edits: dict[str, Any], request: str = "") -> tuple[JsonSchema, list[str], list[str]]:
    applied = apply_edits(schema, EDITS.validate_python(edits), request=request)
    return applied.json_schema, [o.status for o in applied.outcomes], [o.note for o in applied.outcomes]


def names(schema: JsonSchema) -> list[str]:
    return list(schema["properties"])


def test_adding_puts_the_field_last_and_says_so() -> None:
    new, _, notes = edit(BASE, {"op": "add", "name": "due date", "type": "date", "description": "When to pay."})

    assert names(new) == [*names(BASE), "due_date"]
    assert new["properties"]["due_date"] == {"type": "string", "format": "date", "description": "When to pay."}
    assert new["required"] == [*BASE["required"], "due_date"]
    assert notes == ["added /due_date (date)"]


def test_adding_into_a_list_adds_a_column() -> None:
    new, _, notes = edit(BASE, {"op": "add", "into": "items", "name": "tax_rate", "type": "number", "required": False})

    assert list(new["properties"]["items"]["items"]["properties"]) == ["text", "amount", "tax_rate"]
    assert new["properties"]["items"]["items"]["required"] == ["text", "amount"]
    assert notes == ["added /items/*/tax_rate (number)"]


def test_adding_what_is_there_changes_nothing() -> None:
    new, statuses, notes = edit(BASE, {"op": "add", "name": "total", "type": "string"})

    assert new == BASE
    assert statuses == ["nothing"]
    assert "there already" in notes[0]


def test_removing_takes_the_required_flag_too() -> None:
    new, _, notes = edit(BASE, {"op": "remove", "field": "number"})

    assert names(new) == names(BASE)[1:]
    assert new["required"] == ["seller", "items"]
    assert notes == ["removed /number"]


def test_removing_what_is_not_there_removes_nothing_and_says_so() -> None:
    new, statuses, notes = edit(BASE, {"op": "remove", "field": "foo"})

    assert new == BASE
    assert statuses == ["missing"]
    assert notes == ["no field called `foo`, nothing removed"]


def test_renaming_keeps_place_flag_and_contents() -> None:
    new, _, notes = edit(BASE, {"op": "rename", "field": "seller", "name": "supplier"})

    assert names(new) == ["number", "total", "currency", "supplier", "authors", "items"]
    assert new["required"] == ["number", "supplier", "items"]
    assert json.dumps(new["properties"]["supplier"]) == json.dumps(BASE["properties"]["seller"])
    assert notes == ["renamed /seller to /supplier"]


def test_renaming_to_a_name_that_is_taken_is_refused() -> None:
    new, statuses, _ = edit(BASE, {"op": "rename", "field": "number", "name": "total"})

    assert new == BASE
    assert statuses == ["refused"]


def test_a_later_edit_may_use_the_old_name_or_the_new_one() -> None:
    rename = {"op": "rename", "field": "number", "name": "code"}
    for later in ("number", "code"):
        new, statuses, _ = edit(BASE, rename, {"op": "make_optional", "field": later})
        assert statuses == ["done", "done"]
        assert new["required"] == ["seller", "items"]


def test_retyping_keeps_the_description_and_drops_what_fitted_the_old_type() -> None:
    new, _, notes = edit(BASE, {"op": "retype", "field": "number", "type": "integer"})

    assert new["properties"]["number"] == {"type": "integer", "description": "Invoice number."}
    assert notes == ["changed /number from string to integer"]


def test_retyping_a_nullable_field_keeps_it_nullable() -> None:
    schema = {"type": "object", "properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}}}
    new, _, _ = edit(schema, {"op": "retype", "field": "a", "type": "number"})

    assert new["properties"]["a"] == {"anyOf": [{"type": "number"}, {"type": "null"}]}


def test_an_object_becomes_a_list_of_such_objects_and_back() -> None:
    listed, _, _ = edit(BASE, {"op": "retype", "field": "seller", "type": "list of objects"})
    back, _, _ = edit(listed, {"op": "retype", "field": "seller", "type": "object"})

    assert listed["properties"]["seller"] == {"type": "array", "items": BASE["properties"]["seller"]}
    assert back["properties"]["seller"] == BASE["properties"]["seller"]


def test_splitting_a_list_of_texts_gives_it_columns() -> None:
    parts = [{"name": "name"}, {"name": "affiliation", "required": False}]
    new, _, notes = edit(BASE, {"op": "split", "field": "authors", "parts": parts})

    authors = new["properties"]["authors"]
    assert authors["description"] == "Authors."
    assert list(authors["items"]["properties"]) == ["name", "affiliation"]
    assert authors["items"]["required"] == ["name"]
    assert notes == ["split /authors into /authors/*/name, /authors/*/affiliation"]


def test_splitting_a_value_puts_its_parts_in_its_place() -> None:
    new, _, _ = edit(BASE, {"op": "split", "field": "number", "parts": [{"name": "series"}, {"name": "running"}]})

    assert names(new)[:3] == ["series", "running", "total"]
    assert new["required"] == ["series", "running", "seller", "items"]


def test_splitting_a_value_into_several_of_itself_makes_it_a_list() -> None:
    new, _, notes = edit(
        BASE, {"op": "split", "field": "number", "parts": [{"name": "number", "type": "list of strings"}]}
    )

    assert new["properties"]["number"]["type"] == "array"
    assert names(new) == names(BASE)
    assert notes == ["changed /number from string to list of strings"]


def test_splitting_a_value_into_itself_says_what_to_do_instead() -> None:
    new, _, notes = edit(BASE, {"op": "split", "field": "number", "parts": [{"name": "number"}]})

    assert new == BASE
    assert notes == ["/number was not split: that takes two names (several values of one: retype it to a list)"]


def test_nesting_makes_an_object_where_the_first_field_stood() -> None:
    new, _, _ = edit(BASE, {"op": "nest", "fields": ["total", "currency"], "name": "amount"})

    assert names(new) == ["number", "amount", "seller", "authors", "items"]
    assert list(new["properties"]["amount"]["properties"]) == ["total", "currency"]
    assert json.dumps(new["properties"]["amount"]["properties"]["total"]) == json.dumps(BASE["properties"]["total"])


def test_nesting_into_an_object_that_exists_moves_the_fields_there() -> None:
    new, _, _ = edit(BASE, {"op": "nest", "fields": ["currency"], "name": "seller"})

    assert list(new["properties"]["seller"]["properties"]) == ["name", "vat_id", "currency"]


def test_flattening_keeps_the_name_of_what_was_dissolved() -> None:
    new, _, notes = edit(BASE, {"op": "flatten", "field": "seller"})

    assert names(new) == ["number", "total", "currency", "seller_name", "seller_vat_id", "authors", "items"]
    assert new["required"] == ["number", "seller_name", "items"]
    assert notes == ["dissolved /seller into /seller_name, /seller_vat_id"]


def test_moving_goes_into_objects_lists_and_back_to_the_root() -> None:
    new, statuses, _ = edit(
        BASE,
        {"op": "move", "field": "currency", "into": "items"},
        {"op": "move", "field": "seller.vat_id", "into": ""},
    )

    assert statuses == ["done", "done"]
    assert "currency" in new["properties"]["items"]["items"]["properties"]
    assert names(new)[-1] == "vat_id"


def test_nothing_is_moved_into_itself() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {"type": "string"}}}}}
    assert edit(schema, {"op": "move", "field": "a", "into": "a"})[:2] == (schema, ["refused"])


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"place": "first"}, ["authors", "number", "total", "currency", "seller", "items"]),
        ({"place": "last"}, ["number", "total", "currency", "seller", "items", "authors"]),
        ({"place": "before", "other": "total"}, ["number", "authors", "total", "currency", "seller", "items"]),
        ({"place": "after", "other": "total"}, ["number", "total", "authors", "currency", "seller", "items"]),
    ],
)
def test_reordering_moves_one_field_among_its_siblings(where: dict[str, str], expected: list[str]) -> None:
    new, _, _ = edit(BASE, {"op": "reorder", "field": "authors", **where})

    assert names(new) == expected


def test_values_can_be_limited_and_freed() -> None:
    limited, _, notes = edit(BASE, {"op": "enum", "field": "currency", "values": ["EUR", "USD"]})
    freed, _, _ = edit(limited, {"op": "enum", "field": "currency", "values": []})

    assert limited["properties"]["currency"]["enum"] == ["EUR", "USD"]
    assert notes == ["limited /currency to EUR, USD"]
    assert freed["properties"]["currency"] == {"type": "string"}


def test_limits_on_a_number_are_numbers() -> None:
    schema = {"type": "object", "properties": {"rate": {"type": "integer", "minimum": 0}, "tags": {"type": ["array"]}}}
    new, _, _ = edit(schema, {"op": "enum", "field": "rate", "values": ["7", "19"]})
    text, _, _ = edit(schema, {"op": "enum", "field": "rate", "values": ["low", "19"]})

    assert new["properties"]["rate"] == {"type": "integer", "enum": [7, 19]}
    assert text["properties"]["rate"] == {"type": "string", "enum": ["low", "19"]}


def test_removed_and_added_again_is_a_change_in_place() -> None:
    new, _, _ = edit(
        BASE, {"op": "remove", "field": "total"}, {"op": "add", "name": "total", "type": "string", "required": True}
    )

    assert names(new) == names(BASE)
    assert new["properties"]["total"]["type"] == "string"
    assert new["required"] == BASE["required"]


def test_the_last_field_is_never_removed() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}
    new, statuses, notes = edit(schema, {"op": "remove", "field": "a"}, {"op": "remove", "field": "b"})

    assert names(new) == ["b"]
    assert statuses == ["done", "refused"]
    assert "last field" in notes[1]


def test_all_fields_may_go_where_others_come() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    new, statuses, _ = edit(schema, {"op": "remove", "field": "a"}, {"op": "add", "name": "b"})

    assert names(new) == ["b"]
    assert statuses == ["done", "done"]


def test_a_field_of_a_shared_definition_is_changed_alone() -> None:
    party = {"type": "object", "properties": {"name": {"type": "string"}, "city": {"type": "string"}}}
    schema = {
        "type": "object",
        "properties": {"buyer": {"$ref": "#/$defs/party"}, "seller": {"$ref": "#/$defs/party"}},
        "$defs": {"party": party},
    }
    new, statuses, _ = edit(schema, {"op": "remove", "field": "buyer.city"})

    assert statuses == ["done"]
    assert [f.path for f in walk_fields(new)] == ["/buyer", "/buyer/name", "/seller", "/seller/name", "/seller/city"]
    assert new["$defs"] == schema["$defs"]


@pytest.mark.parametrize(
    "words", ["items.amount", "/items/*/amount", "items[].amount", "Items.Amount", "amount", "`amount`"]
)
def test_a_field_is_found_by_any_usual_spelling_of_its_path(words: str) -> None:
    new, statuses, _ = edit(BASE, {"op": "make_optional", "field": words})

    assert statuses == ["done"]
    assert new["properties"]["items"]["items"]["required"] == ["text"]


def test_a_name_that_several_fields_have_is_not_guessed() -> None:
    schema = copy.deepcopy(BASE)
    schema["properties"]["buyer"] = copy.deepcopy(schema["properties"]["seller"])
    new, statuses, notes = edit(schema, {"op": "remove", "field": "vat_id"})

    assert new == schema
    assert statuses == ["missing"]
    assert "seller.vat_id" in notes[0]
    assert "buyer.vat_id" in notes[0]


def test_new_names_are_spelled_like_their_neighbours() -> None:
    schema = {"type": "object", "properties": {"invoiceNumber": {"type": "string"}}}
    new, _, _ = edit(schema, {"op": "add", "name": "due date"}, {"op": "add", "name": "IBAN_No"}, request="add IBAN_No")

    assert names(new) == ["invoiceNumber", "dueDate", "IBAN_No"]


def test_the_schema_given_is_not_touched() -> None:
    before = json.dumps(BASE)
    edit(
        BASE,
        {"op": "remove", "field": "total"},
        {"op": "flatten", "field": "seller"},
        {"op": "require", "field": "currency"},
    )

    assert json.dumps(BASE) == before


def test_the_new_place_of_every_old_field_is_known() -> None:
    applied = apply_edits(
        BASE,
        EDITS.validate_python(
            [
                {"op": "rename", "field": "items", "name": "lines"},
                {"op": "rename", "field": "items.amount", "name": "price"},
                {"op": "flatten", "field": "seller"},
                {"op": "remove", "field": "total"},
                {"op": "retype", "field": "number", "type": "integer"},
            ]
        ),
    )

    assert applied.paths["/items/*/amount"] == "/lines/*/price"
    assert applied.paths["/seller/name"] == "/seller_name"
    assert "/total" not in applied.paths
    assert applied.paths["/number"] == "/number"
    assert applied.altered == {"/number"}


# Properties -----------------------------------------------------------------------------------------------------------

_NAMES = st.sampled_from(["a", "b", "c", "d", "name", "total amount", "x/y", "~", "été"])
_SCALAR = st.sampled_from(
    [
        {"type": "string"},
        {"description": "x", "type": "number", "minimum": 0},
        {"type": ["string", "null"], "description": "maybe"},
        {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        {"type": "string", "enum": ["p", "q"]},
        {"$ref": "#/$defs/money"},
    ]
)


def _objects(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(_NAMES, children, min_size=1, max_size=4).flatmap(
        lambda properties: st.lists(st.sampled_from(sorted(properties)), unique=True).map(
            lambda required: {
                "properties": properties,
                "type": "object",
                **({"required": required} if required else {}),
            }
        )
    )


_NODES = st.recursive(
    _SCALAR,
    lambda children: (
        _objects(children)
        | st.builds(
            lambda items: {"type": "array", "items": items, "description": "list"}, children | _objects(children)
        )
    ),
    max_leaves=8,
)
_SCHEMAS = _objects(_NODES).map(
    lambda node: {
        **copy.deepcopy(node),
        "$defs": {"money": {"type": "object", "properties": {"cents": {"type": "integer"}}}},
    }
)


@st.composite
def _schema_and_edits(draw: st.DrawFn) -> tuple[JsonSchema, list[dict[str, Any]]]:
    schema = draw(_SCHEMAS)
    paths = [f.path for f in walk_fields(schema)]
    path = st.sampled_from(paths)
    part = st.fixed_dictionaries({"name": _NAMES, "type": st.sampled_from(["string", "number", "date"])})
    kinds = [
        st.fixed_dictionaries({"op": st.just("add"), "into": path | st.just(""), "name": _NAMES}),
        st.fixed_dictionaries(
            {"op": st.sampled_from(["remove", "require", "make_optional", "flatten"]), "field": path}
        ),
        st.fixed_dictionaries(
            {"op": st.just("rename"), "field": path, "name": _NAMES | st.sampled_from(["new", "?!"])}
        ),
        st.fixed_dictionaries(
            {
                "op": st.just("retype"),
                "field": path,
                "type": st.sampled_from(["string", "integer", "list of strings", "object", "list of objects"]),
                "columns": st.lists(part, max_size=2),
            }
        ),
        st.fixed_dictionaries({"op": st.just("describe"), "field": path, "description": st.just("Anew.")}),
        st.fixed_dictionaries({"op": st.just("enum"), "field": path, "values": st.lists(_NAMES, max_size=3)}),
        st.fixed_dictionaries({"op": st.just("split"), "field": path, "parts": st.lists(part, min_size=1, max_size=3)}),
        st.fixed_dictionaries(
            {"op": st.just("nest"), "fields": st.lists(path, min_size=1, max_size=3), "name": _NAMES}
        ),
        st.fixed_dictionaries({"op": st.just("move"), "field": path, "into": path | st.just("")}),
        st.fixed_dictionaries(
            {
                "op": st.just("reorder"),
                "field": path,
                "place": st.sampled_from(["first", "last", "before", "after"]),
                "other": path,
            }
        ),
    ]
    return schema, draw(st.lists(st.one_of(kinds), min_size=1, max_size=4))


PROPERTY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@PROPERTY
@given(_schema_and_edits())
def test_no_edit_ever_makes_a_valid_schema_invalid(case: tuple[JsonSchema, list[dict[str, Any]]]) -> None:
    schema, edits = case
    new, statuses, notes = edit(schema, *edits)

    assert not [f for f in check_schema(new) if f.severity == "error"]
    assert len(statuses) == len(notes) == len(edits)
    assert all(notes)


def _touched(schema: JsonSchema, edits: list[dict[str, Any]]) -> set[str]:
    touched = set()
    for item in edits:
        for key in ("field", "into", "other"):
            if item.get(key):
                touched.add(item[key])
        touched |= set(item.get("fields", ()))
    return touched


@PROPERTY
@given(_schema_and_edits())
def test_what_no_edit_names_stays_byte_identical_with_its_required_flag(
    case: tuple[JsonSchema, list[dict[str, Any]]],
) -> None:
    schema, edits = case
    applied = apply_edits(schema, EDITS.validate_python(edits))
    after = {f.path: f for f in walk_fields(applied.json_schema)}
    touched = _touched(schema, edits)
    for before in walk_fields(schema):
        related = any(
            before.path == t or t.startswith(before.path + "/") or before.path.startswith(t + "/") for t in touched
        )
        # `nest` names the object it moves into without a path: fields with that name count as touched.
        if related or any(e["op"] == "nest" and f"/{e['name']}" in before.path for e in edits):
            continue
        now = after[before.path]
        assert json.dumps(now.schema) == json.dumps(before.schema)
        assert now.required == before.required


@PROPERTY
@given(_schema_and_edits())
def test_the_order_of_what_stays_is_kept_unless_a_reordering_was_asked_for(
    case: tuple[JsonSchema, list[dict[str, Any]]],
) -> None:
    schema, edits = case
    edits = [e for e in edits if e["op"] not in ("reorder", "move", "nest")]
    applied = apply_edits(schema, EDITS.validate_python(edits))
    after = [f.path for f in walk_fields(applied.json_schema)]
    kept = [f.path for f in walk_fields(schema) if applied.paths.get(f.path) == f.path]
    stays = set(kept)
    assert [path for path in after if path in stays] == kept


@PROPERTY
@given(_SCHEMAS)
def test_no_edits_are_no_change_at_all(schema: JsonSchema) -> None:
    assert json.dumps(apply_edits(schema, ()).json_schema) == json.dumps(schema)
