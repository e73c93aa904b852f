"""Office documents that real libraries wrote, read in the sandbox: nothing that a reader sees is lost."""

from __future__ import annotations

import datetime
import zipfile
from pathlib import Path

import docx
import openpyxl
import xlwt
from docx.oxml import parse_xml
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from fieldwise.model import Document, Table
from fieldwise.parse import LocalParser

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def codes(document: Document) -> set[str]:
    return {issue.code for issue in document.issues}


def rows(table: Table) -> list[list[str]]:
    grid = [[""] * table.columns for _ in range(table.rows)]
    for cell in table.cells:
        grid[cell.row][cell.column] = cell.text
    return grid


def spans_agree(document: Document) -> bool:
    """Every word stands in the markdown where its span says."""
    return all(
        page.markdown[slice(*word.span)].replace("\\|", "|") == word.text
        for page in document.pages
        for word in page.words
        if word.span is not None
    )


# DOCX


async def test_a_word_document_keeps_its_structure(parser: LocalParser, tmp_path: Path) -> None:
    made = docx.Document()
    made.add_heading("Contract", 1)
    made.add_paragraph("Between ACME and Bob.")
    for text in ("first", "second"):
        made.add_paragraph(text, style="List Number")
    made.add_paragraph("a point", style="List Bullet")
    made.sections[0].header.paragraphs[0].text = "Confidential"
    made.sections[0].footer.paragraphs[0].text = "Page one"
    made.save(str(tmp_path / "x"))
    page = (await parser.parse(tmp_path / "x")).pages[0]
    kinds = [(block.kind, page.markdown[slice(*block.span)]) for block in page.blocks]
    assert kinds == [
        ("header", "<header>Confidential</header>"),
        ("heading", "# Contract"),
        ("paragraph", "Between ACME and Bob."),
        ("list_item", "1. first"),
        ("list_item", "2. second"),
        ("list_item", "- a point"),
        ("footer", "<footer>Page one</footer>"),
    ]
    assert page.anchor_at(page.markdown.index("ACME")) == "paragraph 2"


async def test_merged_cells_of_a_word_table_have_spans(parser: LocalParser, tmp_path: Path) -> None:
    made = docx.Document()
    table = made.add_table(3, 3)
    table.cell(0, 0).merge(table.cell(0, 1)).text = "wide"
    table.cell(1, 0).merge(table.cell(2, 0)).text = "tall"
    table.cell(1, 1).text = "a|b"
    made.save(str(tmp_path / "x"))
    document = await parser.parse(tmp_path / "x")
    cells = {cell.text: cell for cell in document.tables[0].cells if cell.text}
    assert (cells["wide"].column_span, cells["tall"].row_span) == (2, 2)
    assert (cells["a|b"].anchor, document.word_count, spans_agree(document)) == ("table 1 R2C2", 3, True)


async def test_nothing_that_a_reader_of_word_sees_is_lost(parser: LocalParser, tmp_path: Path) -> None:
    made = docx.Document()
    body = made.element.body
    pieces = [
        f"<w:sdt {W}><w:sdtContent><w:p><w:r><w:t>CONTROL</w:t></w:r></w:p></w:sdtContent></w:sdt>",
        f"<w:p {W}><w:ins w:id='1'><w:r><w:t>INSERTED</w:t></w:r></w:ins>"
        "<w:del w:id='2'><w:r><w:delText>DELETED</w:delText></w:r></w:del></w:p>",
        f"<w:p {W}><w:r><w:rPr><w:vanish/></w:rPr><w:t>UNSEEN</w:t></w:r><w:r><w:t>SEEN</w:t></w:r></w:p>",
        f'<w:p {W} xmlns:v="urn:schemas-microsoft-com:vml"><w:r><w:pict><v:shape><v:textbox><w:txbxContent><w:p><w:r>'
        "<w:t>BOXED</w:t></w:r></w:p></w:txbxContent></v:textbox></v:shape></w:pict></w:r></w:p>",
        f"<w:p {W}><w:fldSimple w:instr='DATE'><w:r><w:t>FIELD</w:t></w:r></w:fldSimple></w:p>",
        f"<w:tbl {W}><w:tr><w:tc><w:p><w:r><w:t>OUTER</w:t></w:r></w:p><w:tbl><w:tr><w:tc><w:p><w:r>"
        "<w:t>NESTED</w:t></w:r></w:p></w:tc></w:tr></w:tbl></w:tc></w:tr></w:tbl>",
    ]
    for piece in pieces:
        body.insert(len(body) - 1, parse_xml(piece))
    made.add_comment(made.add_paragraph("commented").runs, text="REMARK", author="Jane")
    made.save(str(tmp_path / "x"))
    document = await parser.parse(tmp_path / "x")
    words = document.markdown.split()
    assert {"CONTROL", "INSERTED", "SEEN", "BOXED", "FIELD", "OUTER", "NESTED", "REMARK"} <= set(words)
    assert not {"DELETED", "UNSEEN"} & set(words)
    assert codes(document) == {"tracked_changes", "hidden_text"}
    assert any("DELETED" in issue.message for issue in document.issues)


async def test_footnotes_stand_after_the_text_with_their_marks(parser: LocalParser, tmp_path: Path) -> None:
    made = docx.Document()
    made.element.body.insert(
        0, parse_xml(f"<w:p {W}><w:r><w:t>Total</w:t></w:r><w:r><w:footnoteReference w:id='7'/></w:r></w:p>")
    )
    made.save(str(tmp_path / "plain"))
    notes = (
        f"<w:footnotes {W}><w:footnote w:id='7'><w:p><w:r><w:t>without VAT</w:t></w:r></w:p></w:footnote></w:footnotes>"
    )
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"
    with zipfile.ZipFile(tmp_path / "plain") as old, zipfile.ZipFile(tmp_path / "x", "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "word/_rels/document.xml.rels":
                relation = f'<Relationship Id="rIdF" Type="{kind}" Target="footnotes.xml"/></Relationships>'
                data = data.replace(b"</Relationships>", relation.encode())
            new.writestr(name, data)
        new.writestr("word/footnotes.xml", notes)
    assert (await parser.parse(tmp_path / "x")).markdown == "Total [^1]\n\n[^1]: without VAT"


# PPTX


async def test_a_presentation_gives_slides_tables_chart_data_and_notes(parser: LocalParser, tmp_path: Path) -> None:
    made = Presentation()
    slide = made.slides.add_slide(made.slide_layouts[1])
    slide.shapes.title.text = "Results"
    slide.placeholders[1].text = "first\nsecond"
    slide.notes_slide.notes_text_frame.text = "mention the weather"
    data = CategoryChartData()
    data.categories = ["Q1", "Q2"]
    data.add_series("Sales", (1.5, 2.25))
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, Inches(1), Inches(1), Inches(4), Inches(3), data)
    table = slide.shapes.add_table(2, 2, Inches(1), Inches(5), Inches(3), Inches(1)).table
    table.cell(0, 0).text, table.cell(1, 1).text = "key", "value"
    made.slides.add_slide(made.slide_layouts[6])
    made.save(str(tmp_path / "x"))
    document = await parser.parse(tmp_path / "x")
    assert [page.anchor for page in document.pages] == ["slide 1", "slide 2"]
    assert "# Results\n\n- first\n\n- second" in document.markdown
    assert [rows(found) for found in document.tables] == [
        [["", "Sales"], ["Q1", "1.5"], ["Q2", "2.25"]],
        [["key", ""], ["", "value"]],
    ]
    assert document.markdown.endswith("Notes: mention the weather\n\n")
    assert document.pages[0].anchor_at(document.pages[0].markdown.index("weather")) == "slide 1 notes"


# XLSX and XLS


def workbook(path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Price list"
    sheet["A1"] = "Invoice 4711"
    sheet.merge_cells("A1:D1")
    lines = [
        ["Item", "Qty", "Price", "Date", "Zip", "VAT"],
        ["Bolt", 2, 1234.5, datetime.date(2024, 3, 1), 1234, 0.19],
        ["Nut", 3, 33.333333, datetime.datetime(2024, 3, 2, 10, 30), 99, 0.07],
    ]
    for i, line in enumerate(lines, 3):
        for j, value in enumerate(line, 1):
            sheet.cell(i, j, value)
    for row in (4, 5):
        sheet.cell(row, 3).number_format = "#,##0.00 [$€-407]"
        sheet.cell(row, 5).number_format = "00000"
        sheet.cell(row, 6).number_format = "0%"
    sheet["B7"], sheet["C7"] = "Total", "=SUM(C4:C5)"
    sheet["C4"].comment = Comment("net of discount", "Jane")
    sheet.row_dimensions[5].hidden = True
    sheet.oddFooter.center.text = "printed for &P Bob"
    hidden = book.create_sheet("Secret")
    hidden["A1"], hidden["B1"] = "margin", 0.5
    hidden.sheet_state = "hidden"
    chart = BarChart()
    chart.add_data(Reference(sheet, min_col=2, min_row=3, max_row=5), titles_from_data=True)
    sheet.add_chart(chart, "H2")
    book.save(path)


async def test_a_workbook_shows_what_its_reader_sees(parser: LocalParser, tmp_path: Path) -> None:
    workbook(tmp_path / "x")
    document = await parser.parse(tmp_path / "x")
    assert [page.anchor for page in document.pages] == ["Price list", "Secret"]
    assert rows(document.tables[0]) == [
        ["Item", "Qty", "Price", "Date", "Zip", "VAT"],
        ["Bolt", "2", "1234.50 €", "2024-03-01", "01234", "19%"],
        ["Nut", "3", "33.33 €", "2024-03-02T10:30", "00099", "7%"],
    ]
    cells = {cell.text: cell for cell in document.tables[0].cells}
    assert cells["Item"].header
    assert not cells["Bolt"].header
    assert (cells["33.33 €"].anchor, cells["33.33 €"].value) == ("'Price list'!C5", "33.333333")
    assert cells["1234.50 €"].value is None
    page = document.pages[0]
    assert page.markdown.startswith("Invoice 4711\n\n")
    assert page.anchor_at(0) == "'Price list'!A1"
    assert "Comment by Jane: net of discount" in page.markdown
    assert "<footer>printed for Bob</footer>" in page.markdown
    assert spans_agree(document)


async def test_what_is_hidden_or_not_computed_is_read_and_told(parser: LocalParser, tmp_path: Path) -> None:
    workbook(tmp_path / "x")
    document = await parser.parse(tmp_path / "x")
    assert "=SUM(C4:C5)" in document.markdown
    assert "margin" in document.markdown
    told = {(issue.code, issue.page): issue.message for issue in document.issues}
    assert "C7" in told[("formula_without_value", 1)]
    assert "rows 5" in told[("hidden_content", 1)]
    assert "sheet Secret" in told[("hidden_content", 2)]


async def test_far_apart_cells_make_no_grid_between_them(parser: LocalParser, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet["A1"], sheet["XFD1048576"] = "first", "last"
    book.save(tmp_path / "x")
    page = (await parser.parse(tmp_path / "x")).pages[0]
    assert page.markdown == "first\n\nlast"
    assert page.anchor_at(8) == "Sheet!XFD1048576"


async def test_an_old_workbook_is_read_like_a_new_one(parser: LocalParser, tmp_path: Path) -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("Old")
    for column, name in enumerate(("When", "What", "Price")):
        sheet.write(0, column, name)
    sheet.write(1, 0, datetime.date(2024, 5, 6), xlwt.easyxf(num_format_str="DD.MM.YYYY"))
    sheet.write(1, 1, "Thing")
    sheet.write(1, 2, 12.5, xlwt.easyxf(num_format_str="0.00"))
    sheet.write_merge(2, 2, 0, 1, "sum of all")
    sheet.write(2, 2, 13)
    book.save(str(tmp_path / "x"))
    document = await parser.parse(tmp_path / "x")
    assert rows(document.tables[0]) == [
        ["When", "What", "Price"],
        ["2024-05-06", "Thing", "12.50"],
        ["sum of all", "", "13"],
    ]
    assert {cell.text: cell.column_span for cell in document.tables[0].cells}["sum of all"] == 2
    assert document.media_type == "application/vnd.ms-excel"
