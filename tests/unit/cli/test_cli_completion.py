"""Shell completion: commands, options, run ids and agents."""

from __future__ import annotations

from typing import Any

import pytest
from click.shell_completion import ShellComplete

from fieldwise.cli.app import cli as root


def offered(arguments: list[str], incomplete: str) -> list[str]:
    completer = ShellComplete(root, {"obj": {}}, "fieldwise", "_FIELDWISE_COMPLETE")
    return [item.value for item in completer.get_completions(arguments, incomplete)]


def test_commands_and_options_are_offered() -> None:
    assert offered([], "re") == ["review"]
    assert {"runs", "run"} <= set(offered([], "ru"))
    assert "--approve" in offered(["run"], "--ap")


def test_run_ids_and_agents_are_offered(cli: Any, paper: str) -> None:
    waiting = cli.started(paper, "Extract it")
    assert offered(["show"], "run_") == [waiting]
    assert offered(["decide", waiting], "r") == ["revise", "reject"]
    cli("decide", waiting, "approve")
    agent = cli("agents", "list", "--json").json[0]["name"]
    assert offered(["agents", "show"], agent[:3]) == [agent]


def test_the_store_named_before_the_command_is_the_one_looked_in(cli: Any, paper: str) -> None:
    there = cli.started(paper, "Extract it", "--store", "other.db")
    assert offered(["show"], "run_") == []
    assert offered(["--store", "other.db", "show"], "run_") == [there]


def test_a_store_that_cannot_be_read_offers_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    assert offered(["--store", "/proc/none/x.db", "show"], "") == []
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""
