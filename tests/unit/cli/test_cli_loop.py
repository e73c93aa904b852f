"""The loop from scripts: run, decide, review, show, runs; and extraction without a loop."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

SCHEMA = {
    "type": "object",
    "properties": {"title": {"type": "string", "description": "The title."}},
    "required": ["title"],
}
EXTRACTION = {
    "run_id",
    "agent_id",
    "schema_version",
    "status",
    "data",
    "citations",
    "confidence",
    "issues",
    "usage",
}


@pytest.fixture
def schema_file(tmp_path: Path) -> str:
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    return "schema.json"


def test_a_script_revises_edits_and_approves(cli: Any, paper: str, schema_file: str) -> None:
    run_id = cli.started(paper, "Extract it")
    revised = cli("decide", run_id, "revise", "drop the year", "--version", "1", "--json")
    assert revised.code == 8
    assert revised.json["proposal"]["version"] == 2
    assert revised.json["proposal"]["feedback"] == "drop the year"
    assert list(revised.json["proposal"]["schema"]["properties"]) == ["title", "authors"]

    assert cli("decide", run_id, "edit", schema_file, "--version", "2").code == 8
    approved = cli("decide", run_id, "approve", "--version", "3")
    assert approved.code == 0
    assert set(approved.json) == EXTRACTION
    assert approved.json["data"] == {"title": "Loading at Scale"}
    assert approved.json["schema_version"] == 3


def test_a_stale_decision_is_refused_and_the_newer_version_named(cli: Any, paper: str) -> None:
    run_id = cli.started(paper, "Extract it")
    cli("decide", run_id, "revise", "drop the year")
    called = cli("decide", run_id, "approve", "--version", "1")
    assert called.code == 1
    assert "decision_stale" in called.err
    assert "ersion 2" in called.err
    assert cli("show", run_id, "--json").json["status"] == "awaiting_review"


def test_feedback_comes_from_a_file_or_stdin(cli: Any, paper: str, tmp_path: Path) -> None:
    run_id = cli.started(paper, "Extract it")
    (tmp_path / "words.txt").write_text("drop the year")
    assert cli("decide", run_id, "revise", "@words.txt").code == 8
    assert cli("decide", run_id, "revise", "-", stdin=b"add the publisher").code == 8
    fields = cli("show", run_id, "--json").json["proposal"]["schema"]["properties"]
    assert list(fields) == ["title", "authors", "publisher"]


def test_an_edit_that_is_no_schema_changes_nothing(cli: Any, paper: str, tmp_path: Path) -> None:
    run_id = cli.started(paper, "Extract it")
    (tmp_path / "bad.json").write_text('{"type": "array"}')
    called = cli("decide", run_id, "edit", "bad.json")
    assert called.code == 2
    assert "schema_invalid" in called.err
    assert cli("show", run_id, "--json").json["proposal"]["version"] == 1


def test_a_finished_run_takes_no_decision(cli: Any, paper: str) -> None:
    run_id = cli("run", paper, "Extract it", "--approve").json["run_id"]
    called = cli("decide", run_id, "approve", "--version", "1")
    assert called.code == 1
    assert called.out == ""


def test_the_beginning_of_an_id_is_enough(cli: Any, paper: str) -> None:
    run_id = cli.started(paper, "Extract it")
    assert cli("show", run_id[:12], "--json").json["run_id"] == run_id


def test_runs_are_listed_newest_first_as_the_contract_has_them(cli: Any, paper: str) -> None:
    first = cli.started(paper, "One")
    time.sleep(0.002)  # ids and times count in milliseconds
    second = cli.started(paper, "Two")
    listed = cli("runs", "--json").json
    assert [run["run_id"] for run in listed] == [second, first]
    assert {"run_id", "status", "documents", "prompt", "created_at"} <= set(listed[0])
    assert [run["prompt"] for run in cli("runs", "--json", "--limit", "1").json] == ["Two"]
    assert cli("runs", "--json", "--status", "completed").json == []
    table = cli("runs").out
    assert first in table
    assert second in table


def test_without_runs_the_list_says_how_to_start_one(cli: Any) -> None:
    called = cli("runs")
    assert (called.code, called.out) == (0, "")
    assert "fieldwise run FILE" in called.err
    assert cli("runs", "--quiet").err == ""


def test_show_has_the_proposal_while_it_waits_and_the_extraction_once_it_is_done(cli: Any, paper: str) -> None:
    run_id = cli.started(paper, "Extract it")
    waiting = cli("show", run_id, "--json").json
    assert waiting["status"] == "awaiting_review"
    assert {"version", "schema", "evidence", "feedback"} <= set(waiting["proposal"])
    assert waiting["proposal"]["evidence"][0]["citation"]["page"] == 1
    text = cli("show", run_id)
    assert "Loading at Scale  p.\u00a01" in text.out
    assert f"fieldwise review {run_id}" in text.err

    done = cli("decide", run_id, "approve").json
    shown = cli("show", run_id, "--json").json
    assert {key: shown[key] for key in done if key != "status"} == {k: v for k, v in done.items() if k != "status"}
    assert shown["extraction_status"] == done["status"]
    assert shown["status"] == "completed"
    assert "proposal" not in shown
    assert "exact" in cli("show", run_id).out


def test_show_has_each_version_and_the_journal(cli: Any, paper: str) -> None:
    run_id = cli.started(paper, "Extract it")
    cli("decide", run_id, "revise", "drop the year")
    assert cli("show", run_id, "--schema-version", "1", "--json").json["version"] == 1
    assert "Version 2" in cli("show", run_id, "--schema-version", "2").out
    missing = cli("show", run_id, "--schema-version", "9")
    assert missing.code == 2
    assert "versions 1 to 2" in missing.err
    events = cli("show", run_id, "--journal", "--json").json
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert "decision.made" in [event["type"] for event in events]
    assert "decision.made" in cli("show", run_id, "--journal").out


def test_review_lists_what_waits_and_what_stopped(cli: Any, paper: str, tmp_path: Path) -> None:
    assert cli("review").code == 0
    waiting = cli.started(paper, "Extract it")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7\n")
    cli("run", "broken.pdf", "Extract it")
    cli("run", paper, "Done", "--approve")
    listed = cli("review", "--json").json
    assert [run["status"] for run in listed] == ["awaiting_review", "failed"]
    told = cli("review")
    assert waiting in told.out
    assert f"fieldwise review {waiting}" in told.err


def test_review_of_a_waiting_run_without_a_terminal_is_exit_8(cli: Any, paper: str) -> None:
    run_id = cli.started(paper, "Extract it")
    called = cli("review", run_id)
    assert called.code == 8
    assert f"fieldwise decide {run_id} approve --version 1" in called.err


def test_review_of_a_finished_run_prints_its_result(cli: Any, paper: str) -> None:
    done = cli("run", paper, "Extract it", "--approve")
    again = cli("review", done.json["run_id"])
    assert (again.code, again.json) == (0, done.json)


def test_review_takes_up_a_failed_run(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "later.pdf").write_bytes(b"%PDF-1.7\n")
    assert cli("run", "later.pdf", "Extract it").code == 1
    run_id = cli("runs", "--json").json[0]["run_id"]
    assert "error" in cli("show", run_id, "--json").json
    assert cli("review", run_id).code == 1
    (tmp_path / "later.pdf").write_text("Title: Mended\n")
    assert cli("review", run_id).code == 8
    assert cli("decide", run_id, "approve").json["data"]["title"] == "Mended"


def test_one_file_through_a_schema(cli: Any, paper: str, schema_file: str) -> None:
    called = cli("extract", paper, "--schema", schema_file)
    assert called.code == 0
    assert set(called.json) == EXTRACTION
    assert called.json["data"] == {"title": "Loading at Scale"}


def test_several_files_through_an_agent_give_a_line_each(cli: Any, paper: str, tmp_path: Path) -> None:
    agent = cli("run", paper, "Extract it", "--approve").json["agent_id"]
    (tmp_path / "torn.md").write_text("Title: Half\n\ntorn\n")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7\n")
    whole = cli("extract", paper, "torn.md", "--agent", agent)
    assert whole.code == 5
    assert [line["file"] for line in whole.lines] == [paper, "torn.md"]
    assert [line["status"] for line in whole.lines] == ["complete", "incomplete"]
    mixed = cli("extract", "broken.pdf", paper, "--agent", agent)
    assert mixed.code == 1
    assert mixed.lines[0]["error"]["code"]
    assert mixed.lines[1]["status"] == "complete"
    assert "2 files: 1 extracted, 0 incomplete, 1 failed" in mixed.err


def test_the_form_follows_the_file_s_name_or_the_flag(cli: Any, paper: str, schema_file: str, tmp_path: Path) -> None:
    asked = ("--schema", schema_file)
    assert [item["file"] for item in cli("extract", paper, paper, *asked, "--json").json] == [paper, paper]
    assert len(cli("extract", paper, *asked, "--format", "jsonl").lines) == 1
    cli("extract", paper, paper, *asked, "-o", "out.json")
    assert len(json.loads((tmp_path / "out.json").read_text())) == 2
    cli("extract", paper, *asked, "-o", "out.jsonl")
    assert json.loads((tmp_path / "out.jsonl").read_text())["file"] == paper


def test_parse_prints_markdown_or_pages_as_the_contract_has_them(cli: Any, paper: str) -> None:
    assert cli("parse", paper).out.startswith("# Loading at Scale")
    parsed = cli("parse", paper, "--json").json
    assert {"id", "media_type", "pages", "issues"} <= set(parsed)
    page = parsed["pages"][0]
    assert {"number", "width", "height", "markdown", "words", "tables"} <= set(page)
    assert set(page["words"][0]) == {"text", "box", "source"}
    assert {"Loading", "Byron", "1991"} <= {word["text"] for word in page["words"]}


def test_agents_are_listed_shown_renamed_exported_and_deleted(cli: Any, paper: str, tmp_path: Path) -> None:
    assert cli("agents", "list").code == 0
    agent_id = cli("run", paper, "Extract it", "--approve").json["agent_id"]
    assert agent_id in cli("agents", "list").out
    assert cli("agents", "rename", agent_id, "papers").code == 0
    assert "Loading" not in cli("agents", "show", "papers").out
    assert "The year of publication." in cli("agents", "show", "papers").out
    exported = cli("agents", "export", "papers").json
    assert exported["name"] == "papers"
    cli("agents", "export", "papers", "--schema-only", "-o", "papers.json")
    again = cli("extract", paper, "--schema", "papers.json")
    assert again.json["data"]["year"] == "1991"
    asked = cli("agents", "delete", "papers")
    assert asked.code == 2
    assert "--yes" in asked.err
    assert cli("agents", "delete", "papers", "--yes").code == 0
    assert cli("agents", "show", "papers").code == 2


def test_the_store_is_upgraded_and_checked(cli: Any) -> None:
    assert cli("store", "upgrade", "--json").json["version"] >= 1
    assert cli("store", "check", "--json").json["problems"] == []
    assert "sound" in cli("store", "check").out


def test_a_damaged_store_is_found(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "broken.db").write_bytes(b"SQLite format 3\x00" + b"\xff" * 5000)
    called = cli("store", "check", "--store", "broken.db")
    assert called.code == 1
    assert "Traceback" not in called.err


def test_ids_are_whole_at_80_columns(cli: Any, paper: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = cli.started(paper, "Extract the title, the authors and the year of publication of this paper")
    monkeypatch.setenv("COLUMNS", "80")
    for line in (shown := cli("runs").out).splitlines():
        assert len(line) <= 80
    assert run_id in shown
    assert "awaiting" in shown
    assert "paper.md" in shown
