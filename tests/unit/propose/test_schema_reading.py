"""read_schema: a schema is found however the answer wraps it, and damaged ones are never read in part."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldwise.propose import Unreadable, read_object, read_schema

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
TEXT = json.dumps(SCHEMA, indent=2)


@pytest.mark.parametrize(
    "answer",
    [
        TEXT,
        f"<schema>{TEXT}</schema>",
        f"Here you go:<schema>{TEXT}</schema>Anything else?",
        f"<schema>\n```json\n{TEXT}\n```\n</schema>",
        f"```json\n<schema>\n{TEXT}\n</schema>\n```",
        f"```\n{TEXT}\n```",
        f"```json\n{TEXT}",
        f"<SCHEMA>{TEXT}</SCHEMA >",
        f"<schema>{TEXT}",
        f"{TEXT}\n\nThis schema holds one field, {{a}}.",
        f"Using {{curly}} braces: {TEXT}",
        f"[note] {TEXT}",
        f"The <schema> tag:\n```json\n{TEXT}\n```",
        f'{{"thoughts": "none"}} {TEXT}',
        f"<schema>{TEXT}</schema> or else <schema>{{}}</schema>",
        "\ufeff" + TEXT,
    ],
)
def test_a_schema_is_found_in_any_wrapping(answer: str) -> None:
    assert read_schema(answer) == SCHEMA


def test_the_tags_win_over_what_stands_before_them() -> None:
    assert read_schema(f'Not {{"type": "object", "properties": {{}}}} but <schema>{TEXT}</schema>') == SCHEMA


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "empty"),
        ("I cannot do that.", "no JSON object"),
        ("[1, 2]", "not what was asked"),
        ('{"a": 1}', "not what was asked"),
        ('{"type": "object", "properties": {"a": {"type": "string"},}}', "could not be read"),
        ('{"type": "object", "properties": {"a": {"type": "string"}', "could not be read"),
        ("{" * 3000, "no JSON object"),
        ("[" * 100_000, "too deep"),
    ],
)
def test_what_cannot_be_read_says_why(answer: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read_schema(answer)


def test_a_part_of_a_damaged_schema_is_never_taken_for_the_whole() -> None:
    with pytest.raises(Unreadable):
        read_schema(
            '<schema>{"type": "object", "properties": {"a": {"type": "object", "properties": {}}, "b" }}</schema>'
        )


@given(st.text(alphabet='{}[]"\\,:a1 \n`<>/schema', max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        value = read_object(text, tag="schema")
    except Unreadable as error:
        assert str(error)  # noqa: PT017  # both ends are fine, nothing else is
    else:
        assert isinstance(value, dict)


def test_a_keyword_one_level_too_deep_is_put_beside_the_properties() -> None:
    text = '{"type": "object", "properties": {"a": {"type": "string"}, "description": "All of it.", "required": ["a"]}}'
    assert read_schema(text) == {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "description": "All of it.",
        "required": ["a"],
    }


def test_a_field_that_has_a_keywords_name_stays_a_field() -> None:
    schema = {"type": "object", "properties": {"description": {"type": "string"}, "type": {"type": "string"}}}
    assert read_schema(json.dumps(schema)) == schema
