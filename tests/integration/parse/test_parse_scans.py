"""Scanned pages: PDFs whose pages are pictures of rendered text, read back by OCR."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from fieldwise.errors import EmptyDocument, MissingExtra
from fieldwise.model import Document, Page, Word
from fieldwise.parse import LocalParser, child, images, ocr, scans
from fieldwise.parse.frames import Request

needs_ocr = pytest.mark.skipif(not ocr.is_installed(), reason='needs the extra: pip install "fieldwise[ocr]"')

LETTER = (
    "The undersigned confirm that the shipment arrived",
    "in Rotterdam on 14 March 2025 without any damage.",
    "Two pallets were returned to the sender because",
    "their labels could not be read by the warehouse.",
    "Invoice 4711 amounts to EUR 1,284.50 in total.",
)
ITEMS = (
    ("Article", "Quantity", "Price"),
    ("Bolts", "120", "14.40"),
    ("Washers", "300", "9.00"),
    ("Nuts", "80", "7.20"),
)


def _letter(pdf: Any) -> bytes:
    return b"".join(pdf.text(72, 700 - 22 * row, line) for row, line in enumerate(LETTER))


def _drawn(path: Path, number: int = 1, dpi: int = 200) -> Any:
    import pypdfium2

    with pypdfium2.PdfDocument(path) as document:
        return document[number - 1].render(scale=dpi / 72).to_pil().convert("RGB")


def _scan(pdf: Any, name: str, pictures: Sequence[Any], over: Sequence[bytes] = (), font: bytes = b"") -> Path:
    """Write a PDF whose pages are these pictures; `over` is drawn on them, in `font`."""
    font = font or b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
    objects, kids = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", font], []
    for index, picture in enumerate(pictures):
        data = io.BytesIO()
        picture.save(data, "JPEG", quality=85)
        width, height = picture.width * 72 / 200, picture.height * 72 / 200
        entries = b"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceRGB /BitsPerComponent 8"
        objects.append(pdf.stream(data.getvalue(), (entries + b" /Filter /DCTDecode ") % picture.size))
        drawing = b"q %g 0 0 %g 0 0 cm /Im Do Q " % (width, height) + (over[index] if over else b"")
        objects.append(pdf.stream(drawing))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %g %g] /Contents %d 0 R /Resources"
            b" << /Font << /F1 3 0 R >> /XObject << /Im %d 0 R >> >> >>"
            % (width, height, len(objects), len(objects) - 1)
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(kids), len(kids))
    path: Path = pdf.objects(name, objects)
    return path


def _texts(page: Page) -> list[str]:
    return [word.text for word in page.words]


def _assert_same_places(read: Page, written: Page, slack: float = 0.012) -> None:
    """Every word stands where the text layer has it, but for the white space around glyphs."""
    texts = _texts(written)
    places = {word.text: word for word in written.words if texts.count(word.text) == 1}
    common = [(word, places[word.text]) for word in read.words if word.text in places]
    assert len(common) >= 0.9 * len(places)
    for found, there in common:
        assert found.box is not None
        assert there.box is not None
        assert abs(found.box[0] - there.box[0]) < slack, (found, there)
        assert abs(found.box[0] + found.box[2] - there.box[0] - there.box[2]) < slack, (found, there)
        assert abs(_middle(found) - _middle(there)) < slack, (found, there)


def _middle(word: Word) -> float:
    assert word.box is not None
    return word.box[1] + word.box[3] / 2


@needs_ocr
async def test_a_scan_is_read_with_the_place_and_the_confidence_of_each_word(parser: LocalParser, pdf: Any) -> None:
    written = pdf.pages("letter.pdf", [_letter(pdf)])
    scanned = await parser.parse(_scan(pdf, "scan.pdf", [_drawn(written)]))
    page = scanned.pages[0]
    assert _texts(page) == " ".join(LETTER).split()
    assert {word.source for word in page.words} == {"ocr"}
    assert all(word.confidence is not None and word.confidence > 0.8 for word in page.words)
    assert all(page.markdown[slice(*word.span)] == word.text for word in page.words if word.span)
    _assert_same_places(page, (await parser.parse(written)).pages[0])
    assert not scanned.issues


@needs_ocr
@pytest.mark.parametrize("turn", [90, 180, 270])
async def test_a_page_that_lies_or_stands_on_its_head_is_set_upright(parser: LocalParser, pdf: Any, turn: int) -> None:
    written = pdf.pages("letter.pdf", [_letter(pdf)])
    picture = _drawn(written).rotate(turn, expand=True)  # counterclockwise: so much clockwise sets it right
    page = (await parser.parse(_scan(pdf, "scan.pdf", [picture]))).pages[0]
    assert page.rotation == turn
    assert (round(page.width), round(page.height)) == (612, 792)
    assert _texts(page) == " ".join(LETTER).split()
    _assert_same_places(page, (await parser.parse(written)).pages[0])


@needs_ocr
@pytest.mark.parametrize("angle", [-8, -1.5, 2, 5])
async def test_a_page_that_is_askew_keeps_its_lines_and_its_boxes_lie_on_the_words(
    make_parser: Callable[..., LocalParser], pdf: Any, angle: float
) -> None:
    written = pdf.pages("letter.pdf", [_letter(pdf)])
    picture = _drawn(written).rotate(-angle, fillcolor="white", resample=3)
    document = await make_parser().parse(_scan(pdf, "scan.pdf", [picture]))
    page = document.pages[0]
    assert _texts(page) == " ".join(LETTER).split()
    gray = picture.convert("L")
    for word in page.words:
        assert word.box is not None
        x, y, w, h = word.box
        inside = gray.crop(
            (
                int(x * gray.width),
                int(y * gray.height),
                int((x + w) * gray.width) + 1,
                int((y + h) * gray.height) + 1,
            )
        )
        assert inside.getextrema()[0] < 100, word


@needs_ocr
async def test_only_the_pages_that_need_it_are_read_by_ocr(parser: LocalParser, pdf: Any) -> None:
    written = pdf.pages("letter.pdf", [_letter(pdf)])
    mixed = _mixed(pdf, _drawn(written))
    document = await parser.parse(mixed)
    assert [{word.source for word in page.words} for page in document.pages] == [{"text"}, {"ocr"}, set()]
    assert _texts(document.pages[1]) == " ".join(LETTER).split()
    assert not document.issues  # the third page is blank: nothing is missing


def _mixed(pdf: Any, picture: Any) -> Path:
    """Write a page of text, a scanned page, and a blank one."""
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=85)
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R /Resources << /Font << /F1 3 0 R >>"
    page += b" /XObject << /Im 4 0 R >> >> >>"
    entries = b"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceRGB /BitsPerComponent 8"
    path: Path = pdf.objects(
        "mixed.pdf",
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [8 0 R 9 0 R 10 0 R] /Count 3 >>",
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
            pdf.stream(data.getvalue(), (entries + b" /Filter /DCTDecode ") % picture.size),
            pdf.stream(_letter(pdf)),
            pdf.stream(b"q 612 0 0 792 0 0 cm /Im Do Q"),
            pdf.stream(b""),
            page % 5,
            page % 6,
            page % 7,
        ],
    )
    return path


def _font_that_lies(shift: int) -> bytes:
    """A font drawn as Helvetica, whose letters are told as those `shift` further on."""
    ranges = b"<20> <7e> <%04x>" % (0x20 + shift)
    cmap = (
        b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /Lie def /CMapType 2 def"
        b" 1 begincodespacerange <00> <ff> endcodespacerange 1 beginbfrange " + ranges + b" endbfrange endcmap end end"
    )
    return b"<< /Length %d >>\nstream\n%s\nendstream" % (len(cmap), cmap)


@needs_ocr
@pytest.mark.parametrize("shift", [4])
async def test_a_text_layer_that_is_garbage_gives_way_to_ocr(parser: LocalParser, pdf: Any, shift: int) -> None:
    path = pdf.objects(
        "lies.pdf",
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [5 0 R] /Count 1 >>",
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding /ToUnicode 4 0 R >>",
            _font_that_lies(shift),
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 6 0 R"
            b" /Resources << /Font << /F1 3 0 R >> >> >>",
            pdf.stream(_letter(pdf)),
        ],
    )
    document = await parser.parse(path)
    assert _texts(document.pages[0]) == " ".join(LETTER).split()
    assert {word.source for word in document.pages[0].words} == {"ocr"}


@needs_ocr
async def test_a_stamp_over_a_scan_is_no_text_layer(parser: LocalParser, pdf: Any) -> None:
    picture = _drawn(pdf.pages("letter.pdf", [_letter(pdf)]))
    page = (await parser.parse(_scan(pdf, "stamped.pdf", [picture], [pdf.text(400, 40, "Received 3 April")]))).pages[0]
    assert {"Rotterdam", "1,284.50", "Received", "April"} <= set(_texts(page))
    assert {word.source for word in page.words} == {"ocr"}


@needs_ocr
async def test_a_title_over_a_photograph_keeps_its_text_layer(parser: LocalParser, pdf: Any) -> None:
    from PIL import Image

    photograph = Image.effect_noise((1700, 2200), 40).convert("RGB")
    document = await parser.parse(_scan(pdf, "cover.pdf", [photograph], [pdf.text(72, 700, "Annual report 2024", 30)]))
    assert _texts(document.pages[0]) == ["Annual", "report", "2024"]
    assert {word.source for word in document.pages[0].words} == {"text"}


@needs_ocr
async def test_the_rows_of_a_scanned_table_are_rows(parser: LocalParser, pdf: Any) -> None:
    drawing = b"".join(
        pdf.text(x, 700 - 20 * row, cell)
        for row, cells in enumerate(ITEMS)
        for x, cell in zip((72, 300, 420), cells, strict=True)
    )
    picture = _drawn(pdf.pages("items.pdf", [drawing]))
    table = (await parser.parse(_scan(pdf, "scan.pdf", [picture]))).tables[0]
    rows = [[cell.text for cell in table.cells if cell.row == row] for row in range(table.rows)]
    assert rows == [list(cells) for cells in ITEMS]
    assert all(cell.box is not None for cell in table.cells)


@needs_ocr
async def test_every_page_is_read_by_ocr_where_that_is_wanted(
    make_parser: Callable[..., LocalParser], pdf: Any
) -> None:
    path = pdf.pages("letter.pdf", [_letter(pdf)])
    forced = make_parser(ocr="force")
    document = await forced.parse(path)
    assert {word.source for word in document.pages[0].words} == {"ocr"}
    assert document.parser.endswith("ocr=force@200")  # another Document, so that no lookup mixes them up


async def test_ocr_that_is_switched_off_is_named_with_the_page(
    make_parser: Callable[..., LocalParser], pdf: Any
) -> None:
    mixed = _mixed(pdf, _drawn(pdf.pages("letter.pdf", [_letter(pdf)])))
    document = await make_parser(ocr="off").parse(mixed)
    assert [(issue.code, issue.page) for issue in document.issues] == [("page_without_text", 2)]
    assert "OCR is switched off (setting ocr)" in document.issues[0].message
    scan = _scan(pdf, "scan.pdf", [_drawn(mixed, 2)])
    with pytest.raises(EmptyDocument, match="FIELDWISE_OCR=auto"):
        await make_parser(ocr="off").parse(scan)


def _read_here(path: Path, **settings: Any) -> tuple[list[Page], Any]:
    """Read in this process, where the extra can be taken away."""
    request = Request(path=str(path), max_pages=100, max_file_mb=100, **settings)
    pages, done = [], None
    for message in child._read(request, lambda page: None):
        if message.type == "page":
            pages.append(message.page)
        done = message
    return pages, done


def test_without_the_extra_a_page_that_needs_it_is_named_with_the_command_that_installs_it(
    pdf: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scans, "is_installed", lambda: False)
    pages, done = _read_here(_mixed(pdf, _drawn(pdf.pages("letter.pdf", [_letter(pdf)]))))
    assert [page.word_count > 0 for page in pages] == [True, False, False]
    assert [(issue.code, issue.page) for issue in done.issues] == [("ocr_missing", 2)]
    assert 'pip install "fieldwise[ocr]"' in done.issues[0].message


def test_without_the_extra_a_scan_is_an_error_that_names_it(pdf: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scans, "is_installed", lambda: False)
    monkeypatch.setattr(images, "is_installed", lambda: False)
    picture = _drawn(pdf.pages("letter.pdf", [_letter(pdf)]))
    picture.save(pdf.folder / "letter.png")
    for path in (_scan(pdf, "scan.pdf", [picture, picture]), pdf.folder / "letter.png"):
        with pytest.raises(MissingExtra, match=r'pip install "fieldwise\[ocr\]"'):
            _read_here(path)
    mixed = _mixed(pdf, picture)
    with pytest.raises(MissingExtra, match="Page 2 has no text layer"):
        _read_here(mixed, ocr="on")


@needs_ocr
def test_the_weights_come_with_the_package_and_nothing_is_downloaded(pdf: Any) -> None:
    """In this process the network is locked (tests/locked): whatever reached for it would raise."""
    import numpy as np

    picture = np.asarray(_drawn(pdf.pages("letter.pdf", [_letter(pdf)])))[:, :, ::-1]
    reading = ocr.read_picture(np.ascontiguousarray(picture))
    assert [" ".join(word.text for word in line.words) for line in reading.lines] == list(LETTER)


@needs_ocr
async def test_a_scan_of_many_pages_has_time_for_each(make_parser: Callable[..., LocalParser], pdf: Any) -> None:
    picture = _drawn(pdf.pages("letter.pdf", [_letter(pdf)]))
    told: list[str] = []
    document: Document = await make_parser(timeout_seconds=2.0).parse(
        _scan(pdf, "scan.pdf", [picture] * 3), lambda progress: told.append(f"{progress.message} {progress.done}")
    )
    assert [page.word_count for page in document.pages] == [len(" ".join(LETTER).split())] * 3
    assert told[:3] == ["Reading by OCR 0", "Reading by OCR 1", "Reading by OCR 2"]
