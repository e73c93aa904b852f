"""Pages with what parsing found on them outlined: words, blocks by kind, cells of tables.

    python -m benchmarks.parse.pictures FILE --page 2 --out page.png
    python -m benchmarks.parse.pictures --docs                  # those of docs/images, from documents of our own

Gray: words of the text layer. Red: words read by OCR. Blue: paragraphs and list items. Purple: headings. Green: tables
and their cells. Orange: running heads and feet. Needs Pillow (it comes with reportlab: `pip install --group examples`).
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from benchmarks.synthetic import make_values, render
from fieldwise.model import Box, Document, Page
from fieldwise.parse import LocalParser

EXAMPLES = Path("examples/documents")
IMAGES = Path("docs/images")

_WORD, _RECOGNIZED, _CELL, _TABLE = "#b0b0b0", "#e06060", "#60b060", "#107010"
_BLOCKS = {"heading": "#9030c0", "header": "#f08000", "footer": "#f08000", "code": "#808000", "caption": "#008080"}
_OTHER_BLOCK = "#3060e0"


def outlined(path: Path, page: Page, out: Path, *, width: int) -> None:
    """Draw the page and its outlines; a palette of 64 colors keeps text sharp and files small."""
    import pypdfium2
    from PIL import ImageDraw

    with pypdfium2.PdfDocument(path) as document:
        image = document[page.number - 1].render(scale=width / page.width).to_pil().convert("RGB")
    drawing = ImageDraw.Draw(image)

    def outline(box: Box | None, color: str, thick: int, apart: int) -> None:
        if box is not None:
            x, y, w, h = box[0] * image.width, box[1] * image.height, box[2] * image.width, box[3] * image.height
            drawing.rectangle((x - apart, y - apart, x + w + apart, y + h + apart), outline=color, width=thick)

    for word in page.words:
        outline(word.box, _RECOGNIZED if word.source == "ocr" else _WORD, 1, 0)
    for table in page.tables:
        for cell in table.cells:
            outline(cell.box, _CELL, 1, 1)
        outline(table.box, _TABLE, 2, 4)
    for block in page.blocks:
        if block.kind != "table":
            outline(block.box, _BLOCKS.get(block.kind, _OTHER_BLOCK), 2, 3)
    out.parent.mkdir(parents=True, exist_ok=True)
    image.quantize(64).save(out, optimize=True)


async def parsed(path: Path) -> Document:
    parser = LocalParser()
    try:
        return await parser.parse(path)
    finally:
        await parser.aclose()


def draw(path: Path, number: int, out: Path, *, width: int) -> None:
    document = asyncio.run(parsed(path))
    page = document.page(number)
    outlined(path, page, out, width=width)
    kinds = [f"{block.kind} {block.level or ''}".strip() for block in page.blocks]
    print(f"{out}: {page.word_count} words; {', '.join(kinds)}")
    for table in page.tables:
        going_on = f", goes on from {table.continues}" if table.continues else ""
        print(f"  a table of {table.rows} rows and {table.columns} columns{going_on}")


def draw_docs(width: int) -> None:
    """Draw a paper in two columns, an invoice, a contract, a statement without rules, and one whose rows are split."""
    draw(EXAMPLES / "paper.pdf", 1, IMAGES / "parsed-paper.png", width=width)
    draw(EXAMPLES / "invoice.pdf", 1, IMAGES / "parsed-invoice.png", width=width)
    draw(EXAMPLES / "contract.pdf", 2, IMAGES / "parsed-contract.png", width=width)
    with tempfile.TemporaryDirectory() as folder:
        statement = Path(folder) / "statement.pdf"
        render(make_values("bank", 60, 1), "borderless", statement)
        draw(statement, 2, IMAGES / "parsed-statement.png", width=width)
        parts = Path(folder) / "parts.pdf"
        render(make_values("parts", 60, 1), "split", parts)
        draw(parts, 2, IMAGES / "parsed-parts-list.png", width=width)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parse.pictures", description=__doc__.split("\n")[0])
    parser.add_argument("file", type=Path, nargs="?", help="a PDF")
    parser.add_argument("--page", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("page.png"))
    parser.add_argument("--width", type=int, default=900, help="in pixels")
    parser.add_argument("--docs", action="store_true", help="draw those of docs/images")
    options = parser.parse_args()
    if options.docs:
        draw_docs(options.width)
    elif options.file is None:
        parser.error("name a PDF, or give --docs")
    else:
        draw(options.file, options.page, options.out, width=options.width)


if __name__ == "__main__":
    main()
