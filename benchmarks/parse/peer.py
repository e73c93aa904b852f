"""One other parser as a program: `python peer.py NAME`, in the peers' own environment (requirements.txt).

Reads a JSON line `{"path"}` for each document, answers one: `{"seconds", "texts"}` (a text for each page, or one for
the whole document) or `{"error"}`. The first answer, before any request, says the version, or why it does not run.
Knows nothing of fieldwise: it is run by path, not imported.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

Read = Callable[[str], list[str]]

# Of each parser the configuration that its documentation gives for text or markdown, without OCR and without network.
os.environ.update({"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"})


def pypdfium2() -> Read:
    import pypdfium2 as pdfium

    def read(path: str) -> list[str]:
        document = pdfium.PdfDocument(path)
        texts = []
        for page in document:
            text = page.get_textpage()
            texts.append(text.get_text_range())
            text.close()
            page.close()
        document.close()
        return texts

    return read


def liteparse() -> Read:
    from liteparse import LiteParse

    parser = LiteParse(
        output_format="markdown",
        ocr_enabled=False,
        quiet=True,
        emit_word_boxes=True,
        extract_blocks=True,
        keep_headers_footers=True,
        image_mode="off",
        extract_links=False,
        max_pages=100_000,
    )
    return lambda path: [page.markdown for page in parser.parse(path).pages]


def pymupdf4llm() -> Read:
    import pymupdf4llm

    return lambda path: [pymupdf4llm.to_markdown(path, use_ocr=False, show_progress=False)]


def pymupdf() -> Read:
    """Not a peer: the second text engine, for the words that there are."""
    import pymupdf

    def read(path: str) -> list[str]:
        with pymupdf.open(path) as document:
            return [" ".join(word[4] for word in page.get_text("words")) for page in document]

    return read


def markitdown() -> Read:
    from markitdown import MarkItDown

    converter = MarkItDown()
    return lambda path: [converter.convert(path).text_content]


def kreuzberg() -> Read:
    import kreuzberg

    config = kreuzberg.ExtractionConfig(output_format="markdown", use_cache=False, disable_ocr=True)
    return lambda path: [kreuzberg.extract_file_sync(path, config=config).content]


def pdfplumber() -> Read:
    import pdfplumber

    def read(path: str) -> list[str]:
        with pdfplumber.open(path) as document:
            texts = []
            for page in document.pages:
                texts.append(page.extract_text())
                page.close()
            return texts

    return read


def docling() -> Read:
    from docling.document_converter import DocumentConverter

    converter = DocumentConverter()
    return lambda path: [converter.convert(path).document.export_to_markdown()]


_MAKERS = (pypdfium2, liteparse, pymupdf4llm, pymupdf, markitdown, kreuzberg, pdfplumber, docling)
PEERS = {make.__name__: make for make in _MAKERS}


def main(name: str) -> None:
    # What libraries print must not get among the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)

    def answer(body: dict[str, Any]) -> None:
        answers.write(json.dumps(body) + "\n")

    try:
        read = PEERS[name]()
        answer({"version": version(name)})
    except Exception as error:
        answer({"error": _reason(error)})
        return
    for line in sys.stdin:
        began = time.perf_counter()
        try:
            texts = read(json.loads(line)["path"])
            answer({"seconds": time.perf_counter() - began, "texts": texts})
        except Exception as error:
            answer({"error": _reason(error), "seconds": time.perf_counter() - began})


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".strip().splitlines()[0][:300]


if __name__ == "__main__":
    main(sys.argv[1])
