from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from fieldwise.extract.coverage import Coverage, Left, ReadList
from fieldwise.extract.engine import FieldwiseExtractor
from fieldwise.extract.tables import Cell, logical_tables
from fieldwise.grounding import WordIndex
from fieldwise.model import Document
from fieldwise.oracle import OracleModel
from fieldwise.parse.local import LocalParser

LayOut = Callable[..., Document]
Given = dict[str, Any]

LAYOUTS = ("ruled", "borderless", "two_line", "subtotals", "headers", "split")
HEAD = """
Harbour dues                                Kolbe & Sons
Day         Berth            Tons      Dues
01.03.2024  North quay         12    120,50
02.03.2024  South quay          7     70,00
03.03.2024  Old crane          15    150,10
"""
MORE = """
04.03.2024  North quay         11    110,50
05.03.2024  Slipway             3     30,00
06.03.2024  Old crane           5     50,20
"""


def left(document: Document, rows: int, *, told: bool = True, others: Sequence[str] = ()) -> Left:
    """Return what is left where only the first `rows` of the document's first table were read."""
    index = WordIndex(document)
    table = logical_tables(index)[0]
    records: list[Sequence[Cell]] = [entry.cells for entry in table.entries[:rows]]
    held = {word for word, text in enumerate(index.words) if text in others}
    return Coverage(index).left_by(ReadList("/dues", records, " ".join(table.heading), held, told))


def said(found: Left) -> list[str]:
    return [issue.code for issue in found.issues]


def test_a_list_that_was_read_whole_leaves_nothing(lay_out: LayOut) -> None:
    assert left(lay_out(HEAD), 3) == Left(False, ())


def test_rows_below_those_that_were_read_are_rows(lay_out: LayOut) -> None:
    found = left(lay_out(HEAD), 1)
    assert (found.lost, said(found)) == (True, ["rows_unread"])
    assert "2 lines" in found.issues[0].message


def test_one_line_like_a_row_is_a_doubt_and_no_loss(lay_out: LayOut) -> None:
    found = left(lay_out(HEAD), 2)
    assert (found.lost, said(found)) == (False, ["rows_unread"])


def test_rows_on_another_page_are_named_with_their_page(lay_out: LayOut) -> None:
    found = left(lay_out(HEAD, MORE), 3)
    assert found.lost
    assert "(on pages 2)" in found.issues[0].message


def test_rows_that_stand_elsewhere_on_the_next_page_are_a_doubt_by_their_order(lay_out: LayOut) -> None:
    moved = "\n".join(" " * 60 + line for line in MORE.strip("\n").split("\n"))
    found = left(lay_out(HEAD, moved), 3)
    assert "rows_unread" in said(found)


@pytest.mark.parametrize(
    "line",
    [
        "Sum                                    340,60",
        "Carried forward                34      340,60",
        "Day         Berth            Tons      Dues",
    ],
)
def test_sums_and_headings_are_no_rows(lay_out: LayOut, line: str) -> None:
    assert left(lay_out(f"{HEAD}\n\n\n{line}"), 3) == Left(False, ())


def test_a_line_called_a_total_with_a_figure_in_every_column_may_be_a_row(lay_out: LayOut) -> None:
    document = lay_out(f"{HEAD}\n\n\n07.03.2024  Total rent          5     50,20")
    assert said(left(document, 3)) == ["rows_unread"]


def test_a_line_whose_figures_are_values_of_other_fields_is_no_row(lay_out: LayOut) -> None:
    document = lay_out(f"{HEAD}\n\n\n\n\nTonnage of March             340  3.406,00")
    assert said(left(document, 3)) == ["rows_unread"]
    assert left(document, 3, others=("340", "3.406,00")) == Left(False, ())


def test_words_under_a_text_are_told_where_code_cut_the_cells_only(lay_out: LayOut) -> None:
    document = lay_out(HEAD.replace("02.03", "            by the mill\n02.03"))
    assert said(left(document, 3)) == ["text_left"]
    assert left(document, 3, told=False) == Left(False, ())


def test_the_rest_of_a_row_on_top_of_the_next_page_is_told(lay_out: LayOut) -> None:
    found = left(lay_out(HEAD, f"            at the mole\n{MORE.strip()}"), 6)
    assert said(found) == ["text_left"]


def test_rows_of_text_without_places_are_known_by_their_order() -> None:
    from fieldwise.model import Page, WordColumns

    lines = [f"{n}.03.2024 Quay {n},50 {n}0,00" for n in range(1, 9)]
    markdown = "\n".join(lines)
    texts, spans = [], []
    for line, start in zip(lines, [sum(len(li) + 1 for li in lines[:n]) for n in range(8)], strict=True):
        for text in line.split():
            texts.append(text)
            spans += [start + line.index(text), start + line.index(text) + len(text)]
    words = WordColumns(texts=tuple(texts), spans=tuple(spans))
    page = Page(number=1, markdown=markdown, word_columns=words)
    index = WordIndex(Document(id="0" * 64, media_type="text/plain", parser="t", pages=(page,)))
    records = [[(4 * n,), (4 * n + 1,), (4 * n + 2,), (4 * n + 3,)] for n in range(3)]
    found = Coverage(index).left_by(ReadList("/dues", records, "", (), True))
    assert (found.lost, said(found)) == (True, ["rows_unread"])
    assert "5 lines" in found.issues[0].message


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", ["bank", "parts", "events"])
@pytest.mark.parametrize("layout", LAYOUTS)
async def test_no_layout_loses_rows_and_says_complete(tmp_path: Path, kind: Any, layout: Any) -> None:
    pytest.importorskip("reportlab", reason="reportlab is not installed: pip install --group examples")
    synthetic = import_module("benchmarks.synthetic")
    values = synthetic.make_values(kind, 70)
    target = tmp_path / "list.pdf"
    pages = synthetic.render(values, layout, target).pages
    assert pages > 1
    parser = LocalParser()
    try:
        document = await parser.parse(target)
    finally:
        await parser.aclose()
    model = OracleModel(values.data, document=document.markdown)
    result = await FieldwiseExtractor(model).extract(document, values.schema)
    gold, read = values.data[values.list_field], result.data[values.list_field]
    assert len(read) == len(gold)
    if any(row not in read for row in gold):
        assert result.status != "complete"
    if layout in ("two_line", "split"):
        assert result.status != "complete"
    elif kind == "parts":
        assert (result.status, result.issues) == ("complete", ())
