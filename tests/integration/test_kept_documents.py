"""A file is read once for each content and parser: the second time it is looked up."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from pathlib import Path

import pytest

import fieldwise as fw
from fieldwise.errors import ParseError
from fieldwise.model import Document, OnProgress, Progress, ignore_progress
from fieldwise.parse import LocalParser, local
from harness import PROMPT, TEXT, TextParser, scripted


class CountingParser(TextParser):
    def __init__(self, name: str = "counting/1") -> None:
        super().__init__()
        self.name = name
        self.read: list[str] = []

    async def parse(self, path: Path, on_progress: OnProgress = ignore_progress) -> Document:
        self.read.append(path.name)
        return (await super().parse(path, on_progress)).model_copy(update={"parser": self.name})


def client(folder: Path, parser: CountingParser) -> fw.Fieldwise:
    return fw.Fieldwise(store=folder / "runs.db", parser=parser, model=scripted())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "work.txt"
    path.write_text(TEXT)
    return path


def _rows(folder: Path) -> list[tuple[str, str]]:
    connection = sqlite3.connect(folder / "runs.db")
    try:
        return connection.execute("SELECT id, parser FROM documents ORDER BY parser").fetchall()
    finally:
        connection.close()


async def test_the_same_bytes_are_read_once_also_under_another_name_and_by_another_process(
    file: Path, tmp_path: Path
) -> None:
    parser = CountingParser()
    async with client(tmp_path, parser) as first:
        once = await first.aparse(file)
        assert await first.aparse(file) == once
    copy = tmp_path / "copy.txt"
    shutil.copy(file, copy)
    async with client(tmp_path, parser) as second:
        again = await second.aparse(copy)
    assert parser.read == ["work.txt"]
    assert (again.id, again.pages, again.name) == (once.id, once.pages, "copy.txt")
    assert len(_rows(tmp_path)) == 1


async def test_changed_bytes_are_read_anew(file: Path, tmp_path: Path) -> None:
    parser = CountingParser()
    async with client(tmp_path, parser) as it:
        before = await it.aparse(file)
        file.write_text(TEXT + "One line more\n")  # noqa: ASYNC240  # small, and nothing else waits
        after = await it.aparse(file)
    assert len(parser.read) == 2
    assert before.id != after.id
    assert "One line more" in after.markdown


async def test_another_version_of_the_parser_reads_anew_and_both_are_kept(file: Path, tmp_path: Path) -> None:
    old, new = CountingParser("counting/1"), CountingParser("counting/2")
    for parser in (old, new, old, new):
        async with client(tmp_path, parser) as it:
            assert (await it.aparse(file)).parser == parser.name
    assert (len(old.read), len(new.read)) == (1, 1)
    assert [parser for _, parser in _rows(tmp_path)] == ["counting/1", "counting/2"]


async def test_a_run_looks_up_what_was_parsed_and_the_other_way_round(file: Path, tmp_path: Path) -> None:
    parser = CountingParser()
    other = tmp_path / "other.txt"
    other.write_text("Another text")
    async with client(tmp_path, parser) as it:
        await it.aparse(file)
        await it.astart(file, PROMPT)
        await it.astart(other, PROMPT)
        await it.aparse(other)
    assert parser.read == ["work.txt", "other.txt"]


async def test_what_cannot_be_read_is_not_kept_and_tried_again(tmp_path: Path) -> None:
    class Failing(CountingParser):
        async def parse(self, path: Path, on_progress: OnProgress = ignore_progress) -> Document:
            self.read.append(path.name)
            raise ParseError("No.", next_step="Try again.")

    parser = Failing()
    file = tmp_path / "bad.txt"
    file.write_text("x")
    async with client(tmp_path, parser) as it:
        for _ in range(2):
            with pytest.raises(ParseError):
                await it.aparse(file)
    assert len(parser.read) == 2
    assert _rows(tmp_path) == []


async def test_a_store_that_cannot_be_used_is_told_and_does_not_stop_the_reading(file: Path, tmp_path: Path) -> None:
    (tmp_path / "runs.db").write_bytes(b"this is no database" * 100)
    told: list[Progress] = []
    async with client(tmp_path, CountingParser()) as it:
        document = await it.aparse(file, on_event=told.append)
    assert document.markdown == TEXT
    assert any("without the store" in progress.message for progress in told)


async def test_two_at_once_keep_one(file: Path, tmp_path: Path) -> None:
    async with client(tmp_path, CountingParser()) as it:
        first, second = await asyncio.gather(it.aparse(file), it.aparse(file))
    assert first == second
    assert len(_rows(tmp_path)) == 1


def test_the_local_parsers_name_has_its_version_and_those_of_the_libraries_that_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = LocalParser().name
    monkeypatch.setattr(local, "VERSION", local.VERSION + 1)
    assert LocalParser().name != before
    monkeypatch.undo()
    versions = {"liteparse": "2.18.0"}
    monkeypatch.setattr(local, "_version", versions.get)
    assert LocalParser().name == f"local/{local.VERSION} liteparse/2.18.0"
    versions["rapidocr"] = "3.10.0"
    assert LocalParser().name == f"local/{local.VERSION} liteparse/2.18.0 rapidocr/3.10.0", "OCR was installed since"
