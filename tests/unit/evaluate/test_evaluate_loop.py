"""What a proposal covers, and whether a revision touches only what it was asked to."""

from __future__ import annotations

from typing import Any

import pytest

from fieldwise.evaluate.loop import Locality, coverage, locality, validity

BEFORE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "description": "Title"},
        "authors": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
    },
    "required": ["title"],
}


def test_a_value_is_covered_wherever_it_stands_and_however_it_is_spelled() -> None:
    gold = {"total": 1234.5, "date": "2024-03-05", "who": {"name": "Acme Ltd"}, "none": None}
    result = {"a": [{"b": "1,234.50"}, {"c": "5 March 2024"}], "d": "ACME LTD."}
    assert coverage(gold, result) == 1.0
    assert coverage(gold, {"d": "ACME LTD."}) == pytest.approx(1 / 3)
    assert coverage({"none": None}, result) is None


def test_one_place_covers_one_value() -> None:
    assert coverage(["x", "x", "y"], ["x", "y"]) == pytest.approx(2 / 3)


def test_what_was_not_named_should_be_byte_identical() -> None:
    after = {
        **BEFORE,
        "properties": {
            **BEFORE["properties"],
            "authors": {
                "type": "array",
                "items": {"type": "object", "properties": {"name": {"type": "string"}, "email": {"type": "string"}}},
            },
        },
    }
    assert locality(BEFORE, after, {"/authors/*/email"}) == (1.0, 1.0)
    reworded = {**after, "properties": {**after["properties"], "title": {"type": "string", "description": "The title"}}}
    assert locality(BEFORE, reworded, {"/authors/*/email"}) == (pytest.approx(2 / 3), 1.0)
    assert locality(BEFORE, {**BEFORE, "required": []}, set()) == (pytest.approx(2 / 3), None)
    assert locality(BEFORE, BEFORE, {"/title"}) == Locality(1.0, 0.0)


def test_validity_at_the_first_answer_and_after_repair() -> None:
    assert validity([[True], [False, True], [False, False, False]]) == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert validity([]) is None
