"""Our own parser keeps the contract for each kind of file that it reads; and the contract finds what it should find."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from benchmarks.parse.hostile_files import word_file

from fieldwise.errors import EmptyDocument, ParseError
from fieldwise.model import Block, Document, OnProgress, Page, WordColumns, ignore_progress
from fieldwise.parse import LocalParser
from fieldwise.parse.parser import Parser
from fieldwise.testing import ParserContract, Sample

EXAMPLES = Path(__file__).parents[2] / "examples" / "documents"


class _Local(ParserContract):
    def make_parser(self) -> Parser:
        return LocalParser()


class TestLocalParserOnPdf(_Local):
    def samples(self) -> Sequence[Sample]:
        return [
            Sample(EXAMPLES / "invoice.pdf", words=("Invoice",), boxes=True),
            Sample(EXAMPLES / "paper.pdf", words=("Observer", "Tollefsen"), boxes=True),
        ]


class TestLocalParserOnText(_Local):
    @pytest.fixture(autouse=True)
    def _files(self, tmp_path: Path) -> None:
        self.markdown = tmp_path / "a.md"
        self.markdown.write_text("# Tides\n\n| quay | height |\n| --- | --- |\n| Nordkai | 4,20 |\n\n- one\n- two\n")
        self.text = tmp_path / "b.txt"
        self.text.write_bytes("Grüße aus Tromsø\n\fDie zweite Seite".encode("utf-16"))

    def samples(self) -> Sequence[Sample]:
        return [
            Sample(self.markdown, words=("Tides", "Nordkai", "4,20")),
            Sample(self.text, words=("Grüße", "Tromsø", "zweite")),
        ]


class TestLocalParserOnOfficeFormats(_Local):
    @pytest.fixture(autouse=True)
    def _files(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def _write(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path

    def samples(self) -> Sequence[Sample]:
        text = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
        paragraphs = "".join(f"<w:p><w:r><w:t>{line}</w:t></w:r></w:p>" for line in ("Dear reader", "the tide is high"))
        return [
            Sample(self._write("a.csv", b"quay,height\nNordkai,4.20\nWestkai,3.90\n"), words=("Nordkai", "3.90")),
            Sample(
                self._write(
                    "b.html",
                    b"<!DOCTYPE html><html><body><h1>Tides</h1><table><tr><td>Nordkai</td>"
                    b"<td>4.20</td></tr></table></body></html>",
                ),
                words=("Tides", "Nordkai"),
            ),
            Sample(
                self._write(
                    "c.eml",
                    b"From: ada@example.com\r\nTo: kim@example.com\r\nSubject: Tides\r\n"
                    b"MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nThe tide is high.\r\n",
                ),
                words=("Tides", "tide"),
            ),
            Sample(self._write("d.rtf", rb"{\rtf1\ansi The tide is high\par at Nordkai}"), words=("tide", "Nordkai")),
            Sample(
                self._write(
                    "e.docx",
                    word_file(f'<w:document xmlns:w="{text}"><w:body>{paragraphs}</w:body></w:document>'),
                ),
                words=("reader", "tide"),
            ),
        ]


class LineParser:
    """Reads a text as one page; `spoil` changes the page, as a parser with a fault would."""

    name = "lines/1"

    def __init__(self, **spoil: Any) -> None:
        self.spoil = spoil

    async def parse(self, path: Path, on_progress: OnProgress = ignore_progress) -> Document:
        try:
            data = path.read_bytes()  # noqa: ASYNC240  # small, and nothing else waits
            text = data.decode()
        except (OSError, UnicodeDecodeError) as error:
            raise ParseError(f"{path} cannot be read: {error}", next_step="Name a text.") from None
        if not text:
            raise EmptyDocument(f"{path} is empty.", next_step="Name another file.")
        page = Page(number=1, markdown=text).model_copy(update=self.spoil)
        return Document(
            id=hashlib.sha256(data).hexdigest(),
            media_type="text/plain",
            name=path.name,
            parser=self.name,
            pages=(page,),
        )

    async def aclose(self) -> None:
        return None


class _Lines(ParserContract):
    def __init__(self, path: Path, parser: LineParser) -> None:
        self.path, self.parser = path, parser

    def make_parser(self) -> Parser:
        return self.parser

    def samples(self) -> Sequence[Sample]:
        return [Sample(self.path, words=("word",))]


def _failed(contract: ParserContract) -> list[str]:
    failed = []
    for name in sorted(dir(contract)):
        if name.startswith("test_"):
            try:
                getattr(contract, name)()
            except AssertionError:
                failed.append(name)
    return failed


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "words.txt"
    path.write_text("word for word")
    return path


def test_the_parser_of_the_docs_meets_the_contract(tmp_path: Path) -> None:
    page = (EXAMPLES.parents[1] / "docs" / "plugins.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    exec(page.split("```python\n")[1].split("```")[0], names)  # noqa: S102  # our own docs
    path = tmp_path / "harbor.log"
    path.write_text("09:15 a word from the harbor\n\n10:00 another day")
    assert _failed(_Lines(path, names["LogParser"]())) == []


def test_a_parser_of_ten_lines_meets_the_contract(file: Path) -> None:
    assert _failed(_Lines(file, LineParser())) == []


@pytest.mark.parametrize(
    ("spoil", "finds"),
    [
        ({"number": 2}, "test_pages_count_from_1_without_a_gap"),
        ({"markdown": "nothing"}, "test_every_word_of_the_samples_is_in_the_markdown_and_among_the_words"),
        (
            {"word_columns": WordColumns(texts=("word",), boxes=(0.5, 0.5, 0.6, 0.1), spans=(0, 4))},
            "test_boxes_lie_on_the_page",
        ),
        ({"word_columns": WordColumns(texts=("word",), spans=(5, 8))}, "test_spans_show_their_words"),
        ({"blocks": (Block(kind="paragraph", span=(0, 99)),)}, "test_blocks_tables_and_cells_fit_the_markdown"),
    ],
)
def test_a_faulty_page_is_found_by_the_test_of_its_fault(file: Path, spoil: dict[str, Any], finds: str) -> None:
    assert finds in _failed(_Lines(file, LineParser(**spoil)))


def test_a_parser_that_reads_another_file_or_swallows_errors_is_found(file: Path) -> None:
    class Careless(LineParser):
        async def parse(self, path: Path, on_progress: OnProgress = ignore_progress) -> Document:
            return await super().parse(file, on_progress)

    assert {
        "test_a_missing_file_is_a_parse_error_that_says_what_to_do",
        "test_a_folder_is_a_parse_error_that_says_what_to_do",
        "test_an_empty_file_is_a_parse_error_that_says_what_to_do",
    } <= set(_failed(_Lines(file, Careless())))


def test_a_parser_that_leaves_files_behind_is_found(file: Path) -> None:
    class Untidy(LineParser):
        async def parse(self, path: Path, on_progress: OnProgress = ignore_progress) -> Document:
            if path.is_file():  # noqa: ASYNC240  # small, and nothing else waits
                (path.parent / "left.tmp").write_text("x")
            return await super().parse(path, on_progress)

    assert "test_the_file_and_its_folder_are_left_as_they_were" in _failed(_Lines(file, Untidy()))
