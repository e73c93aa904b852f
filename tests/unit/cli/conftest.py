"""The command line called in this process, with a real client on a store of its own and scripted backends."""

from __future__ import annotations

import io
import json
import runpy
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fieldwise import registry
from fieldwise.cli import main
from fieldwise.cli.console import terminal

SCRIPTED = Path(__file__).parents[2] / "acceptance" / "scripted_cli.py"


@dataclass(frozen=True)
class Called:
    """What a call came to: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


class CommandLine:
    """Call it with the arguments; `stdin` is what comes through the pipe."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Called:
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        self._capsys.readouterr()
        code = main(arguments)
        captured = self._capsys.readouterr()
        return Called(code, captured.out, captured.err)

    def started(self, *arguments: str) -> str:
        """Start a run that waits, and return its id."""
        called = self("run", *arguments, "--json")
        assert called.code == 8, called.err
        return str(called.json["run_id"])


@pytest.fixture(autouse=True)
def _scripted_backends(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = dict(registry._makers)
    runpy.run_path(str(SCRIPTED))["register_scripted"]()
    monkeypatch.setenv("FIELDWISE_MODEL", "scripted")
    monkeypatch.setenv("FIELDWISE_EXTRACTOR", "lines")
    # Whoever runs the tests sits at a terminal; nobody is to be asked anything.
    monkeypatch.setattr(terminal, "_is_terminal", lambda descriptor: False)
    yield
    registry._makers.clear()
    registry._makers.update(before)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    return CommandLine(capsys, monkeypatch)


@pytest.fixture
def paper(tmp_path: Path) -> str:
    """A document with three `Key: value` lines, named `paper.md`."""
    (tmp_path / "paper.md").write_text(
        "# Loading at Scale\n\nTitle: Loading at Scale\n\nAuthors: Ada Byron\n\nYear: 1991\n", encoding="utf-8"
    )
    return "paper.md"
