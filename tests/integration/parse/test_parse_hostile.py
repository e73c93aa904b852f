"""Every file made to harm its reader ends in a Document or in one of our errors, and the parser reads on."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from benchmarks.parse.hostile_files import MAKERS

from fieldwise.errors import MissingExtra, ParseError, ParseLimit
from fieldwise.model import Document
from fieldwise.parse import LocalParser
from fieldwise.registry import make
from fieldwise.settings import Settings

# What must not be read whatever it costs, by the code of the error; the others may be read or refused.
REFUSED = {
    "flate_bomb.pdf": {"parse_limit"},
    "flate_bomb_in_a_bomb.pdf": {"parse_limit"},
    "recursive_forms.pdf": {"parse_limit"},
    "ten_thousand_pages.pdf": {"parse_limit"},
    "pdf_cut_off.pdf": {"document_damaged"},
    "pdf_of_noise.pdf": {"document_damaged"},
    "word_entity_bomb.docx": {"parse_failed", "document_damaged"},
    "word_reads_a_file.docx": {"parse_failed", "document_damaged"},
    "word_zip_bomb.docx": {"parse_limit"},
    "word_nested_deep.docx": {"document_damaged", "parse_limit"},
    "zip_of_100000_names.docx": {"parse_limit"},
    "picture_of_4_gigapixels.png": {"parse_limit"},
}


@pytest.mark.parametrize("name", MAKERS)
async def test_a_hostile_file_is_read_or_refused_and_the_next_one_is_read(
    name: str, make_parser: Callable[..., LocalParser], tmp_path: Path
) -> None:
    parser = make_parser(memory_mb=1024, timeout_seconds=60)
    bad, good = tmp_path / name, tmp_path / "good.txt"
    bad.write_bytes(MAKERS[name]())
    good.write_text("Hello")
    (found,) = await asyncio.gather(parser.parse(bad), return_exceptions=True)
    if isinstance(found, Document):
        assert name not in REFUSED
        assert found.word_count
        assert "root:" not in found.markdown, "a file of the machine was read"
    else:
        assert isinstance(found, ParseError | MissingExtra), repr(found)
        assert found.next_step
        assert found.code in REFUSED.get(name, {found.code})
    assert (await parser.parse(good)).markdown == "Hello"


async def test_a_name_that_leads_out_of_an_archive_writes_nothing(
    make_parser: Callable[..., LocalParser], tmp_path: Path
) -> None:
    path = tmp_path / "archive.docx"
    path.write_bytes(MAKERS["word_with_paths_out.docx"]())
    document = await make_parser().parse(path)
    assert document.markdown.strip() == "Hello"
    assert os.listdir(tmp_path) == [path.name]
    assert "fieldwise-was-here" not in os.listdir("/")


async def test_more_output_than_the_limit_names_its_setting(
    make_parser: Callable[..., LocalParser], tmp_path: Path
) -> None:
    parser = make_parser(output_mb=1)
    path = tmp_path / "long.txt"
    path.write_text("word\n\n" * 300_000)
    with pytest.raises(ParseLimit, match=r"more than 1 MB.*FIELDWISE_PARSE_OUTPUT_MB") as caught:
        await parser.parse(path)
    assert caught.value.fields["limit"] == "parse_output_mb"
    path.write_text("Hello")
    assert (await parser.parse(path)).markdown == "Hello", "the pool lives on"


@pytest.mark.parametrize(
    ("settings", "limit"),
    [
        ({"max_file_mb": 1}, "max_file_mb"),
        ({"max_pages": 2}, "max_pages"),
        ({"parse_output_mb": 1}, "parse_output_mb"),
        ({"parse_timeout_seconds": 0.001}, "parse_timeout_seconds"),
    ],
)
async def test_a_limit_that_is_set_reaches_the_reading_process(
    settings: dict[str, Any], limit: str, tmp_path: Path
) -> None:
    path = tmp_path / "long.txt"
    path.write_text("\f".join(["word\n\n" * 100_000] * 3))
    parser = make("parser", "local", Settings(**settings))
    try:
        with pytest.raises(ParseLimit) as caught:
            await parser.parse(path)
    finally:
        await parser.aclose()
    assert caught.value.fields["limit"] == limit


async def test_the_number_of_processes_is_a_setting(tmp_path: Path) -> None:
    parser = make("parser", "local", Settings(parse_processes=1))
    assert parser._at_once == 1
    await parser.aclose()


def _command(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fieldwise", "parse", *arguments],
        env={**os.environ, "FIELDWISE_STORE": f"sqlite:///{folder / 'runs.db'}", **variables},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_could_not_be_read_is_shown_by_the_command_beside_the_text_and_in_json(tmp_path: Path, pdf: Any) -> None:
    (tmp_path / "latin.txt").write_bytes("Straße in Tromsø".encode("latin-1"))
    shown = _command(tmp_path, "latin.txt")
    assert (shown.returncode, shown.stdout) == (0, "Straße in Tromsø\n")
    assert "[encoding_guessed]" in shown.stderr
    for _ in range(2):  # also where the document comes from the store
        parsed = json.loads(_command(tmp_path, "latin.txt", "--json").stdout)
        assert [issue["code"] for issue in parsed["issues"]] == ["encoding_guessed"]
        assert parsed["issues"][0]["message"]


def test_a_limit_is_shown_by_the_command_with_its_setting(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("word\n\n" * 300_000)
    told = _command(tmp_path, "long.txt", FIELDWISE_PARSE_OUTPUT_MB="1")
    assert (told.returncode, told.stdout) == (1, "")
    assert "FIELDWISE_PARSE_OUTPUT_MB" in told.stderr
    body = json.loads(_command(tmp_path, "long.txt", "--json", FIELDWISE_PARSE_OUTPUT_MB="1").stdout)
    assert body["error"]["code"] == "parse_limit"
