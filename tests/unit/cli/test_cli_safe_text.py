"""What documents, models and file names say is shown, never obeyed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldwise.cli.console.safe import dump_json, one_line, safe
from fieldwise.cli.console.secrets import without_password

HOSTILE = (
    "[red]x[/] \x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b2J a\rb \u202egnp.exe \u2066iso\u2069 \U000e0041 \ufeff \x00"
)
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\U000e0041]")


def test_control_characters_are_shown_as_escapes() -> None:
    assert safe("a\x1b[31mb") == "a\\x1b[31mb"
    assert safe("\u202egnp.exe") == "\\u202egnp.exe"
    assert safe("\x9b2J") == "\\x9b2J"
    assert safe("tab\tline\nkept") == "tab\tline\nkept"
    assert safe("\U000e0041") == "\\U000e0041"
    assert safe("\ud800") == "\\ud800"


def test_scripts_that_need_joiners_are_left_alone() -> None:
    persian, family, accents = "می\u200cخواهم", "👨\u200d👩\u200d👧", "Zoë naïve"
    assert safe(persian) == persian
    assert safe(family) == family
    assert safe(accents) == accents


def test_one_line_is_one_line() -> None:
    assert one_line("  a\n\n b\t c ") == "a b c"
    assert one_line("abcdef", 4) == "abc…"
    assert one_line("line\u2028break") == "line break"


@given(st.text())
def test_nothing_that_a_terminal_obeys_comes_through(text: str) -> None:
    assert not OBEYED.search(safe(text))
    assert not OBEYED.search(one_line(text))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json_values, st.booleans())
def test_json_is_harmless_and_keeps_its_value(value: Any, compact: bool) -> None:
    text = dump_json(value, compact=compact)
    assert not OBEYED.search(text)
    assert json.loads(text) == value
    text.encode("utf-8")


def test_numbers_that_json_has_not_are_written_as_text() -> None:
    assert json.loads(dump_json({"a": [float("nan"), float("-inf"), 1.5]})) == {"a": ["nan", "-inf", 1.5]}


def test_passwords_in_urls_are_not_shown() -> None:
    assert without_password("postgresql://me:s3cret@host/db") == "postgresql://me:***@host/db"
    assert without_password("http://h/v1?api_key=abc&x=1") == "http://h/v1?api_key=***&x=1"
    assert without_password("sqlite:////home/me/a.db") == "sqlite:////home/me/a.db"


@pytest.fixture
def hostile_schema(tmp_path: Path) -> str:
    """A schema with names and words that would color, hide and turn around what is on the screen."""
    schema = {
        "type": "object",
        "properties": {
            f"na{HOSTILE}me": {"type": "string", "description": HOSTILE, "enum": [HOSTILE]},
            "title": {"type": "string", "description": "[bold]not bold[/bold] :smile:"},
        },
    }
    (tmp_path / "schema.json").write_text(json.dumps(schema), encoding="utf-8")
    return "schema.json"


def test_a_hostile_document_schema_and_file_name_cannot_reach_the_terminal(
    cli: Any, tmp_path: Path, hostile_schema: str
) -> None:
    name = "in\x1b[2Jvoice\u202e.md"
    (tmp_path / name).write_text(f"Title: {HOSTILE[:-1]}\n", encoding="utf-8")
    run_id = cli.started(name, "want \x1b[8mhidden", "--schema", hostile_schema)
    calls = [
        cli("runs"),
        cli("review"),
        cli("show", run_id),
        cli("show", run_id, "--json"),
        cli("show", run_id, "--journal"),
        cli("show", run_id, "--schema-version", "1"),
        cli("decide", run_id, "revise", "words \x1b[31m \u202e"),
        cli("decide", run_id, "approve"),
        cli("show", run_id),
        cli("agents", "list"),
        cli("agents", "rename", cli("agents", "list", "--json").json[0]["id"], "evil \x1b[31m name"),
        cli("agents", "show", "evil \x1b[31m name"),
        cli("run", "mis\x1b[31msing", "x"),
        cli("show", "\x1b[31m"),
        cli("decide", run_id, "\x1b[31m"),
        cli("\x1b[31m"),
    ]
    for called in calls:
        assert not OBEYED.search(called.out), called
        assert not OBEYED.search(called.err), called


def test_markup_is_printed_and_not_interpreted(cli: Any, paper: str, hostile_schema: str) -> None:
    run_id = cli.started(paper, "[red]prompt[/red]", "--schema", hostile_schema)
    shown = cli("show", run_id).out
    assert "[red]prompt[/red]" in shown
    assert "[bold]not bold[/bold]" in shown
    assert ":smile:" in shown


def test_markdown_goes_to_a_file_as_it_is(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "odd.md").write_text("left \u202eright\n", encoding="utf-8")
    assert "left \u202eright" in cli("parse", "odd.md").out  # a pipe gets the data itself
    cli("parse", "odd.md", "-o", "odd.out")
    assert "left \u202eright" in (tmp_path / "odd.out").read_text(encoding="utf-8")
