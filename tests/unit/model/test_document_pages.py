"""Documents: words in columns, words of plain text, and the way between words and markdown."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from fieldwise.model import Document, Page, Word, WordColumns

COLUMNS = WordColumns(
    texts=("Net", "total", "9.50"),
    boxes=(0.1, 0.1, 0.05, 0.02, -1, -1, -1, -1, 0.3, 0.1, 0.05, 0.02),
    spans=(0, 3, 4, 9, -1, -1),
    sources=("text", "text", "ocr"),
    confidences=(None, None, 0.8),
)


def test_words_come_out_of_their_columns() -> None:
    page = Page(number=1, markdown="Net total", word_columns=COLUMNS)
    assert page.words == (
        Word("Net", (0.1, 0.1, 0.05, 0.02), (0, 3), "text", None),
        Word("total", None, (4, 9), "text", None),
        Word("9.50", (0.3, 0.1, 0.05, 0.02), None, "ocr", 0.8),
    )
    assert page.word_count == 3


def test_a_page_survives_json_with_words_that_have_no_place() -> None:
    page = Page(number=1, markdown="Net total", word_columns=COLUMNS)
    assert Page.model_validate_json(page.model_dump_json()) == page


def test_columns_may_be_left_out_for_all_words_alike() -> None:
    page = Page(number=1, word_columns=WordColumns(texts=("a", "b"), sources="ocr"))
    assert page.words == (Word("a", None, None, "ocr", None), Word("b", None, None, "ocr", None))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"boxes": (0.1, 0.2)}, "4 and 2 numbers"),
        ({"spans": (0,)}, "4 and 2 numbers"),
        ({"sources": ("text",)}, "one for all words"),
        ({"confidences": (0.5,)}, "one for each word"),
    ],
)
def test_columns_of_different_lengths_are_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        WordColumns.model_validate({"texts": ("a", "b"), **values})


def test_the_words_of_plain_text_stand_between_spaces_and_the_pipes_of_tables() -> None:
    page = Page(number=1, markdown="| Net | 9.50 |\n|--|--|\nend.")
    assert [word.text for word in page.words] == ["Net", "9.50", "--", "--", "end."]
    assert page.word_count == 5
    assert all(page.markdown[slice(*word.span)] == word.text for word in page.words if word.span)


@given(st.text(alphabet=" \nab|é", max_size=60), st.integers(0, 60), st.integers(0, 60))
def test_the_words_between_two_offsets_are_those_whose_spans_touch_them(text: str, one: int, other: int) -> None:
    page = Page(number=1, markdown=text)
    start, end = sorted((one, other))
    expected = tuple(w for w in page.words if w.span is not None and w.span[0] < end and w.span[1] > start)
    assert page.words_between(start, end) == expected


def test_words_without_a_span_are_between_no_offsets() -> None:
    page = Page(number=1, markdown="Net total", word_columns=COLUMNS)
    assert [word.text for word in page.words_between(0, 9)] == ["Net", "total"]
    assert page.words_between(3, 4) == ()


DOCUMENT = Document(
    id="0" * 64,
    media_type="text/plain",
    parser="text/1",
    pages=(Page(number=1, markdown="one two"), Page(number=2, markdown="three")),
)


def test_pages_count_from_one() -> None:
    assert DOCUMENT.page(1).markdown == "one two"
    assert DOCUMENT.page(2).markdown == "three"
    for outside in (0, 3, -1):
        with pytest.raises(IndexError, match="document of 2"):
            DOCUMENT.page(outside)
    with pytest.raises(ValidationError):
        Page(number=0)


def test_a_documents_markdown_is_its_pages_with_a_blank_line_between() -> None:
    assert DOCUMENT.markdown == "one two\n\nthree"
    assert DOCUMENT.word_count == 3


@pytest.mark.parametrize("identifier", ["", "0" * 63, "0" * 65, "G" * 64, "A" * 64])
def test_a_document_is_named_by_a_sha256(identifier: str) -> None:
    with pytest.raises(ValidationError):
        Document(id=identifier, media_type="text/plain", parser="text/1", pages=())
