"""Where results go: stdout, or a file that appears under its name only when it is whole."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from fieldwise.cli.console.output import Output
from fieldwise.errors import InputError


def test_the_result_goes_to_the_file_and_nothing_to_stdout(cli: Any, paper: str, tmp_path: Path) -> None:
    called = cli("run", paper, "Extract it", "--approve", "-o", "out.json")
    assert (called.code, called.out) == (0, "")
    assert json.loads((tmp_path / "out.json").read_text())["status"] == "complete"


def test_a_minus_stands_for_stdout(cli: Any, paper: str) -> None:
    assert cli("run", paper, "Extract it", "--approve", "-o", "-").json["status"] == "complete"


@pytest.mark.parametrize("place", ["no/such/folder/out.json", "."])
def test_a_place_that_cannot_be_written_is_refused_before_any_work(cli: Any, paper: str, place: str) -> None:
    called = cli("run", paper, "Extract it", "--approve", "-o", place)
    assert called.code == 2
    assert "cannot be written" in called.err
    assert cli("runs", "--json").json == []


def test_a_file_is_replaced_whole_and_keeps_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    path.write_text("before")
    path.chmod(0o640)
    Output(path).json({"a": 1})
    assert json.loads(path.read_text()) == {"a": 1}
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.json"
    path.write_text("before")

    def full(self: Path, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(InputError, match="No space left"):
        Output(path).json({"a": 1})
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text("before")
    link = tmp_path / "link.json"
    link.symlink_to("real.json")
    Output(link).json([1])
    assert link.is_symlink()
    assert json.loads((tmp_path / "real.json").read_text()) == [1]


def test_a_device_is_written_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        Output(pipe).json({"a": 1})
        assert json.loads(os.read(reader, 100)) == {"a": 1}
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_lines_gather_beside_the_file_until_all_are_there(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with Output(path).lines() as write:
        write({"n": 1})
        assert not path.exists()
        assert (tmp_path / "out.jsonl.part").read_text() == '{"n":1}\n'
        write({"n": 2})
    assert path.read_text() == '{"n":1}\n{"n":2}\n'
    assert list(tmp_path.iterdir()) == [path]


def test_lines_written_before_an_error_are_kept(tmp_path: Path) -> None:
    def interrupted() -> None:
        with Output(tmp_path / "out.jsonl").lines() as write:
            write({"n": 1})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (tmp_path / "out.jsonl.part").read_text() == '{"n":1}\n'
    assert not (tmp_path / "out.jsonl").exists()


def test_tables_go_to_the_file_too(cli: Any, paper: str, tmp_path: Path) -> None:
    run_id = cli.started(paper, "Extract it")
    assert cli("runs", "-o", "runs.txt").out == ""
    assert run_id in (tmp_path / "runs.txt").read_text()


@pytest.mark.parametrize("items", [[], [1], [{"text": 'a\n"b"', "box": [0.5, None]}, [], {"rows": [{}]}]])
def test_a_list_written_item_by_item_is_what_it_would_be_at_once(tmp_path: Path, items: list[Any]) -> None:
    at_once, by_item = tmp_path / "at_once.json", tmp_path / "by_item.json"
    Output(at_once).json({"id": "x", "pages": items, "issues": ["y"]})
    Output(by_item).json_with({"id": "x", "pages": (), "issues": ["y"]}, "pages", iter(items))
    assert by_item.read_text() == at_once.read_text()
