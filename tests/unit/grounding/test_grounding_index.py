"""The index of a document's words is what a plain reading of its pages gives, however lean it is built."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fieldwise.grounding import WordIndex, dates
from fieldwise.grounding.index import _currencies_in, _numbers_in, same_line
from fieldwise.grounding.text import word_tokens
from fieldwise.model import Document, Page, WordColumns

TEXT = st.text(alphabet="aB19.,%€$| \n\n\t\r\u2028-éΣ日", max_size=120)
STEPS = st.lists(
    st.tuples(st.sampled_from(["Net", "1.234,56", "EUR", "€5", "Σ1"]), st.booleans(), st.booleans()), max_size=8
)


def plain(pages: tuple[Page, ...]) -> dict[str, Any]:
    """Read words, lines and tokens one after the other, as they are defined."""
    found: dict[str, Any] = {name: [] for name in ("words", "boxes", "lines", "token_word", "token_offset")}
    found |= {"page_starts": [], "first_token": [], "postings": {}}
    squeezed = ""
    line = 0
    for page in pages:
        found["page_starts"].append(len(found["words"]))
        line += 1
        previous = None
        seen_to = 0
        for word in page.words:
            if word.box is not None:
                line += previous is not None and not same_line(previous, word.box)
                previous = word.box
            elif word.span is not None and word.span[0] > seen_to:
                line += page.markdown.count("\n", seen_to, word.span[0])
                seen_to = word.span[0]
            found["first_token"].append(len(found["token_word"]))
            for token in word_tokens(word.text):
                found["postings"].setdefault(token, []).append(len(found["token_word"]))
                found["token_word"].append(len(found["words"]))
                found["token_offset"].append(len(squeezed))
                squeezed += token
            found["words"].append(word.text)
            found["boxes"].append(word.box)
            found["lines"].append(line)
    found["first_token"].append(len(found["token_word"]))
    found["token_offset"].append(len(squeezed))
    return {**found, "squeezed": squeezed}


def placed(number: int, steps: list[tuple[str, bool, bool]]) -> Page:
    """Return a page of words, each on the line of the one before or the next, some without a box."""
    texts, boxes, spans = [], list[float](), list[int]()
    markdown = ""
    top = 0.1
    for text, new_line, boxed in steps:
        markdown += ("\n" if new_line else " ") if markdown else ""
        top += 0.05 * new_line
        texts.append(text)
        boxes += [0.1 * len(texts), round(top, 3), 0.05, 0.02] if boxed else [-1.0] * 4
        spans += [len(markdown), len(markdown) + len(text)]
        markdown += text
    columns = WordColumns(texts=tuple(texts), boxes=tuple(boxes), spans=tuple(spans))
    return Page(number=number, width=600, height=800, markdown=markdown, word_columns=columns)


@settings(deadline=None)
@given(st.lists(st.one_of(TEXT, STEPS), min_size=1, max_size=5))
def test_the_index_is_what_a_plain_reading_of_the_pages_gives(given_pages: list[Any]) -> None:
    pages = tuple(
        Page(number=n, markdown=content) if isinstance(content, str) else placed(n, content)
        for n, content in enumerate(given_pages, 1)
    )
    index = WordIndex(Document(id="0" * 64, media_type="text/plain", parser="test/1", pages=pages))
    for name, wanted in plain(pages).items():
        found = getattr(index, name)
        if name == "postings":
            assert {token: list(places) for token, places in found.items()} == wanted
        else:
            assert (found if isinstance(found, str) else list(found)) == wanted, name
    for word, text in enumerate(index.words):
        for code in _currencies_in(text):
            assert word in index.currencies[code].firsts
        for value in _numbers_in(text)[1]:
            assert word in index.numbers[value].firsts


@given(st.text(alphabet="Σσς 5. MÄRZmärzİ2024-/0", max_size=40))
def test_dates_are_found_in_capitals_of_every_alphabet_at_their_own_offsets(text: str) -> None:
    folded = "".join(low if len(low := sign.lower()) == 1 else sign for sign in text)
    assert list(dates.find_dates(text)) == list(dates.find_dates(folded))


def test_written_words_are_read_without_an_object_for_each() -> None:
    page = Page(number=1, markdown="Net 5 Net\nNet")
    index = WordIndex(Document(id="0" * 64, media_type="text/plain", parser="test/1", pages=(page,)))
    assert "words" not in page.__dict__, "the page's own words were not made"
    assert len({id(word) for word in index.words}) == 2, "equal words are one object"
