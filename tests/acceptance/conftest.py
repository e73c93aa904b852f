"""A person at a real pseudo-terminal, and the command line as a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

SCRIPTED = Path(__file__).with_name("scripted_cli.py")
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
MENU = r"\[\?\][^\n]*\r\n> "
DOCUMENT = "# Loading at Scale\n\nTitle: Loading at Scale\n\nAuthors: Ada Byron\n\nYear: 1991\n"


class Desk:
    """The command line with scripted backends, a store and a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.document = folder / "paper.md"
        self.document.write_text(DOCUMENT, encoding="utf-8")
        self.environment = {
            **os.environ,
            "FIELDWISE_MODEL": "scripted",
            "FIELDWISE_EXTRACTOR": "lines",
            "TMPDIR": str(folder),
            "TERM": "xterm",
            "NO_COLOR": "1",
        }
        self._children: list[Any] = []

    def sit_down(self, *arguments: str, **environment: str) -> Person:
        """Start the command at a terminal of 100 columns."""
        return self._spawned(sys.executable, [str(SCRIPTED), *arguments], environment)

    def sit_down_at_shell(self, line: str) -> Person:
        """Start a line of shell at a terminal; `$PYTHON $CLI` is the command line."""
        return self._spawned("/bin/sh", ["-c", line], {"PYTHON": sys.executable, "CLI": str(SCRIPTED)})

    def _spawned(self, program: str, arguments: list[str], environment: dict[str, str]) -> Person:
        child = pexpect.spawn(
            program,
            arguments,
            cwd=str(self.folder),
            env={**self.environment, **environment},
            encoding="utf-8",
            dimensions=(60, 100),
            timeout=60,
        )
        self._children.append(child)
        return Person(child)

    def call(self, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the command without a terminal."""
        return subprocess.run(
            [sys.executable, str(SCRIPTED), *arguments],
            cwd=self.folder,
            env={**self.environment, **environment},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            start_new_session=True,  # or the child would find the terminal of whoever runs the tests
        )

    def runs(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = json.loads(self.call("runs", "--json").stdout)
        return listed

    def leave(self) -> None:
        for child in self._children:
            child.close(force=True)


class Person:
    """Types lines and looks at what stands on the screen."""

    def __init__(self, child: Any) -> None:
        self.child = child

    def sees(self, text: str) -> str:
        """Wait until `text` (a pattern) is on the screen, and return what came before it and it."""
        self.child.expect(text)
        return clean(self.child.before + self.child.after)

    def types(self, line: str) -> None:
        self.child.sendline(line)

    def menu(self) -> str:
        """Wait for the menu; return what was shown with it."""
        return self.sees(MENU)

    def leaves(self) -> tuple[int, str]:
        """Wait for the end; return the exit code and the last words."""
        self.child.expect(pexpect.EOF)
        last = clean(self.child.before)
        self.child.close()
        return self.child.exitstatus, last


def clean(screen: str) -> str:
    return ESCAPES.sub("", screen).replace("\r\n", "\n")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.leave()


@pytest.fixture
def editor(tmp_path: Path) -> Callable[[str], str]:
    """Make a program that edits its file as a piece of Python says (`text` in, `text` out); return its command."""

    def make(code: str) -> str:
        path = tmp_path / "my editor.py"  # the space is the point: the command is split as a shell would
        path.write_text(
            "import pathlib, sys\nassert sys.argv[1] == '--wait', sys.argv\nassert sys.stdout.isatty()\n"
            f"path = pathlib.Path(sys.argv[2])\ntext = path.read_text()\n{code}\npath.write_text(text)\n",
            encoding="utf-8",
        )
        return f'"{sys.executable}" "{path}" --wait'

    return make
