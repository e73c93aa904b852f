"""Whatever is written, every word leads to its place in the markdown and every place to its words."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from fieldwise.model import Page
from fieldwise.parse.markdown import BULLETS, Grid, GridCell, PageWriter, Placed, TextBlock

texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"], exclude_characters="\n"), min_size=1, max_size=8
) | st.sampled_from(["|", "a|b", "\\|", "#", "-", "•", "1.", "`", "*x*", "---"])
words = st.builds(
    lambda text, x, y, w, h: Placed(text, x, y, x + w, y + h),
    texts,
    st.floats(-50, 650),
    st.floats(-50, 850),
    st.floats(0, 200),
    st.floats(0, 30),
)
lines = st.lists(st.lists(words, min_size=1, max_size=5).map(tuple), min_size=1, max_size=4).map(tuple)
blocks = st.builds(
    TextBlock,
    st.sampled_from(["heading", "paragraph", "list_item", "header", "footer", "caption", "code"]),
    lines,
    st.none() | st.integers(0, 9),
)
grids = st.builds(
    lambda cells: Grid(
        1 + max(row for row, _ in cells),
        1 + max(column for _, column in cells),
        tuple(GridCell(row, column, its) for (row, column), its in cells.items()),
    ),
    st.dictionaries(st.tuples(st.integers(0, 3), st.integers(0, 3)), lines, min_size=1, max_size=8),
)


def write(items: list[TextBlock | Grid]) -> Page:
    writer = PageWriter(1, 612, 792)
    for item in items:
        if isinstance(item, Grid):
            writer.table(item)
        else:
            writer.text(item)
    return writer.page()


def written(item: TextBlock | Grid) -> list[Placed]:
    if isinstance(item, Grid):
        cells = sorted(item.cells, key=lambda cell: (cell.row, cell.column))
        return [word for cell in cells for line in cell.lines for word in line]
    return [word for line in item.lines for word in line]


@given(st.lists(blocks | grids, max_size=6))
def test_the_span_of_a_word_holds_the_word(items: list[TextBlock | Grid]) -> None:
    page = write(items)
    assert [word.text for word in page.words] == [word.text for item in items for word in written(item)]
    tables = [block.span for block in page.blocks if block.kind == "table"]
    for word in page.words:
        assert word.span is not None
        start, end = word.span
        shown = page.markdown[start:end]
        if any(a <= start < b for a, b in tables):
            assert shown == word.text.replace("|", "\\|")
        else:
            assert shown == word.text or (shown == "-" and word.text in BULLETS)


@given(st.lists(blocks | grids, max_size=6))
def test_spans_follow_each_other_and_boxes_lie_on_the_page(items: list[TextBlock | Grid]) -> None:
    page = write(items)
    spans = [word.span for word in page.words if word.span]
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    for word in page.words:
        if word.box is not None:
            x, y, w, h = word.box
            assert 0 <= x <= 1
            assert 0 <= y <= 1
            assert w >= 0
            assert h >= 0
            assert x + w <= 1.00002
            assert y + h <= 1.00002


@given(st.lists(blocks | grids, min_size=1, max_size=6), st.data())
def test_any_span_of_the_markdown_leads_to_exactly_its_words(
    items: list[TextBlock | Grid], data: st.DataObject
) -> None:
    page = write(items)
    start = data.draw(st.integers(0, len(page.markdown)))
    end = data.draw(st.integers(start, len(page.markdown)))
    expected = [word for word in page.words if word.span and word.span[0] < end and word.span[1] > start]
    if start == end:
        expected = [word for word in expected if word.span and word.span[0] < start < word.span[1]]
    assert list(page.words_between(start, end)) == expected


@given(st.lists(blocks | grids, min_size=1, max_size=6))
def test_blocks_and_cells_name_their_text(items: list[TextBlock | Grid]) -> None:
    page = write(items)
    assert len(page.blocks) == len(items)
    for block, item in zip(page.blocks, items, strict=True):
        assert [word.text for word in page.words_between(*block.span)] == [word.text for word in written(item)]
    for table in page.tables:
        for cell in table.cells:
            assert cell.span is not None
            assert " ".join(word.text for word in page.words_between(*cell.span)) == cell.text


def test_a_page_reads_like_this() -> None:
    def line(*texts: str) -> tuple[Placed, ...]:
        return tuple(Placed(text, 10 * i, 0, 10 * i + 9, 9) for i, text in enumerate(texts))

    page = write(
        [
            TextBlock("heading", (line("1", "Terms"), line("of", "sale")), 2),
            TextBlock("paragraph", (line("extrac-"), line("tion", "of", "#1"))),
            TextBlock("list_item", (line("•", "first"), line("item")), 0),
            TextBlock("list_item", (line("(a)", "second"),), 1),
            Grid(2, 2, (GridCell(0, 0, (line("a|b"),)), GridCell(1, 1, (line("3,50"), line("€"))))),
        ]
    )
    assert page.markdown == (
        "## 1 Terms of sale\n\n"
        "extrac-\ntion of #1\n\n"
        "- first\n  item\n\n"
        "  (a) second\n\n"
        "| a\\|b |  |\n| --- | --- |\n|  | 3,50 € |"
    )


def test_a_word_beyond_the_edge_of_the_page_has_no_box() -> None:
    page = write([TextBlock("paragraph", ((Placed("in", 600, 10, 620, 20), Placed("out", 700, 10, 720, 20)),))])
    inside, outside = page.words
    assert inside.box == (0.98039, 0.01263, 0.01961, 0.01263)
    assert outside.box is None


def test_a_page_survives_json() -> None:
    page = write([TextBlock("paragraph", ((Placed("in", 10, 10, 20, 20), Placed("out", 700, 10, 720, 20)),))])
    assert Page.model_validate_json(page.model_dump_json()).words == page.words
