"""Born-digital PDFs: words in reading order with their boxes, blocks, tables."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from fieldwise.model import Document, Page, Progress
from fieldwise.parse import LocalParser, Parser, document_json

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


def near(box: tuple[float, ...] | None, expected: tuple[float, ...], tolerance: float = 0.012) -> bool:
    return box is not None and all(abs(a - b) <= tolerance for a, b in zip(box, expected, strict=True))


def rows_of(page: Page) -> list[list[list[str]]]:
    tables = []
    for table in page.tables:
        rows = [[""] * table.columns for _ in range(table.rows)]
        for cell in table.cells:
            rows[cell.row][cell.column] = cell.text
        tables.append(rows)
    return tables


def test_the_local_parser_is_a_parser_and_names_its_versions() -> None:
    parser = LocalParser()
    assert isinstance(parser, Parser)
    assert re.match(r"local/\d+ liteparse/\d+\.\d+\.\d+", parser.name)


async def test_a_document_is_named_by_its_content(parser: LocalParser, pdf: Any) -> None:
    path = pdf.pages("a.pdf", [pdf.text(72, 700, "Hello world")])
    document = await parser.parse(path)
    assert (document.name, document.parser, document.media_type) == ("a.pdf", parser.name, "application/pdf")
    path.rename(path.with_name("b.pdf"))
    again = await parser.parse(path.with_name("b.pdf"))
    assert again.id == document.id
    assert again.pages == document.pages


async def test_progress_counts_pages(parser: LocalParser, pdf: Any) -> None:
    seen: list[Progress] = []
    await parser.parse(pdf.pages("a.pdf", [pdf.text(72, 700, "Hello")] * 3), seen.append)
    assert [(p.stage, p.done, p.total, p.unit) for p in seen] == [("parse", n, 3, "pages") for n in (1, 2, 3)]


# Where "Hello" (12 points high, 27 wide, at 72 points from the left, 92 from the top of the sheet) is seen on the page.
@pytest.mark.parametrize(
    ("entries", "size", "box"),
    [
        (b"/MediaBox [0 0 612 792]", (612, 792), (72 / 612, 81 / 792, 27 / 612, 14 / 792)),
        (b"/MediaBox [-50 100 562 892]", (612, 792), (122 / 612, 181 / 792, 27 / 612, 14 / 792)),
        (b"/MediaBox [0 0 612 792] /CropBox [50 600 350 750]", (300, 150), (22 / 300, 39 / 150, 27 / 300, 14 / 150)),
        (b"/MediaBox [0 0 612 792] /Rotate 90", (792, 612), (697 / 792, 72 / 612, 14 / 792, 27 / 612)),
        (b"/MediaBox [0 0 612 792] /Rotate 180", (612, 792), (513 / 612, 697 / 792, 27 / 612, 14 / 792)),
        (b"/MediaBox [0 0 612 792] /Rotate 270", (792, 612), (81 / 792, 513 / 612, 14 / 792, 27 / 612)),
        (
            b"/MediaBox [0 0 612 792] /CropBox [50 600 350 750] /Rotate 90",
            (150, 300),
            (97 / 150, 22 / 300, 14 / 150, 27 / 300),
        ),
    ],
)
async def test_boxes_are_right_on_rotated_moved_and_cropped_pages(
    parser: LocalParser, pdf: Any, entries: bytes, size: tuple[int, int], box: tuple[float, ...]
) -> None:
    path = pdf.pages("page.pdf", [pdf.text(72, 700, "Hello world")], entries)
    (page,) = (await parser.parse(path)).pages
    assert (page.width, page.height) == size
    assert sorted(word.text for word in page.words) == ["Hello", "world"]
    hello = next(word for word in page.words if word.text == "Hello")
    assert near(hello.box, box), (hello.box, box)


async def test_text_outside_the_crop_box_is_not_on_the_page(parser: LocalParser, pdf: Any) -> None:
    path = pdf.pages(
        "page.pdf",
        [pdf.text(72, 700, "inside") + pdf.text(72, 100, "outside")],
        b"/MediaBox [0 0 612 792] /CropBox [50 600 350 750]",
    )
    assert (await parser.parse(path)).markdown == "inside"


async def test_two_columns_are_read_one_after_the_other(parser: LocalParser, pdf: Any) -> None:
    words = "the quick brown fox jumps over a lazy dog while it rains"
    left = [f"left {n} {words}"[:44] for n in range(12)]
    right = [f"right {n} {words}"[:44] for n in range(12)]
    content = b"".join(
        pdf.text(60, 700 - 12 * n, a, 10) + pdf.text(330, 700 - 12 * n, b, 10)
        for n, (a, b) in enumerate(zip(left, right, strict=True))
    )
    (page,) = (await parser.parse(pdf.pages("columns.pdf", [content]))).pages
    first = [line.split()[0] for line in page.markdown.splitlines() if line]
    assert first == ["left"] * 12 + ["right"] * 12


async def test_headers_and_footers_are_kept(parser: LocalParser, pdf: Any) -> None:
    body = b"".join(pdf.text(72, 650 - 14 * n, f"A sentence of the body with number {n}.", 10) for n in range(20))
    contents = [
        pdf.text(72, 760, "Annual Report", 9) + body + pdf.text(290, 30, f"Page {n} of 4", 9) for n in range(1, 5)
    ]
    document = await parser.parse(pdf.pages("report.pdf", contents))
    for page in document.pages:
        assert "Annual Report" in page.markdown
        assert f"Page {page.number} of 4" in page.markdown


async def test_page_furniture_is_marked_and_stands_at_the_edges_of_the_page(parser: LocalParser, pdf: Any) -> None:
    body = b"".join(pdf.text(72, 650 - 14 * n, f"A sentence of the body with number {n}.", 10) for n in range(20))
    contents = [
        pdf.text(72, 760, "Annual Report", 9) + body + pdf.text(290, 30, f"{n}", 9) for n in range(7, 11)
    ]  # liteparse leaves out numbers alone at the foot
    document = await parser.parse(pdf.pages("report.pdf", contents))
    for page in document.pages:
        assert [block.kind for block in page.blocks] == ["header", *["paragraph"] * (len(page.blocks) - 2), "footer"]
        assert page.markdown.startswith("<header>Annual Report</header>\n\nA sentence")
        assert page.markdown.endswith(f"number 19.\n\n<footer>{page.number + 6}</footer>")
        assert page.words[-1].text == str(page.number + 6)
        assert page.words[-1].box is not None
        assert near(page.words[-1].box, (290 / 612, 755 / 792, 5 / 612, 7 / 792))


async def test_rows_that_are_alike_on_each_page_are_no_running_heads(parser: LocalParser, pdf: Any) -> None:
    rows = [[f"{n:02}.0{page}.2024", "Card payment", f"{10 * page + n}.50"] for page in (1, 2, 3) for n in range(1, 41)]
    contents = []
    for page in range(3):
        lines = [["Date", "Text", "Amount"], *rows[40 * page : 40 * page + 40]]
        contents.append(
            b"".join(
                pdf.text(x, 740 - 16 * n, cell, 10)
                for n, line in enumerate(lines)
                for x, cell in zip((72, 200, 400), line, strict=True)
            )
        )
    document = await parser.parse(pdf.pages("statement.pdf", contents))
    assert {block.kind for page in document.pages for block in page.blocks} == {"table"}
    assert [row[1:] for page in document.pages for (table,) in [rows_of(page)] for row in table[1:]] == [
        row[1:] for row in rows
    ]
    assert [page.tables[0].continues for page in document.pages] == [None, (1, 0), (2, 0)]
    assert all(cell.header == (cell.row == 0) for page in document.pages for cell in page.tables[0].cells)


async def test_a_table_goes_on_over_the_page_without_its_head(parser: LocalParser, pdf: Any) -> None:
    def page(lines: list[tuple[str, str, str]], top: float) -> bytes:
        return b"".join(
            pdf.text(x, top - 16 * n, cell, 10)
            for n, line in enumerate(lines)
            for x, cell in zip((72, 200, 400), line, strict=True)
        )

    first = page([("Part", "Supplier", "Price"), *((f"A{n}", "Acme", f"{n}.50") for n in range(10))], 240)
    second = page([(f"B{n}", "Bolt", f"{n}.75") for n in range(10)], 740)
    third = pdf.text(72, 740, "Another list follows here.") + page(
        [(f"C{n}", "Nut", f"{n}.25") for n in range(10)], 700
    )
    document = await parser.parse(pdf.pages("parts.pdf", [first, second, third]))
    assert [[table.continues for table in page.tables] for page in document.pages] == [[None], [(1, 0)], [None]]
    assert not any(cell.header for cell in document.pages[1].tables[0].cells)


async def test_words_that_the_first_reader_leaves_out_are_found_by_the_second(parser: LocalParser, pdf: Any) -> None:
    to_unicode = (
        b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def\n"
        b"1 begincodespacerange <00> <FF> endcodespacerange\n"
        b"2 beginbfchar <41> <D835DC34> <42> <D835DC35> endbfchar\nendcmap end end"
    )
    content = pdf.text(72, 700, "Let") + b"BT /F2 12 Tf 95 700 Td (A) Tj ET\n" + pdf.text(107, 700, "be larger than")
    content += b"BT /F2 12 Tf 190 700 Td (B) Tj ET\n" + pdf.text(202, 700, "in all cases.")
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << "
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding"
    path = pdf.objects(
        "formula.pdf",
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            page + b"/F1 5 0 R /F2 6 0 R >> >> >>",
            pdf.stream(content),
            font + b" >>",
            font + b" /ToUnicode 7 0 R >>",
            pdf.stream(to_unicode),
        ],
    )
    document = await parser.parse(path)
    assert document.markdown == "Let \U0001d434 be larger than \U0001d435 in all cases."
    assert_places(document)
    assert document.issues == ()


async def test_a_pipe_in_a_cell_does_not_break_the_table(parser: LocalParser, pdf: Any) -> None:
    content = b"".join(
        pdf.text(60, 700 - 20 * n, a) + pdf.text(250, 700 - 20 * n, b) + pdf.text(400, 700 - 20 * n, c)
        for n, (a, b, c) in enumerate(
            [("Part", "Quantity", "Price"), ("A|B", "3", "1.50"), ("C", "4", "2.50"), ("D", "5", "3.75")]
        )
    )
    (page,) = (await parser.parse(pdf.pages("table.pdf", [content]))).pages
    assert page.markdown == (
        "| Part | Quantity | Price |\n| --- | --- | --- |\n| A\\|B | 3 | 1.50 |\n| C | 4 | 2.50 |\n| D | 5 | 3.75 |"
    )
    (table,) = page.tables
    cell = next(cell for cell in table.cells if cell.text == "A|B")
    assert (cell.row, cell.column, cell.header) == (1, 0, False)
    assert near(cell.box, (60 / 612, 81 / 792 + 20 / 792, 20 / 612, 14 / 792))


async def test_the_json_form_is_that_of_the_contract(parser: LocalParser, pdf: Any) -> None:
    document = await parser.parse(pdf.pages("a.pdf", [pdf.text(72, 700, "Hello"), b"0 0 9 9 re f"]))
    told = json.loads(json.dumps(document_json(document)))
    assert {"id", "media_type", "pages", "issues"} <= told.keys()
    assert told["pages"][0].keys() >= {"number", "width", "height", "markdown", "words", "tables"}
    (word,) = told["pages"][0]["words"]
    assert (word["text"], word["source"], len(word["box"])) == ("Hello", "text", 4)
    assert told["issues"][0]["page"] == 2


# The project's own documents


async def test_every_item_of_the_example_invoice_is_a_row_with_its_amounts(parser: LocalParser, examples: Path) -> None:
    document = await parser.parse(examples / "invoice.pdf")
    gold = json.loads((examples / "invoice.gold.json").read_text())["line_items"]
    rows = [row for page in document.pages for table in rows_of(page) for row in table]
    for item in gold:
        row = next(row for row in rows if row[0] == str(item["position"]))
        assert f"{item['amount']:,.2f}" in row
        assert f"{item['unit_price']:,.2f}" in row
        assert item["code"] in row[1]
        assert item["description"][:20] in row[1]


async def test_the_example_paper_is_read_column_by_column(parser: LocalParser, examples: Path) -> None:
    document = await parser.parse(examples / "paper.pdf")
    source = (examples / "source" / "paper.md").read_text()
    titles = [line[3:] for line in source.splitlines() if line.startswith("## ")]
    headings = [
        page.markdown[slice(*block.span)].lstrip("# ")
        for page in document.pages
        for block in page.blocks
        if block.kind == "heading"
    ]
    assert len(titles) > 6
    assert [heading for heading in headings if heading in titles] == titles


@pytest.mark.parametrize("name", ["paper", "invoice", "contract"])
async def test_each_word_of_the_examples_has_a_box_and_a_place(parser: LocalParser, examples: Path, name: str) -> None:
    document = await parser.parse(examples / f"{name}.pdf")
    assert document.word_count > 200
    assert_places(document)


@pytest.mark.parametrize("name", ["paper", "invoice", "contract"])
async def test_five_words_quoted_from_the_markdown_are_found_as_exactly_these_words(
    parser: LocalParser, examples: Path, name: str
) -> None:
    assert_quotes(await parser.parse(examples / f"{name}.pdf"))


def assert_places(document: Document) -> None:
    for page in document.pages:
        for word in page.words:
            assert word.box is not None
            assert word.span is not None
            shown = page.markdown[slice(*word.span)]
            assert shown in (word.text, word.text.replace("|", "\\|"), "-")


def assert_quotes(document: Document) -> None:
    pick = random.Random(1)
    for page in document.pages:
        for _ in range(min(20, max(0, len(page.words) - 5))):
            at = pick.randrange(len(page.words) - 4)
            quoted = page.words[at : at + 5]
            assert quoted[0].span is not None
            assert quoted[-1].span is not None
            assert page.words_between(quoted[0].span[0], quoted[-1].span[1]) == quoted


# Real documents, where they are at hand

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the development documents (../shared/data) are not here")


@needs_data
async def test_items_of_real_invoices_are_rows(parser: LocalParser) -> None:
    found = total = 0
    for gold in sorted((DATA / "zugferd" / "gold").glob("*.json")):
        document = await parser.parse(DATA / "zugferd" / "pdf" / f"{gold.stem}.pdf")
        rows = [" | ".join(row) for page in document.pages for table in rows_of(page) for row in table]
        told = json.loads(gold.read_text())
        for index, item in enumerate(told["gold"]["line_items"]):
            if f"/line_items/{index}/line_total" in told["not_printed"] or item["line_total"] is None:
                continue
            total += 1
            amount = f"{item['line_total']:,.2f}"
            german = amount.translate(str.maketrans(",.", ".,"))
            name = (item["description"] or "").split("\n")[0][:12]
            found += any(name in row and (amount in row or german in row) for row in rows)
    assert total > 40
    assert found >= 0.9 * total


@needs_data
@pytest.mark.parametrize(
    "path",
    [
        "contextual-extract-bench/dataset/academic/research/pdf+gold/shah24--flashattention-3.pdf",
        "contextual-extract-bench/dataset/finance/10kq/pdf+gold/wdc_10q_fy2025q2.pdf",
        "icdar2013-tables/competition-dataset-eu/eu-012.pdf",
        "invoice2data/QualityHosting.pdf",
    ],
)
async def test_each_word_of_real_documents_has_a_box_and_a_place(parser: LocalParser, path: str) -> None:
    document = await parser.parse(DATA / path)
    assert_places(document)
    assert_quotes(document)
