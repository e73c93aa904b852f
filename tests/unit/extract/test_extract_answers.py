from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldwise.extract.answers import read_answer


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        '```json\n{"a": 1}\n```',
        'Here it is:\n{"a": 1}\nI hope this helps.',
        '<think>{"b": 2}</think>{"a": 1}',
        '{"a": 1,}',
    ],
)
def test_json_is_read_however_it_is_wrapped(text: str) -> None:
    assert read_answer(text).value == {"a": 1}
    assert not read_answer(text).cut


def test_a_list_that_was_cut_off_keeps_its_whole_records() -> None:
    text = '{"total": 5, "rows": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}, {"a": 3, "b": "z'
    read = read_answer(text)
    assert read.value == {"total": 5, "rows": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]}
    assert read.cut


def test_half_a_record_is_not_a_record() -> None:
    read = read_answer('{"rows": [{"a": 1, "b": 2}, {"a": 3, ')
    assert read.value == {"rows": [{"a": 1, "b": 2}]}


def test_an_object_that_was_cut_off_keeps_its_whole_values() -> None:
    read = read_answer('{"a": 1, "b": {"c": 2, "d": 3}, "e": "unfinis')
    assert read.value == {"a": 1, "b": {"c": 2, "d": 3}}
    assert read.cut


@pytest.mark.parametrize(
    "text", ["", "I cannot see any document.", "[1, 2]", '"text"', "{", "{{{{", '{"a"', "[" * 100_000]
)
def test_nonsense_is_no_value_and_says_why(text: str) -> None:
    read = read_answer(text)
    assert not read.value
    assert read.error or read.value == {}


records = st.lists(
    st.fixed_dictionaries({"a": st.text(max_size=8), "b": st.none() | st.integers()}), min_size=1, max_size=6
)


@given(records, st.integers(min_value=0, max_value=400))
def test_wherever_an_answer_is_cut_only_whole_records_come_out_of_it(rows: list[dict[str, object]], at: int) -> None:
    text = json.dumps({"rows": rows})
    value = read_answer(text[:at]).value or {}
    kept = value.get("rows", [])
    assert kept == rows[: len(kept)]
