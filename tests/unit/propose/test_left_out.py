"""What a small model leaves out, or says in the wrong words, still becomes what the person asked for."""

from __future__ import annotations

from fieldwise.model import Document, Page, walk_fields
from fieldwise.propose import apply_edits, draft
from fieldwise.propose.edits import Add, Retype
from fieldwise.testing import ScriptedModel

SCHEMA = {"type": "object", "properties": {"title": {"type": "string", "description": "Title."}}, "required": ["title"]}
PAGE = Page(number=1, markdown="# Tides\n\nKeywords: staff, water\n")
DOCUMENT = Document(id="0" * 64, media_type="text/markdown", parser="test/1", pages=(PAGE,))


def test_the_retyping_of_a_field_that_is_asked_for_and_not_there_adds_it() -> None:
    edits = [Retype(field="keywords", type="list of strings")]
    applied = apply_edits(SCHEMA, edits, request="add the keywords, as a list of strings")
    assert applied.json_schema["properties"]["keywords"]["type"] == "array"
    assert applied.outcomes[0].status == "done"
    assert applied.json_schema["properties"]["title"] == SCHEMA["properties"]["title"]  # type: ignore[index]  # a literal


def test_the_retyping_of_a_field_that_nobody_named_stays_refused() -> None:
    applied = apply_edits(SCHEMA, [Retype(field="editor", type="string")], request="add the keywords")
    assert applied.json_schema == SCHEMA
    assert applied.outcomes[0].status == "missing"


def test_a_field_that_was_just_added_is_retyped_and_not_added_twice() -> None:
    edits = [Add(name="keywords", type="string"), Retype(field="keywords", type="list of strings")]
    applied = apply_edits(SCHEMA, edits, request="add the keywords")
    assert [field.path for field in walk_fields(applied.json_schema)] == ["/title", "/keywords"]
    assert applied.json_schema["properties"]["keywords"]["type"] == "array"


async def test_what_the_model_leaves_out_twice_is_added_under_the_persons_own_words() -> None:
    answer = {
        "fields": [
            {"name": "title", "description": "Title.", "type": "string", "example": "Tides", "required": True},
            {"name": "authors", "description": "Authors.", "type": "list of strings", "example": "", "required": True},
        ]
    }
    model = ScriptedModel([answer, answer])
    drafted = await draft(DOCUMENT, "Extract the title, the authors, the keywords and the main findings", model)
    properties = drafted.json_schema["properties"]
    assert list(properties) == ["title", "authors", "keywords", "main_findings"]
    assert properties["main_findings"]["type"] == "array"
    assert sum("which the model had left out" in note for note in drafted.notes) == 2
