"""Prompts, schemas and documents as they are given: in the call, in files, through stdin."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fieldwise.cli.inputs import parse_schema, read_words

SCHEMA = {"type": "object", "properties": {"title": {"type": "string", "description": "The title."}}}


def test_a_prompt_comes_from_a_file(cli: Any, paper: str, tmp_path: Path) -> None:
    (tmp_path / "prompt.txt").write_text("Extract the title\nand the year", encoding="utf-8")
    cli.started(paper, "@prompt.txt")
    assert cli("runs", "--json").json[0]["prompt"] == "Extract the title\nand the year"


def test_two_at_signs_stand_for_one() -> None:
    assert read_words("@@home", "prompt") == "@home"


@pytest.mark.parametrize(("name", "told"), [("missing.txt", "No such file"), ("binary.txt", "not UTF-8")])
def test_a_prompt_file_that_cannot_be_read_is_named(cli: Any, paper: str, tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    called = cli("run", paper, f"@{name}")
    assert called.code == 2
    assert told in called.err


def test_a_prompt_of_100_kb_is_refused(cli: Any, paper: str, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("word " * 20_000)
    called = cli("run", paper, "@long.txt")
    assert called.code == 2
    assert "FIELDWISE_MAX_PROMPT_CHARACTERS" in called.err


def test_a_document_comes_through_stdin_and_its_copy_goes_away(
    cli: Any, paper: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    called = cli("run", "-", "Extract it", "--approve", stdin=Path(paper).read_bytes())
    assert called.json["data"]["title"] == "Loading at Scale"
    assert not list(tmp_path.glob("fieldwise-*"))
    assert "Loading at Scale" in cli("parse", "-", stdin=Path(paper).read_bytes()).out
    assert not list(tmp_path.glob("fieldwise-*"))


def test_nothing_on_stdin_is_said(cli: Any) -> None:
    called = cli("run", "-", "Extract it")
    assert called.code == 2
    assert "stdin is empty" in called.err


def test_too_much_on_stdin_is_refused(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIELDWISE_MAX_FILE_MB", "1")
    called = cli("parse", "-", stdin=b"x" * (2 << 20))
    assert called.code == 2
    assert "larger than 1 MB" in called.err


def test_stdin_is_taken_once(cli: Any) -> None:
    assert cli("run", "-", "-").code == 2
    assert cli("run", "-", "--schema", "-").code == 2
    assert cli("extract", "-", "a.md", "--agent", "x").code == 2


def test_a_run_starts_from_a_given_schema(cli: Any, paper: str, tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    called = cli("run", paper, "--schema", "schema.json", "--json")
    assert called.code == 8
    assert called.json["proposal"]["schema"] == SCHEMA
    assert called.json["proposal"]["origin"] == "given"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "line 1, column 2"),
        ("[]", "a JSON object is needed, not a list"),
        ('{"type": "object", "type": "array"}', "the key 'type' stands twice"),
        ('{"a": NaN}', "NaN is not JSON"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_schema_that_is_none_is_refused_with_the_place(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse_schema(text)


def test_a_schema_file_is_named_in_its_error(cli: Any, paper: str, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{,}")
    called = cli("run", paper, "x", "--schema", "bad.json")
    assert called.code == 2
    assert "The schema in bad.json cannot be used: not JSON" in called.err
    assert cli("run", paper, "x", "--schema", "none.json").code == 2
    assert cli("runs", "--json").json == []
