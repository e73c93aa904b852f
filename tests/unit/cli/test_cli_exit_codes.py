"""One exit code for each end that a call can come to, as the help lists them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from fieldwise.cli import app, session
from fieldwise.cli.failure import paragraph, report
from fieldwise.cli.options import Options
from fieldwise.errors import CredentialsMissing, FieldwiseError, InputError
from fieldwise.registry import register
from fieldwise.testing import ScriptedModel


def test_the_help_lists_every_exit_code(cli: Any) -> None:
    helped = cli("--help")
    assert helped.code == 0
    listed = helped.out[helped.out.index("Exit codes:") :]
    for code, meaning in {
        0: "done",
        1: "failed",
        3: "rejected",
        4: "credentials",
        5: "done, but",
        8: "waiting",
    }.items():
        assert f"  {code}  {meaning}" in listed
    assert "130  Ctrl-C" in listed
    assert set(app.EXIT_CODES) == {0, 1, 2, 3, 4, 5, 8, 130}


def test_0_when_the_extraction_is_complete(cli: Any, paper: str) -> None:
    called = cli("run", paper, "Extract it", "--approve")
    assert called.code == 0
    assert called.json["status"] == "complete"
    assert called.json["data"] == {"title": "Loading at Scale", "authors": "Ada Byron", "year": "1991"}


def test_1_when_the_work_failed_and_the_run_is_kept(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7\n" + b"\x00\xff" * 200)
    called = cli("run", "broken.pdf", "Extract it")
    assert called.code == 1
    assert called.out == ""
    assert called.err.startswith("Error: ")
    assert len(called.err.splitlines()) == 1
    run_id = cli("runs", "--json").json[0]["run_id"]
    assert f"fieldwise review {run_id}" in called.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("run",),
        ("run", "paper.md"),
        ("run", "paper.md", " "),
        ("run", "missing.md", "Extract it"),
        ("run", ".", "Extract it"),
        ("decide", "run_x"),
        ("decide", "run_x", "perhaps"),
        ("decide", "run_x", "revise"),
        ("decide", "run_x", "approve", "words"),
        ("show", "run_x"),
        ("extract", "paper.md"),
        ("extract", "paper.md", "--agent", "nobody"),
        ("runs", "--status", "sleeping"),
        ("no-such-command",),
        ("runs", "--no-such-option"),
        ("--model", "no-such-model", "run", "paper.md", "Extract it"),
    ],
)
def test_2_when_the_call_is_wrong(cli: Any, paper: str, arguments: tuple[str, ...]) -> None:
    called = cli(*arguments)
    assert called.code == 2
    assert called.out == ""
    assert "Error: " in called.err
    assert "Traceback" not in called.err


def test_3_when_the_person_rejects(cli: Any, paper: str) -> None:
    run_id = cli.started(paper, "Extract it")
    called = cli("decide", run_id, "reject")
    assert called.code == 3
    assert "rejected" in called.err
    assert cli("review", run_id).code == 3


def test_4_when_credentials_are_missing(cli: Any, paper: str) -> None:
    def maker(order: object) -> object:
        raise CredentialsMissing("There is no key for cloudy.", next_step="export CLOUDY_API_KEY=...")

    register("model", "cloudy", maker)
    called = cli("run", paper, "Extract it", "--model", "cloudy")
    assert called.code == 4
    assert "export CLOUDY_API_KEY=" in called.err


def test_5_when_something_is_known_to_be_missing(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "torn.md").write_text("Title: Half a page\n\ntorn\n", encoding="utf-8")
    called = cli("run", "torn.md", "Extract it", "--approve")
    assert called.code == 5
    assert called.json["status"] == "incomplete"
    assert "Incomplete: something is known to be missing" in called.err


def test_0_when_nothing_shows_a_loss_but_it_says_so(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "blurred.md").write_text("Title: A blurred page\n", encoding="utf-8")
    called = cli("run", "blurred.md", "Extract it", "--approve", "--quiet")
    assert called.code == 0
    assert "completeness could not be checked" in called.err


def test_8_when_nobody_is_there_to_answer(cli: Any, paper: str) -> None:
    called = cli("run", paper, "Extract it")
    assert called.code == 8
    assert called.out == ""
    run_id = cli("runs", "--json").json[0]["run_id"]
    assert f"Continue with: fieldwise review {run_id}" in called.err
    assert f"fieldwise decide {run_id} approve --version 1" in called.err


def test_8_with_json_prints_the_waiting_run(cli: Any, paper: str) -> None:
    called = cli("run", paper, "Extract it", "--json")
    assert called.code == 8
    assert called.json["status"] == "awaiting_review"
    assert called.json["proposal"]["version"] == 1
    assert called.json["continue"] == f"fieldwise review {called.json['run_id']}"


def test_130_for_ctrl_c() -> None:
    assert report(KeyboardInterrupt(), Options()) == 130
    assert report(click.exceptions.Abort(), Options()) == 130


def test_an_error_is_one_paragraph_with_what_to_do_and_its_code(cli: Any) -> None:
    called = cli("show", "run_x")
    assert called.err == "Error: There is no run 'run_x'. `fieldwise runs` lists what there is. [run_not_found]\n"


def test_an_error_with_json_is_an_object_on_stdout(cli: Any) -> None:
    called = cli("show", "run_x", "--json")
    assert called.code == 2
    assert called.json["error"]["code"] == "run_not_found"
    assert called.json["error"]["next_step"]


def test_a_bug_is_one_paragraph_too_and_its_traceback_comes_with_vv(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(settings: object) -> object:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(session, "open_client", broken)
    called = cli("runs")
    assert called.code == 1
    assert len(called.err.splitlines()) == 1
    assert "ZeroDivisionError: division by zero" in called.err
    assert "Run again with -vv" in called.err
    assert "Traceback (most recent call last)" in cli("runs", "-vv").err
    assert "Traceback (most recent call last)" in cli("-v", "runs", "-v").err


def test_a_bug_in_the_middle_of_a_run_names_the_run_and_shows_its_traceback_only_with_vv(cli: Any, paper: str) -> None:
    def broken(request: object) -> str:
        raise ZeroDivisionError("division by zero")

    register("model", "broken", lambda order: ScriptedModel(broken))
    quiet, verbose, loud = (cli("run", paper, "x", "--model", "broken", *more) for more in ((), ("-v",), ("-vv",)))
    assert len(quiet.err.splitlines()) == 1
    run_id = cli("runs", "--json").json[2]["run_id"]
    assert f"The run is kept: fieldwise review {run_id}" in quiet.err
    assert "failed on an error of ours" in verbose.err
    assert "Traceback" not in verbose.err
    assert "Traceback" in loud.err


def test_the_paragraph_names_a_kept_run_once() -> None:
    told = paragraph(FieldwiseError("It failed.", next_step="Mend it.", run_id="run_7"))
    assert told == "Error: It failed. Mend it. The run is kept: fieldwise review run_7 [error]"
    assert paragraph(InputError("Run run_7 is odd.", run_id="run_7")).count("run_7") == 1


def test_the_first_ctrl_c_may_clean_up_and_the_second_ends_at_once() -> None:
    code = (
        "import os, signal, time\nfrom fieldwise.cli.app import _second_interrupt_ends_at_once\n"
        "with _second_interrupt_ends_at_once():\n"
        "    try:\n        os.kill(os.getpid(), signal.SIGINT); time.sleep(60)\n"
        "    except KeyboardInterrupt:\n        print('cleaning up', flush=True)\n"
        "        os.kill(os.getpid(), signal.SIGINT); time.sleep(60)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (130, "cleaning up\n")


def test_a_reader_that_goes_away_ends_the_command_without_a_word() -> None:
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-m', 'fieldwise', 'config', 'show', '--json'],"
        " stdout=subprocess.PIPE, stderr=subprocess.PIPE)\n"
        "child.stdout.close()\n"
        "print(child.wait(), child.stderr.read())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "1 b''\n", done


def test_help_loads_neither_pydantic_nor_the_engine() -> None:
    code = (
        "import sys\nfrom fieldwise.cli import main\ncode = main(['--help'])\n"
        "heavy = {'pydantic', 'sqlalchemy', 'workflows', 'rich', 'jsonschema'} & set(sys.modules)\n"
        "assert code == 0 and not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_help_of_each_command_agrees_with_its_line_in_the_list() -> None:
    context = click.Context(app.cli)
    for name, (_, line) in app.COMMANDS.items():
        command = app.cli.get_command(context, name)
        assert command is not None
        assert command.get_short_help_str(limit=200) == line


def test_every_command_answers_to_help(cli: Any) -> None:
    for name in app.COMMANDS:
        called = cli(name, "--help")
        assert called.code == 0
        assert "Common options:" in called.out
        assert called.out.index("Usage: fieldwise") == 0


def test_the_version_is_the_package_s(cli: Any) -> None:
    from importlib.metadata import version

    assert cli("--version").out == f"fieldwise {version('fieldwise')}\n"


def test_options_stand_before_or_after_the_command(cli: Any, tmp_path: Path) -> None:
    before = cli("--store", "a.db", "--json", "config", "show").json
    after = cli("config", "show", "--store", "a.db", "--json").json
    between = cli("config", "--store", "a.db", "show", "--json").json
    assert before["store"] == after["store"] == between["store"]
    assert before["store"] == {"value": f"sqlite:///{tmp_path / 'a.db'}", "source": "flag"}


def test_json_errors_of_batches_stay_on_one_line_each(cli: Any, paper: str) -> None:
    (Path.cwd() / "schema.json").write_text('{"type": "object", "properties": {"title": {"type": "string"}}}')
    called = cli("extract", paper, "missing.md", "--schema", "schema.json")
    assert called.code == 2
    assert [sorted(json.loads(line)) for line in called.out.splitlines()][1] == ["error", "file"]
