"""The review dialogue at a real pseudo-terminal, in processes of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def test_a_person_revises_edits_leaves_comes_back_and_approves(desk: Any, editor: Callable[[str], str]) -> None:
    person = desk.sit_down("run", "paper.md", "Extract the title, authors and year", "-o", "out.json")
    first = person.menu()
    assert "Version 1 for paper.md, proposed by the model" in first
    assert re.search(r"year +integer +yes +The year of publication\. +1991 +p\.\s1", first)

    person.types("r")
    person.sees("empty line or Ctrl-D")
    person.types("rename the year")
    person.types("and add the publisher")
    person.types("")
    second = person.menu()
    assert "You asked:\n  rename the year\n  and add the publisher" in second
    assert "→ renamed /year to /published" in second
    assert "+ added /publisher (string)" in second
    assert second.index("You asked") < second.index("renamed") < second.index("Field")

    person.types("q")
    code, last = person.leaves()
    assert code == 8
    run_id = desk.runs()[0]["run_id"]
    assert f"Continue with: fieldwise review {run_id}" in last
    assert not (desk.folder / "out.json").exists()

    change = "text = text.replace('Who wrote it.', 'The people who wrote it.')"
    person = desk.sit_down("review", run_id, EDITOR=editor(change))
    assert "Version 2" in person.menu()
    person.types("e")
    third = person.menu()
    assert "Version 3 for paper.md, edited by hand" in third
    assert "described anew" in third
    assert "The people who wrote it." in third

    person.types("a")
    code, last = person.leaves()
    assert code == 0
    result = json.loads(last[last.index("{") : last.index("\n}\n") + 2])
    assert result["schema_version"] == 3
    assert result["data"]["title"] == "Loading at Scale"
    assert result["run_id"] == run_id
    assert re.search(r"title +Loading at Scale +1 +exact", last)
    assert [run["status"] for run in desk.runs()] == ["completed"]


def test_enter_alone_decides_nothing(desk: Any) -> None:
    person = desk.sit_down("run", "paper.md", "Extract it")
    person.menu()
    for _ in range(3):
        person.types("")
        person.sees("> ")
    person.types("what")
    person.sees("Type a, r, e, d, s, q or")
    person.types("q")
    assert person.leaves()[0] == 8
    assert desk.runs()[0]["status"] == "awaiting_review"


def test_ctrl_c_in_the_dialogue_keeps_the_run_and_says_how_to_go_on(desk: Any) -> None:
    person = desk.sit_down("run", "paper.md", "Extract it")
    person.menu()
    person.child.sendintr()
    code, last = person.leaves()
    assert code == 130
    run = desk.runs()[0]
    assert f"Continue with: fieldwise review {run['run_id']}" in last
    assert last.count("Continue with") == 1
    assert run["status"] == "awaiting_review"
    assert "Traceback" not in last


def test_ctrl_c_while_the_model_works_keeps_the_run_and_a_new_process_takes_it_up(desk: Any) -> None:
    person = desk.sit_down("run", "paper.md", "Extract it", SCRIPTED_DELAY="60")
    person.sees("Asking the model")
    person.child.sendintr()
    code, last = person.leaves()
    assert code == 130
    run = desk.runs()[0]
    assert run["status"] == "proposing"
    assert run["interrupted"] is True
    assert f"fieldwise review {run['run_id']}" in last

    person = desk.sit_down("review", run["run_id"])
    assert "was interrupted; taking it up where it stopped" in person.menu()
    person.types("approve")
    assert person.leaves()[0] == 0


def test_ctrl_d_at_the_menu_leaves_and_keeps_the_run(desk: Any) -> None:
    person = desk.sit_down("run", "paper.md", "Extract it")
    person.menu()
    person.child.sendeof()
    code, last = person.leaves()
    assert code == 8
    assert "Continue with: fieldwise review run_" in last


def test_ctrl_d_ends_the_feedback_and_nothing_said_decides_nothing(desk: Any) -> None:
    person = desk.sit_down("run", "paper.md", "Extract it")
    person.menu()
    person.types("r")
    person.sees("… ")
    person.child.sendeof()
    assert "Nothing was said" in person.menu()
    person.types("r")
    person.sees("… ")
    person.types("drop the year")
    person.sees("… ")
    person.child.sendeof()
    assert "- removed /year" in person.menu()


def test_a_pasted_text_with_an_empty_line_is_one_feedback_and_no_command(desk: Any) -> None:
    person = desk.sit_down("run", "paper.md", "Extract it")
    person.menu()
    person.types("r")
    person.sees("… ")
    person.child.send("rename the year\n\na\n\n")
    second = person.menu()
    assert "You asked:\n  rename the year\n\n  a\n" in second
    assert desk.runs()[0]["status"] == "awaiting_review"


def test_what_was_typed_before_a_proposal_was_shown_does_not_answer_it(desk: Any) -> None:
    person = desk.sit_down("run", "paper.md", "Extract it", SCRIPTED_DELAY="6")
    person.sees("Asking the model")
    person.types("a")
    assert "has been dropped" in person.menu()
    person.types("q")
    assert person.leaves()[0] == 8
    assert desk.runs()[0]["status"] == "awaiting_review"


def test_an_edit_that_is_no_schema_comes_back_with_the_error_on_top_and_loses_nothing(
    desk: Any, editor: Callable[[str], str]
) -> None:
    # The first time it cuts the last brace off; when told of the fault, it puts the brace back.
    steps = (
        "told = text.startswith('// ')\n"
        "open('top', 'a').write(text.splitlines()[0] + chr(10))\n"
        "text = text + '}' if told else text.rstrip()[:-1]"
    )
    person = desk.sit_down("run", "paper.md", "Extract it", EDITOR=editor(steps))
    person.menu()
    person.types("e")
    person.sees(r"not JSON: .* in line \d+, column \d+")
    person.types("e")
    person.sees("Nothing was changed, so nothing was decided")
    assert (desk.folder / "top").read_text().splitlines()[1].startswith("// This cannot be used: not JSON")
    person.types("q")
    assert person.leaves()[0] == 8


def test_an_edit_that_is_given_up_is_kept_in_a_file(desk: Any, editor: Callable[[str], str]) -> None:
    person = desk.sit_down("run", "paper.md", "Extract it", EDITOR=editor('text = \'{"type": "array"}\''))
    person.menu()
    person.types("e")
    person.sees(r"\[b\]ack")
    person.types("b")
    shown = person.menu()
    kept = Path(re.search(r"Your text is kept in (\S+)", shown)[1])  # type: ignore[index]  # no match fails the test
    assert kept.read_text().endswith('{"type": "array"}')
    assert kept.stat().st_mode & 0o077 == 0 or kept.parent.stat().st_mode & 0o077 == 0
    person.types("q")
    assert person.leaves()[0] == 8


@pytest.mark.parametrize(
    ("command", "told"),
    [("no-such-editor --wait", "was not found"), ("false", "ended with code 1"), ("'unclosed", "cannot be split")],
)
def test_an_editor_that_does_not_work_is_named_and_decides_nothing(desk: Any, command: str, told: str) -> None:
    person = desk.sit_down("run", "paper.md", "Extract it", EDITOR=command)
    person.menu()
    person.types("e")
    assert told in person.menu()
    person.types("q")
    assert person.leaves()[0] == 8


def test_ctrl_c_in_the_editor_belongs_to_the_editor(desk: Any, editor: Callable[[str], str]) -> None:
    code = "import time\ntry:\n    print('editing', flush=True); time.sleep(30)\nexcept KeyboardInterrupt:\n    pass"
    person = desk.sit_down("run", "paper.md", "Extract it", EDITOR=editor(code))
    person.menu()
    person.types("e")
    person.sees("editing")
    person.child.sendintr()
    assert "Nothing was changed" in person.menu()


def test_a_decision_taken_elsewhere_is_told_and_the_words_typed_are_not_lost(desk: Any) -> None:
    person = desk.sit_down("run", "paper.md", "Extract it")
    person.menu()
    run_id = desk.runs()[0]["run_id"]
    assert desk.call("decide", run_id, "revise", "drop the year").returncode == 8
    person.types("r")
    person.sees("… ")
    person.types("rename the year")
    person.types("")
    shown = person.menu()
    assert "was answered already" in shown
    assert "Your words were:\nrename the year" in shown
    assert "Version 2" in shown


def test_answers_of_the_model_that_cannot_be_used_leave_the_proposal_to_be_answered_anew(desk: Any) -> None:
    person = desk.sit_down("run", "paper.md", "Extract it")
    person.menu()
    person.types("r")
    person.sees("… ")
    person.types("gibberish")
    person.types("")
    shown = person.menu()
    assert "did not manage the change" in shown
    assert "Your words were:\ngibberish" in shown
    assert "Version 1" in shown
    person.types("a")
    assert person.leaves()[0] == 0


def test_rejecting_is_written_out(desk: Any) -> None:
    person = desk.sit_down("run", "paper.md", "Extract it")
    person.menu()
    person.types("?")
    assert "reject" in person.sees("Enter alone does nothing")
    person.types("reject")
    code, last = person.leaves()
    assert code == 3
    assert "was rejected" in last


def test_json_and_diff_are_shown_on_demand(desk: Any) -> None:
    person = desk.sit_down("run", "paper.md", "Extract it")
    person.menu()
    person.types("d")
    assert "first version" in person.menu()
    person.types("s")
    assert '"description": "The year of publication."' in person.menu()


def test_a_document_through_a_pipe_is_reviewed_at_the_terminal(desk: Any) -> None:
    person = desk.sit_down_at_shell('cat paper.md | "$PYTHON" "$CLI" run - It > out.json')
    person.menu()
    person.types("a")
    assert person.leaves()[0] == 0
    assert json.loads((desk.folder / "out.json").read_text())["data"]["title"] == "Loading at Scale"
    assert not list(desk.folder.glob("fieldwise-*")), "the copy of stdin is not needed any more"


def test_a_hostile_schema_cannot_write_to_the_screen(desk: Any) -> None:
    hostile = "\x1b]0;owned\x07\x1b[31m\u202e\r[red]"
    schema = {"type": "object", "properties": {f"na{hostile}me": {"type": "string", "description": hostile}}}
    (desk.folder / "schema.json").write_text(json.dumps(schema), encoding="utf-8")
    person = desk.sit_down("run", "paper.md", f"want {hostile}", "--schema", "schema.json")
    raw = ""
    for key in ("s", "d", "?", "a"):
        person.menu()
        raw += person.child.before
        person.types(key)
    person.leaves()
    raw += person.child.before
    assert "\\x1b]0;owned\\x07\\x1b[31m\\u202e" in raw
    assert not re.search("\x1b\\][0-9]|\x07|\x1b\\[31m|\u202e", raw)
