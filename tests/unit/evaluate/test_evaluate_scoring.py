"""The score of one document: properties that any score to be trusted has, and cases counted by hand."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldwise.errors import SchemaInvalid
from fieldwise.evaluate import Case, Gold, Prediction, score_document
from fieldwise.evaluate.scores import DocumentScore
from fieldwise.model import JsonSchema

ITEM: JsonSchema = {
    "type": "object",
    "properties": {
        "code": {"type": "string", "description": "article"},
        "text": {"type": ["string", "null"]},
        "quantity": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "price": {"type": ["number", "null"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/part"}},
    },
}
SCHEMA: JsonSchema = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "date": {"type": ["string", "null"], "format": "date"},
        "paid": {"type": ["boolean", "null"]},
        "seller": {"type": "object", "properties": {"name": {"type": "string"}, "city": {"type": "string"}}},
        "words": {"type": "array", "items": {"type": "string"}},
        "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
    },
    "$defs": {
        "item": ITEM,
        "part": {"type": "object", "properties": {"name": {"type": "string"}, "n": {"type": "integer"}}},
    },
}

words = st.sampled_from(["oak", "ash", "elm", "fir", "Yew 12", "plane tree", "1.5", "2024-03-05", "x"])
parts = st.fixed_dictionaries({"name": words, "n": st.integers(0, 4)})
items = st.fixed_dictionaries(
    {
        "code": words,
        "text": st.none() | words,
        "quantity": st.none() | st.integers(-3, 3),
        "price": st.none() | st.integers(-900, 900).map(lambda n: n / 100),
        "tags": st.lists(words, max_size=3),
        "parts": st.lists(parts, max_size=3),
    }
)
documents = st.fixed_dictionaries(
    {
        "title": words,
        "date": st.none() | st.dates().map(str),
        "paid": st.none() | st.booleans(),
        "seller": st.fixed_dictionaries({"name": words}, optional={"city": words}),
        "words": st.lists(words, max_size=5),
        "items": st.lists(items, max_size=6),
    }
)


def score(gold: Any, predicted: Any, schema: JsonSchema | None = SCHEMA, **more: Any) -> DocumentScore:
    gold = gold if isinstance(gold, Gold) else Gold(data=gold)
    return score_document(Case(name="d", gold=gold, prediction=Prediction(data=predicted, **more), schema=schema))


def shuffled(value: Any, seed: int) -> Any:
    """Return the same values with every list and every object in another order."""
    chance = random.Random(seed)
    if isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        return {k: shuffled(value[k], seed + 1) for k in keys}
    if isinstance(value, list):
        moved = [shuffled(v, seed + 1) for v in value]
        chance.shuffle(moved)
        return moved
    return value


def cells_of(record: dict[str, Any]) -> int:
    return 4 + len(record["tags"]) + 2 * len(record["parts"])


@settings(max_examples=60, deadline=None)
@given(documents)
def test_a_document_compared_with_itself_is_perfect(data: dict[str, Any]) -> None:
    for schema in (SCHEMA, None):
        found = score(data, copy.deepcopy(data), schema)
        assert found.counts.f1 == found.strict.f1 == 1.0
        assert all(c.matched for c in found.cells)
        assert found.record_recall in (None, 1.0)
        assert found.record_precision in (None, 1.0)
        assert found.anls in (None, 1.0)
        assert not found.silent_loss
        assert not found.omission


@settings(max_examples=60, deadline=None)
@given(documents, documents, st.integers(0, 1000))
def test_the_order_of_records_and_keys_never_matters(gold: Any, predicted: Any, seed: int) -> None:
    for schema in (SCHEMA, None):
        before, after = (
            score(gold, predicted, schema),
            score(shuffled(gold, seed), shuffled(predicted, seed + 7), schema),
        )
        assert before.counts == after.counts
        assert before.strict == after.strict
        assert before.record_recall == after.record_recall
        assert before.record_precision == after.record_precision
        assert before.omission == after.omission
        assert before.hallucination == after.hallucination
        assert before.anls == pytest.approx(after.anls) if before.anls is not None else after.anls is None


@settings(max_examples=60, deadline=None)
@given(documents.filter(lambda d: d["items"]), st.data())
def test_a_dropped_record_costs_exactly_its_cells(data: dict[str, Any], draw: st.DataObject) -> None:
    dropped = draw.draw(st.integers(0, len(data["items"]) - 1))
    predicted = copy.deepcopy(data)
    lost = cells_of(predicted["items"].pop(dropped))
    whole, found = score(data, data), score(data, predicted)
    assert found.counts.gold == whole.counts.gold
    assert found.counts.matched == whole.counts.matched - lost
    assert found.counts.precision == 1.0
    assert found.counts.recall == pytest.approx(1 - lost / whole.counts.gold)


@settings(max_examples=60, deadline=None)
@given(documents, items)
def test_a_made_up_record_costs_precision_only(data: dict[str, Any], invented: dict[str, Any]) -> None:
    predicted = copy.deepcopy(data)
    predicted["items"].append(invented)
    whole, found = score(data, data), score(data, predicted)
    assert found.counts.recall == 1.0
    assert found.counts.matched == whole.counts.matched
    assert found.counts.predicted == whole.counts.predicted + cells_of(invented)
    assert found.counts.precision < 1.0


@settings(max_examples=60, deadline=None)
@given(documents, documents)
def test_matching_cells_are_the_same_from_both_sides(a: dict[str, Any], b: dict[str, Any]) -> None:
    one, other = score(a, b), score(b, a)
    assert one.counts.matched == other.counts.matched
    assert (one.counts.gold, one.counts.predicted) == (other.counts.predicted, other.counts.gold)
    assert one.counts.f1 == pytest.approx(other.counts.f1)
    assert one.strict.matched == other.strict.matched


@settings(max_examples=40, deadline=None)
@given(documents, documents)
def test_every_cell_of_either_side_is_counted_once(gold: dict[str, Any], predicted: dict[str, Any]) -> None:
    found = score(gold, predicted)
    for side, count in (("gold_pointer", found.counts.gold), ("predicted_pointer", found.counts.predicted)):
        pointers = [p for c in found.cells if (p := getattr(c, side)) is not None]
        assert len(pointers) == len(set(pointers)) == count
    expected = 5 + len(gold["words"]) + sum(map(cells_of, gold["items"]))
    assert found.counts.gold == expected


@settings(max_examples=40, deadline=None)
@given(st.lists(items, min_size=1, max_size=4), st.lists(items, min_size=1, max_size=4))
def test_records_are_aligned_as_well_as_by_trying_all_ways(gold: list[Any], predicted: list[Any]) -> None:
    from itertools import permutations

    def together(g: Any, p: Any) -> int:
        one = score(
            {"items": [g]},
            {"items": [p]},
            {"type": "object", "properties": {"items": SCHEMA["properties"]["items"]}, "$defs": SCHEMA["$defs"]},
        )
        return one.counts.matched

    schema = {"type": "object", "properties": {"items": SCHEMA["properties"]["items"]}, "$defs": SCHEMA["$defs"]}
    found = score({"items": gold}, {"items": predicted}, schema).counts.matched
    short, long, turned = (gold, predicted, False) if len(gold) <= len(predicted) else (predicted, gold, True)
    table = [[together(b, a) if turned else together(a, b) for b in long] for a in short]
    best = max(sum(table[i][j] for i, j in enumerate(way)) for way in permutations(range(len(long)), len(short)))
    assert found == best


def test_cells_counted_by_hand() -> None:
    gold = {
        "title": "Invoice 7",
        "date": "2024-03-05",
        "seller": {"name": "Acme Ltd.", "city": "Cork"},
        "words": ["a", "b", "b"],
        "items": [
            {"code": "A1", "quantity": 2, "price": 10.0, "text": "oak board"},
            {"code": "B2", "quantity": 1, "price": 5.5, "text": None},
        ],
    }
    predicted = {
        "title": "INVOICE 7",  # normalized only
        "date": "5 March 2024",  # both ways
        "paid": True,  # invented
        "seller": {"name": "Acme Ltd."},  # the city is omitted
        "words": ["b", "c"],  # one of three
        "items": [
            {"code": "B2", "quantity": 1, "price": "5,50", "text": "new"},
            {"code": "A1", "quantity": 2, "price": 10.0, "text": "oak board"},
        ],
    }
    found = score(gold, predicted)
    # title, date, seller name, one word, A1 whole (4 cells), B2: code, quantity, price.
    assert found.counts == (3 + 1 + 4 + 3, 5 + 2 + 8, 5 + 3 + 8)
    assert found.strict == (2 + 1 + 4 + 2, 15, 16)
    assert found.record_recall == 0.5  # B2 has 3 of 4 cells
    assert found.record_precision == 0.5
    assert found.count_error == 0.0
    # Of 14 gold values that are not null: the city, and two of the words, stand against nothing.
    assert found.omission == pytest.approx(3 / 14)
    # Paid and B2's text are null in gold, and both are given.
    assert found.hallucination == 1.0


def test_without_a_schema_the_values_tell_what_there_is() -> None:
    found = score({"a": 1, "list": [{"b": "x"}]}, {"a": 1, "list": [{"b": "x", "more": 2}], "extra": "?"}, None)
    assert found.counts == (2, 4, 4)
    assert found.hallucination == 1.0


def test_what_the_schema_does_not_name_is_no_cell_but_is_told() -> None:
    found = score({"title": "x", "note": "y"}, {"title": "x", "other": 1, "items": [{"zzz": 2}]})
    assert found.outside["gold"] == ("/note",)
    assert found.outside["predicted"] == ("/items/*/zzz", "/other")


def test_a_record_of_nulls_and_one_wrong_value_is_not_found() -> None:
    found = score({"items": [{"code": "A"}]}, {"items": [{"code": "B"}]})
    assert found.counts.matched > 0  # null matches null
    assert found.record_recall == 0.0


def test_a_record_is_found_from_four_cells_of_five() -> None:
    schema = {
        "type": "object",
        "properties": {
            "rows": {
                "type": "array",
                "items": {"type": "object", "properties": {k: {"type": "integer"} for k in "abcde"}},
            }
        },
    }
    row = dict.fromkeys("abcde", 1)
    assert score({"rows": [row]}, {"rows": [row | {"a": 2}]}, schema).record_recall == 1.0
    assert score({"rows": [row]}, {"rows": [row | {"a": 2, "b": 2}]}, schema).record_recall == 0.0


@pytest.mark.parametrize("status", [None, "complete"])
def test_lost_records_without_a_word_are_a_silent_loss(status: str | None) -> None:
    rows = {"items": [{"code": str(n)} for n in range(100)]}
    assert score(rows, {"items": rows["items"][:97]}, status=status).silent_loss
    assert not score(rows, {"items": rows["items"][:98]}, status=status).silent_loss


def test_a_loss_that_is_told_is_not_silent_and_a_failed_part_behind_complete_is() -> None:
    rows = {"items": [{"code": str(n)} for n in range(10)]}
    assert not score(rows, {"items": []}, status="incomplete").silent_loss
    assert score(rows, rows, status="complete", failed_parts=1).silent_loss
    assert not score(rows, rows, status="incomplete", failed_parts=1).silent_loss


def test_a_failed_output_scores_nothing_not_even_its_nulls() -> None:
    found = score({"title": None, "items": []}, None, error="timed out")
    assert found.failed
    assert found.counts.matched == 0
    assert found.counts.gold > 0
    assert not any(c.matched for c in found.cells)


def test_skipped_pointers_are_scored_on_neither_side() -> None:
    data = {"title": "x", "items": [{"code": "A", "price": 1.0}, {"code": "B", "price": 2.0}]}
    gold = Gold(data=data, skip=frozenset({"/items/1/price", "/seller", "/date"}))
    whole, wrong_there = (
        score(gold, data),
        score(gold, data | {"items": [{"code": "A", "price": 1.0}, {"code": "B", "price": 9.0}], "date": "2020-01-01"}),
    )
    assert whole.counts == wrong_there.counts
    assert whole.counts.f1 == 1.0
    assert not any((c.gold_pointer or "").startswith(("/seller", "/items/1/price", "/date")) for c in whole.cells)


def test_declared_comparisons_are_honored() -> None:
    def one(field: JsonSchema, gold: Any, predicted: Any) -> bool:
        found = score({"f": gold}, {"f": predicted}, {"type": "object", "properties": {"f": field}})
        return found.counts.f1 == 1.0

    text, number = {"type": "string"}, {"type": "number"}
    assert one(text, "Acme", "ACME.")
    assert not one(text | {"x-eval": "exact"}, "Acme", "ACME.")
    assert one(text | {"x-eval": "text"}, "a longer line of text", "a longer line of tex")
    assert not one(text | {"x-eval": {"text": 0.99}}, "a longer line of text", "a longer line of tex")
    assert one(number | {"x-eval": {"tolerance": 0.5}}, 10, 10.5)
    assert not one(number | {"x-eval": "exact"}, 10.0, 10.001)
    assert one(text | {"x-eval": "skip"}, "a", "b")
    assert not one(text | {"evaluation_config": "string_exact"}, "Acme", "acme")
    assert one(text | {"evaluation_config": "string_case_insensitive"}, "Acme", "acme")
    assert not one(text | {"evaluation_config": "string_case_insensitive"}, "Acme", "acme.")
    assert one(text | {"evaluation_config": "string_fuzzy"}, "John Doe", "John Do")
    assert one(text | {"format": "uri", "evaluation_config": "string_exact"}, "http://a.example", "a.example/")
    assert one(text | {"evaluation_config": "skip"}, "a", "b")
    tolerance = {"metrics": [{"metric_id": "number_tolerance", "params": {"tolerance": 0.1}}]}
    assert one(number | {"evaluation_config": tolerance}, 3.5, 3.55)
    assert not one(number | {"evaluation_config": tolerance}, 3.5, 3.7)
    assert not one({"anyOf": [number, {"type": "null"}], "evaluation_config": "number_exact"}, 3.5, 3.5001)


def test_an_unknown_declaration_is_refused() -> None:
    with pytest.raises(SchemaInvalid, match="x-eval"):
        score({"f": "a"}, {"f": "a"}, {"type": "object", "properties": {"f": {"type": "string", "x-eval": "kinda"}}})


@pytest.mark.parametrize("name", ["invoice_number", "vatId", "SKU", "order no", "post_code"])
def test_names_that_mean_codes_are_compared_to_the_letter(name: str) -> None:
    schema = {"type": "object", "properties": {name: {"type": "string"}}}
    assert score({name: "AB-1"}, {name: "ab1"}, schema).counts.matched == 0
    assert (
        score(
            {"phone": "AB-1"}, {"phone": "ab1"}, {"type": "object", "properties": {"phone": {"type": "string"}}}
        ).counts.matched
        == 1
    )


def test_a_schema_that_contains_itself_goes_as_deep_as_the_values() -> None:
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "child": {"$ref": "#"},
            "children": {"type": "array", "items": {"$ref": "#"}},
        },
    }
    tree = {"name": "a", "child": {"name": "b", "children": [{"name": "c"}, {"name": "d", "child": {"name": "e"}}]}}
    assert score(tree, tree, schema).counts.f1 == 1.0
    other = json.loads(json.dumps(tree).replace('"e"', '"z"'))
    found = score(tree, other, schema)
    assert found.counts.gold - found.counts.matched == 1


@pytest.mark.parametrize(
    "predicted",
    [
        {"items": "none"},
        {"items": {"code": "A"}},
        {"items": [1, None, "x", [2]]},
        {"seller": "Acme"},
        {"title": {"a": [1]}},
        {"words": "oak"},
    ],
)
def test_values_of_the_wrong_form_are_wrong_and_break_nothing(predicted: dict[str, Any]) -> None:
    gold = {"title": "t", "seller": {"name": "Acme"}, "words": ["oak"], "items": [{"code": "A", "text": "b"}]}
    found = score(gold, predicted)
    assert 0 <= found.counts.f1 < 1


def test_free_text_is_measured_by_its_distance() -> None:
    schema = {
        "type": "object",
        "properties": {"t": {"type": "string"}, "l": {"type": "array", "items": {"type": "string"}}},
    }
    assert score({"t": "abcdefghij"}, {"t": "abcdefghXX"}, schema).anls == pytest.approx(0.8)
    assert score({"t": "abcdefghij"}, {"t": "abXXXXXXXX"}, schema).anls == 0.0
    # Two of a list of three, in another order, one of them with one letter of four wrong.
    assert score({"l": ["aaaa", "bbbb", "cccc"]}, {"l": ["cccX", "aaaa"]}, schema).anls == pytest.approx(1.75 / 3)


def test_two_thousand_records_are_aligned() -> None:
    chance = random.Random(5)
    gold = [
        {"code": f"c{n}", "quantity": n % 9, "price": n * 1.5, "text": f"line {n * 7919 % 1000}"} for n in range(2000)
    ]
    predicted = copy.deepcopy(gold)
    chance.shuffle(predicted)
    wrong = chance.sample(range(2000), 1000)
    for at in wrong:
        predicted[at]["price"] = -1.0
    found = score({"items": gold}, {"items": predicted})
    assert found.counts.gold - found.counts.matched == 1000
    assert found.record_recall == 0.5
