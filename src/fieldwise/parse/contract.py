"""What every parser keeps, as tests: subclass `ParserContract` in your own test suite (see docs/plugins.md).

The methods are plain tests that any runner of `test_*` methods takes, pytest first of all; nothing else is needed.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from fieldwise.errors import ParseError
from fieldwise.model import Document, OnProgress, Page, Progress, ignore_progress
from fieldwise.model.document import Box, Span

from .parser import Parser

T = TypeVar("T")

_SIGNS = re.compile(r"[\W_]+")
_EDGE = 1e-4


class Sample(NamedTuple):
    """A file that the parser reads, words that stand in it, and whether the format tells where on the page."""

    path: Path
    words: tuple[str, ...]
    boxes: bool = False


class ParserContract:
    """Subclass, and say how the parser is made and which files it reads.

    class TestMyParser(ParserContract):
        def make_parser(self):
            return MyParser()

        def samples(self):
            return [Sample(Path("tests/files/letter.xyz"), words=("Dear", "reader"))]
    """

    def make_parser(self) -> Parser:
        """Return a new parser; it is closed after each test."""
        raise NotImplementedError("say how the parser is made")

    def samples(self) -> Sequence[Sample]:
        """Return at least one file of each format that the parser reads."""
        raise NotImplementedError("name files that the parser reads")

    # What a Document promises

    def test_it_has_what_the_protocol_asks_for(self) -> None:
        parser = self.make_parser()
        _check(isinstance(parser, Parser), f"{type(parser).__name__} lacks one of: name, parse, aclose")
        _check(bool(parser.name.strip()), "the name is empty")
        _check(parser.name == self.make_parser().name, "two parsers of the same settings have different names")
        self._run(_nothing)

    def test_the_document_is_named_by_its_content_and_by_who_read_it(self) -> None:
        for sample, document in self._documents():
            digest = hashlib.sha256(sample.path.read_bytes()).hexdigest()
            _check(document.id == digest, f"{sample.path}: the id is not the sha256 of the file's bytes")
            _check(
                document.parser == self.make_parser().name, f"{sample.path}: Document.parser is not the parser's name"
            )
            _check("/" in document.media_type, f"{sample.path}: {document.media_type!r} is no media type")

    def test_pages_count_from_1_without_a_gap(self) -> None:
        for sample, document in self._documents():
            numbers = [page.number for page in document.pages]
            _check(numbers == list(range(1, len(numbers) + 1)) and bool(numbers), f"{sample.path}: pages {numbers}")

    def test_every_word_of_the_samples_is_in_the_markdown_and_among_the_words(self) -> None:
        for sample, document in self._documents():
            words = {word.text for page in document.pages for word in page.words}
            for word in sample.words:
                _check(word in document.markdown, f"{sample.path}: {word!r} is not in the markdown")
                _check(any(word in text for text in words), f"{sample.path}: {word!r} is not among the words")

    def test_boxes_lie_on_the_page(self) -> None:
        for sample, page in self._pages():
            where = f"{sample.path}, page {page.number}"
            for word in page.words:
                if word.box is not None:
                    _check(_on_page(word.box), f"{where}: the box of {word.text!r} is {word.box}")
                _check(word.box is not None or not sample.boxes, f"{where}: {word.text!r} has no box")
            boxes = [block.box for block in page.blocks] + [cell.box for table in page.tables for cell in table.cells]
            for box in boxes:
                _check(box is None or _on_page(box), f"{where}: a block or cell has the box {box}")
            if sample.boxes:
                _check(page.width > 0 and page.height > 0, f"{where}: {page.width} by {page.height} points")

    def test_spans_show_their_words(self) -> None:
        for sample, page in self._pages():
            for word in page.words:
                if word.span is not None:
                    shown = _shown(page, word.span)
                    same = _letters(shown) == _letters(word.text)
                    _check(same, f"{sample.path}, page {page.number}: {word.text!r} is shown as {shown!r}")
                    found = page.words_between(*word.span)
                    _check(word in found, f"{sample.path}, page {page.number}: the way back from {word.span} misses it")

    def test_blocks_tables_and_cells_fit_the_markdown(self) -> None:
        for sample, page in self._pages():
            where = f"{sample.path}, page {page.number}"
            starts = [block.span[0] for block in page.blocks]
            _check(starts == sorted(starts), f"{where}: blocks are not in the order of the markdown")
            for block in page.blocks:
                _shown(page, block.span)
                if block.table is not None:
                    _check(0 <= block.table < len(page.tables), f"{where}: a block names table {block.table}")
            for table in page.tables:
                for cell in table.cells:
                    inside = cell.row + cell.row_span <= table.rows and cell.column + cell.column_span <= table.columns
                    _check(inside and cell.row >= 0 and cell.column >= 0, f"{where}: {cell} is outside its table")
                    if cell.span is not None:
                        _shown(page, cell.span)

    def test_a_document_is_the_same_after_it_was_stored(self) -> None:
        for sample, document in self._documents():
            again = Document.model_validate_json(document.model_dump_json())
            _check(again == document, f"{sample.path}: JSON does not bring back the same Document")

    # How it behaves

    def test_reading_a_file_again_gives_the_same(self) -> None:
        for sample in self.samples():

            async def twice(parser: Parser, path: Path = sample.path) -> bool:
                return await parser.parse(path) == await parser.parse(path)

            _check(self._run(twice), f"{sample.path}: two readings differ")

    def test_several_files_are_read_at_once(self) -> None:
        paths = [sample.path for sample in self.samples()] * 3

        async def together(parser: Parser) -> list[Document]:
            return await asyncio.gather(*map(parser.parse, paths))

        for path, document in zip(paths, self._run(together), strict=True):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            _check(document.id == digest, f"{path}: read beside others, it gave another file's Document")

    def test_progress_is_told_as_progress(self) -> None:
        told: list[object] = []

        async def read(parser: Parser) -> Document:
            return await parser.parse(self.samples()[0].path, told.append)

        self._run(read)
        _check(all(isinstance(what, Progress) for what in told), "on_progress was given something else than Progress")

    def test_the_file_and_its_folder_are_left_as_they_were(self) -> None:
        for sample in self.samples():
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / sample.path.name
                path.write_bytes(sample.path.read_bytes())
                self._read(path)
                _check(list(Path(folder).iterdir()) == [path], f"{sample.path}: reading it left files beside it")
                _check(path.read_bytes() == sample.path.read_bytes(), f"{sample.path}: reading it changed it")

    def test_a_cancelled_reading_leaves_the_parser_usable(self) -> None:
        path = self.samples()[0].path

        async def cancel_and_read(parser: Parser) -> Document:
            reading = asyncio.ensure_future(parser.parse(path))
            await asyncio.sleep(0.01)
            reading.cancel()
            await asyncio.wait([reading])
            return await parser.parse(path)

        _check(bool(self._run(cancel_and_read).pages), f"{path}: nothing was read after a cancelled reading")

    def test_a_closed_parser_can_be_used_and_closed_again(self) -> None:
        path = self.samples()[0].path

        async def close_and_read(parser: Parser) -> Document:
            await parser.aclose()
            document = await parser.parse(path)
            await parser.aclose()
            await parser.aclose()
            return document

        _check(bool(self._run(close_and_read).pages), f"{path}: nothing was read after aclose")

    # What it does with files that cannot be read

    def test_a_missing_file_is_a_parse_error_that_says_what_to_do(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            self._refuses(Path(folder) / "nowhere.pdf")

    def test_a_folder_is_a_parse_error_that_says_what_to_do(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            self._refuses(Path(folder))

    def test_an_empty_file_is_a_parse_error_that_says_what_to_do(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "empty"
            path.touch()
            self._refuses(path)

    def test_damaged_and_foreign_files_are_read_or_refused_and_nothing_else(self) -> None:
        noise = b"\x00\xff\xfe\x01" + b"".join(hashlib.sha256(bytes([n])).digest() for n in range(64))
        cut = [sample.path.read_bytes() for sample in self.samples()]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "file"
            for data in [noise, *(data[: len(data) // 2] for data in cut if len(data) > 1)]:
                path.write_bytes(data)
                try:
                    self._read(path)
                except ParseError as error:
                    _check_error(error, path)

    # Helpers

    def _run(self, work: Callable[[Parser], Awaitable[T]]) -> T:
        async def run() -> T:
            parser = self.make_parser()
            try:
                return await work(parser)
            finally:
                await parser.aclose()

        return asyncio.run(run())

    def _read(self, path: Path, on_progress: OnProgress = ignore_progress) -> Document:
        async def read(parser: Parser) -> Document:
            return await parser.parse(path, on_progress)

        return self._run(read)

    def _documents(self) -> list[tuple[Sample, Document]]:
        samples = list(self.samples())
        _check(bool(samples), "samples() names no file")

        async def read(parser: Parser) -> list[Document]:
            return [await parser.parse(sample.path) for sample in samples]

        return list(zip(samples, self._run(read), strict=True))

    def _pages(self) -> list[tuple[Sample, Page]]:
        return [(sample, page) for sample, document in self._documents() for page in document.pages]

    def _refuses(self, path: Path) -> None:
        try:
            self._read(path)
        except ParseError as error:
            _check_error(error, path)
        else:
            raise AssertionError(f"{path} was read, where a ParseError was due")


async def _nothing(parser: Parser) -> None:
    return None


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise AssertionError(message)


def _check_error(error: ParseError, path: Path) -> None:
    _check(bool(error.message.strip()), f"{path}: the error has no message")
    _check(bool(error.next_step.strip()), f"{path}: the error does not say what to do next: {error.message}")


def _on_page(box: Box) -> bool:
    x, y, w, h = box
    return min(x, y, w, h) >= 0 and x + w <= 1 + _EDGE and y + h <= 1 + _EDGE


def _shown(page: Page, span: Span) -> str:
    start, end = span
    inside = 0 <= start <= end <= len(page.markdown)
    _check(
        inside, f"page {page.number}: the span {span} is outside the {len(page.markdown)} characters of its markdown"
    )
    return page.markdown[start:end]


def _letters(text: str) -> str:
    return _SIGNS.sub("", text).casefold()
