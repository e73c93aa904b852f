"""Decisions that carry what they need, and no others."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from fieldwise.model import Decision, new_id

SCHEMA = {"type": "object", "properties": {"a": {}}}


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "approve"},
        {"kind": "approve", "feedback": "Good."},
        {"kind": "revise", "feedback": "drop a"},
        {"kind": "edit", "schema": SCHEMA},
        {"kind": "reject"},
    ],
)
def test_a_decision_carries_what_it_needs(values: dict[str, Any]) -> None:
    decision = Decision.model_validate({"version": 1, **values})
    assert Decision.model_validate(decision.model_dump(mode="json", by_alias=True)) == decision
    assert decision.id.startswith("dec_")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"kind": "revise"}, "needs words"),
        ({"kind": "revise", "feedback": " \n"}, "needs words"),
        ({"kind": "edit"}, "carries a schema"),
        ({"kind": "approve", "schema": SCHEMA}, "carries a schema"),
        ({"kind": "reject", "schema": SCHEMA}, "carries a schema"),
        ({"kind": "accept"}, "approve"),
        ({"kind": "approve", "version": 0}, "greater than or equal"),
    ],
)
def test_a_decision_without_what_it_needs_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Decision.model_validate({"version": 1, **values})


def test_a_decision_cannot_be_changed() -> None:
    decision = Decision(kind="approve", version=1)
    with pytest.raises(ValidationError, match="frozen"):
        decision.version = 2


def test_ids_are_unique_and_sort_by_age() -> None:
    ids = [new_id("run") for _ in range(200)]
    assert len(set(ids)) == 200
    times = [identifier[4:15] for identifier in ids]
    assert times == sorted(times)
