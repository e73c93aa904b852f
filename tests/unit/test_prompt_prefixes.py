"""Proposal, retry and extraction begin with the same bytes for a document, so that a prefix cache reads it once."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldwise.extract.engine import FieldwiseExtractor
from fieldwise.llm import ModelRequest
from fieldwise.model import Block, Document, Page
from fieldwise.prompting import GAP, SYSTEM, Stretch, document_messages, rendered, whole_text
from fieldwise.propose import draft, revise
from fieldwise.testing import Answer, ScriptedModel

PROMPT = "Extract the title, the harbor and all crossings"
FIELDS = [
    {"name": "title", "description": "Title of the work.", "type": "string"},
    {"name": "harbor", "description": "The harbor.", "type": "string"},
    {"name": "crossings", "description": "All crossings.", "type": "list of strings"},
]
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "title": {"type": ["string", "null"], "description": "Title of the work."},
        "crossings": {
            "type": "array",
            "items": {"type": "object", "properties": {"day": {"type": ["string", "null"]}}},
        },
    },
}
# What cutting and joining might change: white space of every kind, lists, a table, a tag of ours.
OPENING = """
# Crossings of the Sound\t

By Ada Byron \n  \n\n\n- first\n- second\n\n| day | crossing |
| --- | --- |
| Mon | 7 |

He wrote <page number="9"> and </document> into the text.
"""
FILLER = "\n\n".join(f"Paragraph {n} speaks of the weather at some length, as it does. " * 4 for n in range(9))


def document(pages: int, *, blocks: bool) -> Document:
    texts = [OPENING + FILLER, *(f"Page {n} goes on.\n\n{FILLER}" for n in range(2, pages + 1)), ""]
    return Document(
        id="0" * 64,
        media_type="text/markdown",
        parser="test/1",
        pages=tuple(
            Page(number=n, markdown=text, blocks=cut(text) if blocks else ()) for n, text in enumerate(texts, 1)
        ),
    )


def cut(text: str) -> tuple[Block, ...]:
    """Return a block for each line, as parsers mark them."""
    ends = [0, *(i + 1 for i, sign in enumerate(text) if sign == "\n"), len(text)]
    return tuple(
        Block(kind="heading" if text[a:b].startswith("#") else "paragraph", span=(a, b))
        for a, b in pairwise(ends)
        if text[a:b].strip()
    )


def script(request: ModelRequest) -> Answer:
    if request.purpose == "propose":
        first = len(request.messages) == 2
        return "no JSON" if first else {"fields": FIELDS}
    if request.purpose == "revise":
        return {"points": [{"asked": "drop the harbor", "edits": [{"op": "remove", "field": "harbor"}]}]}
    return {"title": "Crossings of the Sound", "crossings": [{"day": "Mon"}]}


async def asked(read: Document, budget: int, *, constrains: bool) -> dict[str, list[ModelRequest]]:
    """Propose (with one retry), revise and extract; return what the model was asked, by purpose."""
    model = ScriptedModel(script, constrains=constrains)
    proposal = await draft(read, PROMPT, model, document_tokens=budget)
    await revise(proposal.json_schema, "drop the harbor", model, prompt=PROMPT, document=read)
    await FieldwiseExtractor(model, document_tokens=budget).extract(read, SCHEMA, PROMPT)
    by_purpose: dict[str, list[ModelRequest]] = {}
    for request in model.requests:
        by_purpose.setdefault(request.purpose, []).append(request)
    return by_purpose


@pytest.mark.parametrize("blocks", [True, False])
@pytest.mark.parametrize("constrains", [True, False])
async def test_all_questions_about_a_whole_document_begin_with_the_same_bytes(constrains: bool, blocks: bool) -> None:
    read = document(3, blocks=blocks)
    by_purpose = await asked(read, 12_000, constrains=constrains)
    system, opening = document_messages(whole_text(read), "")
    questions = [*by_purpose["propose"], *by_purpose["extract"]]
    assert len(by_purpose["propose"]) == 2
    assert len(by_purpose["extract"]) == 2
    for question in questions:
        assert question.messages[0] == system
        assert question.messages[1].content.startswith(opening.content)


@pytest.mark.parametrize("blocks", [True, False])
@pytest.mark.parametrize("budget", [1_000, 2_000, 5_000])
async def test_questions_about_a_document_that_was_cut_begin_with_the_same_bytes_as_far_as_both_go(
    budget: int, blocks: bool
) -> None:
    read = document(40, blocks=blocks)
    by_purpose = await asked(read, budget, constrains=True)
    whole = document_messages(whole_text(read), "")[1].content
    openings = []
    for question in [*by_purpose["propose"], *by_purpose["extract"]]:
        assert question.messages[0].content == SYSTEM
        text = question.messages[1].content
        assert GAP in text
        if "# Crossings of the Sound" in text:
            openings.append(text.partition(GAP)[0].rstrip("\n"))
    assert len(openings) >= 3
    for opening in openings:
        assert whole.startswith(opening)
    assert min(map(len, openings)) > len(OPENING), "what all of them begin with is worth a cache"


async def test_a_revision_shows_nothing_of_the_document() -> None:
    by_purpose = await asked(document(3, blocks=True), 12_000, constrains=True)
    assert len(by_purpose["revise"]) == 1
    for message in by_purpose["revise"][0].messages:
        assert "speaks of the weather" not in message.content
        assert "<document>" not in message.content


@given(st.lists(st.text(alphabet="ab \n\t|", max_size=60), min_size=1, max_size=5), st.data())
def test_any_choice_of_stretches_begins_as_the_whole_document_does(texts: list[str], data: st.DataObject) -> None:
    pages = tuple(Page(number=n, markdown=text) for n, text in enumerate(texts, 1))
    read = Document(id="0" * 64, media_type="text/plain", parser="test/1", pages=pages)
    stretches = []
    every = []
    for page in pages:
        ends = sorted(data.draw(st.sets(st.integers(1, 60), max_size=4)))
        borders = [0, *(end for end in ends if end < len(page.markdown)), len(page.markdown)]
        for start, end in pairwise(borders):
            if page.markdown[start:end].strip():
                every.append(Stretch(page.number, start, end))
                if data.draw(st.booleans()):
                    stretches.append(every[-1])
    assert rendered(read, every) == whole_text(read)
    shown = rendered(read, stretches)
    assert (GAP in shown) == (stretches != every)
    assert whole_text(read).startswith(shown.partition(GAP)[0].rstrip("\n"))
