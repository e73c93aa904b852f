"""Text and Markdown: nothing lost, pages of bounded size, blocks and tables in their places."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldwise.errors import ParseLimit
from fieldwise.model import Page, ParseIssue
from fieldwise.parse import text as text_module
from fieldwise.parse.text import PAGE_CHARACTERS, read_text
from fieldwise.parse.written import markdown_pieces, plain_pieces, table_rows


def read(text: str | bytes, encoding: str = "utf-8", max_pages: int = 2000) -> tuple[str, list[Page], list[ParseIssue]]:
    data = text if isinstance(text, bytes) else text.encode(encoding)
    (media_type, _), *rest = read_text(data, encoding, max_pages=max_pages, path="/a.txt")
    pages = [item for item in rest if isinstance(item, Page)]
    return str(media_type), pages, [item for item in rest if isinstance(item, ParseIssue)]


MARKDOWN = """# Report

Some *words*
in two lines.

Sales
-----

| Item | Price |
|:-----|------:|
| A \\| B | 3 |
| C | 4
after the table

- one
- two
  goes on
    - deeper
1. first

```python
# no heading

| no | table |
```
***
End"""


def test_markdown_is_divided_into_its_blocks() -> None:
    media_type, (page,), _ = read(MARKDOWN)
    assert media_type == "text/markdown"
    assert page.markdown == MARKDOWN
    assert [(block.kind, block.level, page.markdown[slice(*block.span)]) for block in page.blocks] == [
        ("heading", 1, "# Report"),
        ("paragraph", None, "Some *words*\nin two lines."),
        ("heading", 2, "Sales\n-----"),
        ("table", None, "| Item | Price |\n|:-----|------:|\n| A \\| B | 3 |\n| C | 4"),
        ("paragraph", None, "after the table"),
        ("list_item", 0, "- one"),
        ("list_item", 0, "- two\n  goes on"),
        ("list_item", 2, "    - deeper"),
        ("list_item", 0, "1. first"),
        ("code", None, "```python\n# no heading\n\n| no | table |\n```"),
        ("paragraph", None, "End"),
    ]


def test_cells_of_a_written_table_have_places_in_it() -> None:
    _, (page,), _ = read(MARKDOWN)
    (table,) = page.tables
    assert (table.rows, table.columns) == (3, 2)
    assert [(c.row, c.column, c.text, c.header) for c in table.cells] == [
        (0, 0, "Item", True),
        (0, 1, "Price", True),
        (1, 0, "A | B", False),
        (1, 1, "3", False),
        (2, 0, "C", False),
        (2, 1, "4", False),
    ]
    assert [page.markdown[slice(*c.span)] for c in table.cells if c.span] == ["Item", "Price", "A \\| B", "3", "C", "4"]


def test_words_of_text_are_found_when_asked_for_and_have_no_boxes() -> None:
    _, (page,), _ = read("| a | b |\n|---|---|\n| x y | z |")
    assert page.word_columns is None
    assert [word.text for word in page.words if word.text.isalnum()] == ["a", "b", "x", "y", "z"]
    assert all(word.box is None and word.span and page.markdown[slice(*word.span)] == word.text for word in page.words)


def test_form_feeds_end_pages() -> None:
    _, pages, _ = read("one\ftwo\f\ffour\f\n")
    assert [(page.number, page.markdown) for page in pages] == [(1, "one"), (2, "two"), (3, ""), (4, "four")]


def test_more_form_feeds_than_pages_allowed_are_refused() -> None:
    with pytest.raises(ParseLimit, match=r"3 pages .*the limit is 2.*FIELDWISE_MAX_PAGES=3"):
        read("one\ftwo\fthree", max_pages=2)


def test_a_long_text_is_cut_at_paragraphs_into_pages_of_bounded_size() -> None:
    paragraphs = [f"Paragraph {n}. " + "word " * 100 for n in range(200)]
    _, pages, _ = read("\n\n".join(paragraphs))
    assert len(pages) > 4
    assert max(len(page.markdown) for page in pages) <= PAGE_CHARACTERS
    assert [b for page in pages for b in page.markdown.split("\n\n")] == paragraphs


def test_pages_of_our_own_cutting_do_not_count_against_the_limit() -> None:
    _, pages, _ = read("word word\n\n" * 10_000, max_pages=2)
    assert len(pages) > 2


@pytest.mark.parametrize("text", ["x" * 50_001, "word " * 20_000, "line of words\n" * 5_000])
def test_a_block_longer_than_a_page_is_cut_within_it(text: str) -> None:
    _, pages, _ = read(text)
    assert max(len(page.markdown) for page in pages) <= PAGE_CHARACTERS
    assert "".join("".join(page.markdown.split()) for page in pages) == "".join(text.split())
    assert all("word" not in page.markdown or page.markdown.split()[0] in ("word", "line") for page in pages)


def test_a_table_longer_than_a_page_goes_on_in_the_next_one() -> None:
    rows = [f"| item {n} | {n} |" for n in range(3000)]
    _, pages, _ = read("# List\n\n| Item | Price |\n|---|---|\n" + "\n".join(rows))
    tables = [page.tables[0] for page in pages]
    assert len(pages) > 2
    assert [table.continues for table in tables] == [None, *((number, 0) for number in range(1, len(pages)))]
    body = [cell.text for table in tables for cell in table.cells if cell.column == 1 and not cell.header]
    assert body == [str(n) for n in range(3000)]
    assert sum(cell.header for table in tables for cell in table.cells) == 2
    for page in pages:
        for cell in page.tables[0].cells:
            assert cell.span is not None
            assert page.markdown[slice(*cell.span)] == cell.text


@given(st.text(st.sampled_from("ab1 \n\t|-#`*=~.•\\"), max_size=300))
def test_no_character_is_lost_and_no_two_blocks_overlap(text: str) -> None:
    for pieces in (list(plain_pieces(text)), list(markdown_pieces(text))):
        ends = [0]
        for piece in pieces:
            assert piece.start >= ends[-1]
            assert not text[ends[-1] : piece.start].strip()
            ends.append(piece.end)
            for row in table_rows(text, piece) if piece.kind == "table" else ():
                for cell, start, end in row:
                    assert text[start:end].replace("\\|", "|") == cell
        assert not text[ends[-1] :].strip()


@given(st.text(st.sampled_from("ab1 \n|-#`\f\r"), max_size=300), st.integers(5, 40))
def test_pages_of_any_size_keep_all_text(text: str, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_module, "PAGE_CHARACTERS", size)
        _, pages, _ = read(text)
    assert "".join("".join(page.markdown.split()) for page in pages) == "".join(text.split())
    assert all(len(page.markdown) <= size for page in pages)


def test_windows_1252_is_read_with_its_euro_sign_and_reported() -> None:
    _, (page,), issues = read("Grüße für 5 €", encoding="cp1252")
    assert page.markdown == "Grüße für 5 €"
    assert [issue.code for issue in issues] == ["encoding_guessed"]


def test_damaged_utf_16_is_read_as_far_as_it_goes_and_reported() -> None:
    _, (page,), issues = read("Grüße".encode("utf-16")[:-1], encoding="utf-16")
    assert page.markdown == "Grüß\ufffd"
    assert [issue.code for issue in issues] == ["encoding_damaged"]


def test_windows_line_ends_are_lines() -> None:
    _, (page,), _ = read("# A\r\n\r\n**b** c\r\nd")
    assert page.markdown == "# A\n\n**b** c\nd"


def test_structure_beyond_what_memory_allows_is_left_out_and_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_module, "MAX_BLOCKS", 3)
    monkeypatch.setattr(text_module, "MAX_CELLS", 4)
    table = "| a | b |\n|---|---|\n| 1 | 2 |\n\n"
    _, (page,), issues = read(table * 2 + "## x\n\ny\n\nz")
    assert (len(page.blocks), len(page.tables)) == (3, 1)
    assert page.markdown.endswith("z")
    assert [issue.code for issue in issues] == ["blocks_left_out", "tables_left_out"]
