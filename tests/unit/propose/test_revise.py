"""revise: a person's words become edits, and only what they mention changes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fieldwise.errors import InputError, ModelAnswerInvalid, ModelUnavailable, SchemaInvalid
from fieldwise.model import Citation, Document, FieldEvidence, JsonSchema, Page, SchemaVersion
from fieldwise.propose import revise
from fieldwise.propose.revising import keep_bytes
from fieldwise.testing import ScriptedModel

SCHEMA: JsonSchema = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "description": "Title of the paper."},
        "authors": {"type": "array", "items": {"type": "string"}, "description": "Authors."},
        "year": {"description": "Year.", "type": "integer"},
    },
    "required": ["title", "authors"],
}


def version(evidence: tuple[FieldEvidence, ...] = ()) -> SchemaVersion:
    return SchemaVersion(version=1, schema=SCHEMA, origin="proposed", evidence=evidence)


def points(*edits: dict[str, Any]) -> dict[str, Any]:
    return {"points": [{"asked": "it", "edits": [edit]} for edit in edits]}


ADD_DATE = {"op": "add", "into": "", "name": "date", "description": "Day.", "type": "date", "required": True}
REMOVE_YEAR = {"op": "remove", "field": "year"}
REMOVE_FOO = {"op": "remove", "field": "foo"}


async def test_what_the_feedback_does_not_mention_stays_byte_identical() -> None:
    revised = await revise(version(), "add the date", ScriptedModel([points(ADD_DATE)]))

    new = revised.json_schema["properties"]
    assert list(new) == ["title", "authors", "year", "date"]
    assert all(json.dumps(new[name]) == json.dumps(SCHEMA["properties"][name]) for name in SCHEMA["properties"])
    assert revised.json_schema["required"] == ["title", "authors", "date"]
    assert revised.notes == ("added /date (date)",)


async def test_the_document_is_not_read_again_and_the_change_request_comes_last() -> None:
    model = ScriptedModel([points(ADD_DATE)])
    await revise(version(), "Add the Date field", model, prompt="the title", earlier=("drop the abstract",))

    asked = model.requests[0].messages[-1].content
    assert asked.endswith("Change request: Add the Date field")
    assert "drop the abstract" in asked
    assert "the title" in asked
    assert "<document>" not in asked
    assert asked.index("drop the abstract") < asked.index("Change request: Add")


async def test_the_notes_say_what_was_done_and_what_was_not() -> None:
    model = ScriptedModel([points(ADD_DATE, REMOVE_FOO), points(ADD_DATE, REMOVE_FOO)])

    revised = await revise(version(), "add the date, remove foo", model)

    assert revised.notes == ("added /date (date)", "no field called `foo`, nothing removed")
    assert "date" in revised.json_schema["properties"]


async def test_an_edit_that_cannot_be_applied_is_told_to_the_model_which_mends_it() -> None:
    model = ScriptedModel([points({"op": "remove", "field": "publication"}), points(REMOVE_YEAR)])

    revised = await revise(version(), "no publication year", model)

    assert list(revised.json_schema["properties"]) == ["title", "authors"]
    assert "no field called `publication`" in model.requests[1].messages[-1].content
    assert [a.number for a in revised.attempts] == [1, 2]


async def test_a_field_that_is_not_there_leaves_the_schema_as_it_is_and_says_so() -> None:
    model = ScriptedModel([points(REMOVE_FOO), points(REMOVE_FOO)])

    revised = await revise(version(), "remove foo", model)

    assert json.dumps(revised.json_schema) == json.dumps(SCHEMA)
    assert revised.notes == ("no field called `foo`, nothing removed", "the schema is unchanged")


FINDINGS = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "main_findings": {"type": "array", "items": {"type": "string"}}},
    "required": ["title"],
}
RENAME = {"op": "rename", "field": "main_findings", "name": "key_findings"}


async def test_a_field_that_the_request_names_and_no_edit_touches_is_asked_for_again() -> None:
    model = ScriptedModel([points(ADD_DATE), points(ADD_DATE, RENAME)])

    revised = await revise(FINDINGS, "add the date, and call the main findings key_findings", model)

    assert list(revised.json_schema["properties"]) == ["title", "key_findings", "date"]
    assert "`main_findings` is named in the request" in model.requests[1].messages[-1].content
    assert not [note for note in revised.notes if "nothing was done" in note]


async def test_a_point_that_the_model_passes_over_twice_is_told_to_the_person() -> None:
    model = ScriptedModel([points(ADD_DATE), points(ADD_DATE)])

    revised = await revise(FINDINGS, "add the date, and call main_findings key_findings", model)

    assert "date" in revised.json_schema["properties"]
    assert revised.notes == (
        "added /date (date)",
        "`main_findings` is named in the request, and nothing was done with it",
    )


async def test_a_name_of_one_word_may_stand_in_a_request_for_something_else() -> None:
    revised = await revise(version(), "add the date of the year's end", ScriptedModel([points(ADD_DATE)]))

    assert revised.notes == ("added /date (date)",)


async def test_where_edits_do_not_do_the_whole_schema_is_asked_for_and_the_difference_told() -> None:
    rewritten = {
        "type": "object",
        "required": ["title", "authors"],
        "properties": {
            "title": {"description": "Title of the paper.", "type": "string"},
            "authors": {"type": "array", "items": {"type": "string"}, "description": "Authors."},
            "year": {"description": "Year.", "type": "integer", "minimum": 1900},
        },
    }
    model = ScriptedModel(["nonsense", "nonsense", f"<schema>{json.dumps(rewritten)}</schema>"])

    revised = await revise(version(), "years before 1900 are wrong", model)

    assert revised.json_schema["properties"]["year"]["minimum"] == 1900
    assert json.dumps(revised.json_schema["properties"]["title"]) == json.dumps(SCHEMA["properties"]["title"])
    assert list(revised.json_schema) == ["required", "type", "properties"] or list(revised.json_schema) == list(
        rewritten
    )
    assert "rewritten" in revised.notes[0]
    assert any("/year" in note for note in revised.notes)
    assert model.requests[2].json_schema is None
    assert len(revised.attempts) == 3


async def test_an_edit_that_was_refused_says_why_even_where_rewriting_fails() -> None:
    flatten = points({"op": "flatten", "field": "authors"})
    model = ScriptedModel([flatten, flatten, "nonsense"])

    revised = await revise(version(), "flatten the authors", model)

    assert json.dumps(revised.json_schema) == json.dumps(SCHEMA)
    assert "cannot be dissolved" in revised.notes[0]
    assert revised.notes[-1] == "the schema is unchanged"
    assert [a.error is None for a in revised.attempts] == [False, False, False]


async def test_a_rewriting_that_changes_nothing_is_never_silent() -> None:
    model = ScriptedModel(["nonsense", "nonsense", f"<schema>{json.dumps(SCHEMA)}</schema>"])

    revised = await revise(version(), "make it nicer", model)

    assert json.dumps(revised.json_schema) == json.dumps(SCHEMA)
    assert any("unchanged" in note for note in revised.notes)


async def test_a_model_that_answers_with_a_whole_schema_is_taken_at_its_word() -> None:
    new = {**SCHEMA, "properties": {**SCHEMA["properties"], "doi": {"type": "string", "description": "DOI."}}}
    model = ScriptedModel([new], constrains=False)

    revised = await revise(version(), "add the doi", model)

    assert list(revised.json_schema["properties"]) == ["title", "authors", "year", "doi"]
    assert len(revised.attempts) == 1


async def test_three_answers_without_use_are_an_error_with_all_of_them() -> None:
    model = ScriptedModel(["a", "b", "c"])

    with pytest.raises(ModelAnswerInvalid) as caught:
        await revise(version(), "add the date", model)

    assert [a["text"] for a in caught.value.fields["attempts"]] == ["a", "b", "c"]
    assert caught.value.next_step


async def test_a_lost_connection_is_not_a_bad_answer() -> None:
    model = ScriptedModel([ModelUnavailable("gone")])

    with pytest.raises(ModelUnavailable):
        await revise(version(), "add the date", model)
    assert len(model.requests) == 1


async def test_an_attempt_alone_still_makes_edits() -> None:
    revised = await revise(version(), "add the date", ScriptedModel([points(ADD_DATE)]), attempts=1)

    assert "date" in revised.json_schema["properties"]


async def test_evidence_goes_with_its_field_and_stays_behind_with_what_is_gone() -> None:
    cited = Citation(page=1, quote="x", match="exact")
    evidence = tuple(FieldEvidence(path=p, example="x", citation=cited) for p in ("/title", "/authors", "/year"))
    model = ScriptedModel(
        [
            points(
                {"op": "rename", "field": "title", "name": "paper_title"},
                REMOVE_YEAR,
                {"op": "retype", "field": "authors", "type": "string"},
            )
        ]
    )

    revised = await revise(version(evidence), "call it paper_title, drop the year, authors as one text", model)

    assert [e.path for e in revised.evidence] == ["/paper_title"]


async def test_an_added_field_gets_an_example_where_the_document_shows_its_name_with_a_value() -> None:
    page = Page(number=1, markdown="# On Oaks\n\nDate: 3 May 2024")
    document = Document(id="d" * 64, media_type="text/markdown", parser="test/1", pages=(page,))
    model = ScriptedModel([points(ADD_DATE)])

    revised = await revise(version(), "add the date", model, document=document)

    assert [(e.path, e.example) for e in revised.evidence] == [("/date", "3 May 2024")]
    assert "On Oaks" not in "".join(m.content for m in model.requests[0].messages)


async def test_empty_feedback_is_refused_before_the_model_is_asked() -> None:
    with pytest.raises(InputError, match="empty"):
        await revise(version(), " ", ScriptedModel([]))


async def test_an_invalid_current_schema_is_refused_before_the_model_is_asked() -> None:
    with pytest.raises(SchemaInvalid):
        await revise({"type": "array"}, "add the date", ScriptedModel([]))


async def test_feedback_keeps_its_capitals_and_its_braces() -> None:
    model = ScriptedModel([points({"op": "add", "into": "", "name": "DOI", "type": "string"})])
    revised = await revise(version(), "Add DOI, e.g. {10.1000/182}", model)

    assert "Add DOI, e.g. {10.1000/182}" in model.requests[0].messages[-1].content
    assert "DOI" in revised.json_schema["properties"]


def test_what_is_equal_keeps_the_bytes_it_had() -> None:
    old = {"b": {"y": 1, "x": 2}, "a": 1}
    assert json.dumps(keep_bytes(old, {"b": {"x": 2, "y": 1}, "a": 2})) == '{"b": {"y": 1, "x": 2}, "a": 2}'


def test_one_is_not_true_for_what_keeps_its_bytes() -> None:
    assert keep_bytes({"a": 1}, {"a": True}) == {"a": True}
    assert json.dumps(keep_bytes({"a": 1}, {"a": True})) == '{"a": true}'
