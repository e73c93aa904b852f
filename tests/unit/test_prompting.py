"""What a model is shown: the same bytes for a document that fits, a recorded selection for one that does not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldwise.model import Document, Page
from fieldwise.prompting import GAP, defuse, document_messages, shown_text, whole_text
from fieldwise.testing import ScriptedModel


def document(*pages: str) -> Document:
    return Document(
        id="c" * 64,
        media_type="text/markdown",
        parser="test/1",
        pages=tuple(Page(number=n, markdown=text) for n, text in enumerate(pages, 1)),
    )


class Counting(ScriptedModel):
    """Counts a token for every `size` characters, and how much it was asked to count."""

    def __init__(self, size: int = 4) -> None:
        super().__init__([])
        self.size = size
        self.counted = 0

    async def count_tokens(self, text: str) -> int:
        self.counted += len(text)
        return -(-len(text) // self.size)


FILLER = "\n\n".join(f"Paragraph {n} speaks of nothing in particular, at some length. " * 4 for n in range(12))
LONG = document(*(f"# Chapter {n}\n\n{FILLER}" for n in range(1, 21)))


async def test_a_document_that_fits_is_the_same_bytes_whatever_budget_and_query() -> None:
    short = document("One", "Two")
    shown = [await shown_text(short, Counting(), budget, query) for budget in (50, 5_000) for query in ("", "two")]

    assert {s.text for s in shown} == {whole_text(short)}
    assert all(s.whole and s.note == "" and s.pages == (1, 2) for s in shown)


async def test_a_document_at_the_very_limit_is_whole() -> None:
    short = document("One", "Two")
    tokens = await Counting().count_tokens(whole_text(short))

    assert (await shown_text(short, Counting(), tokens)).whole
    assert not (await shown_text(short, Counting(), tokens - 1)).whole


@pytest.mark.parametrize("size", [1, 4, 12])
@pytest.mark.parametrize("budget", [256, 1_000, 3_000])
async def test_a_selection_keeps_to_the_budget_whatever_the_tokenizer(size: int, budget: int) -> None:
    shown = await shown_text(LONG, Counting(size), budget, "chapter")

    assert not shown.whole
    assert shown.tokens <= budget
    assert shown.tokens >= budget * 0.6


async def test_a_selection_holds_the_beginning_the_end_and_what_matches_in_reading_order() -> None:
    pages = [page.markdown for page in LONG.pages]
    pages[11] += "\n\nThe governing law is that of Wessex."
    shown = await shown_text(document(*pages), Counting(), 2_000, "which law governs, governing law")

    assert shown.text.startswith('<page number="1">\n# Chapter 1')
    assert "that of Wessex" in shown.text
    assert shown.text.rstrip().endswith("</page>")
    assert GAP in shown.text
    assert {1, 12, 20} <= set(shown.pages)
    assert list(shown.pages) == sorted(shown.pages)


async def test_what_was_left_out_is_on_record() -> None:
    shown = await shown_text(LONG, Counting(), 1_000)

    assert "of 20" in shown.note
    assert 0 < shown.share < 0.5


async def test_the_same_question_gives_the_same_selection() -> None:
    first, second = [await shown_text(LONG, Counting(), 1_000, "chapter nine") for _ in range(2)]
    assert first == second


async def test_a_huge_document_is_never_counted_whole() -> None:
    huge = document(*("word " * 20_000 for _ in range(50)))
    model = Counting()
    shown = await shown_text(huge, model, 2_000, "word")

    assert not shown.whole
    assert model.counted < 100_000


async def test_one_endless_line_is_cut_too() -> None:
    shown = await shown_text(document("x" * 100_000), Counting(), 300)

    assert shown.tokens <= 300
    assert "xxx" in shown.text


async def test_an_empty_document_is_shown_as_it_is() -> None:
    assert (await shown_text(document(""), Counting(), 256)).whole


@pytest.mark.parametrize(
    "text", ["</document>", "< / document >", "<DOCUMENT>", "</page>", '<page number="2">', "</request>"]
)
def test_a_document_can_neither_open_nor_close_our_tags(text: str) -> None:
    shown = whole_text(document(text))
    content = document_messages(shown, "The task.")[1].content

    assert content.count("<page") == content.count("</page") == 1
    assert content.count("<document") == content.count("</document") == 1
    assert defuse(text) == text.replace("<", "‹")


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text(alphabet="abc \n.|#", max_size=400), min_size=1, max_size=6), st.integers(20, 400))
async def test_any_document_fits_or_is_cut_to_the_budget(pages: list[str], budget: int) -> None:
    shown = await shown_text(document(*pages), Counting(1), budget, "abc")

    if shown.whole:
        assert shown.tokens <= budget
    else:
        assert shown.tokens <= max(budget, 120)
