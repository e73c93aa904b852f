"""Who holds a lease, and whether it is known to be dead."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fieldwise.store import owner


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def name_of(pid: int) -> str:
    return f"{owner._host()}/{pid}/{owner._start_time(pid) or '-'}"


def test_this_process_is_alive() -> None:
    assert not owner.has_died(owner.this_process())
    assert owner.this_process() == name_of(os.getpid())


def test_another_process_is_alive_until_it_is_killed(other: subprocess.Popen[bytes]) -> None:
    name = name_of(other.pid)
    assert not owner.has_died(name)
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    assert owner.has_died(name), "nobody buried it yet"
    other.wait()
    assert owner.has_died(name)


def test_a_process_that_got_the_number_of_a_dead_one_is_not_it() -> None:
    host, pid, started = owner.this_process().rsplit("/", 2)
    assert owner.has_died(f"{host}/{pid}/{int(started) - 1}")


@pytest.mark.parametrize("name", ["", "x", "elsewhere/pid:[1]/1/2", "a/b/c/d/e"])
def test_of_a_process_elsewhere_nothing_is_known(name: str) -> None:
    assert not owner.has_died(name)


def test_of_a_process_without_a_start_time_nothing_is_known() -> None:
    assert not owner.has_died(f"{owner._host()}/999999999/-")


def test_a_commands_name_with_spaces_and_parentheses_does_not_confuse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = ["S", *[str(number) for number in range(4, 53)]]
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "stat").write_text(f"7 (a) b (c)) {' '.join(fields)}\n", encoding="utf-8")
    monkeypatch.setattr(owner, "_PROC", tmp_path)
    assert owner._start_time(7) == "22"
    (tmp_path / "8").mkdir()
    (tmp_path / "8" / "stat").write_text(f"8 (x) Z {' '.join(fields[1:])}\n", encoding="utf-8")
    assert owner._start_time(8) is None


def test_a_machine_without_proc_knows_of_no_death(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner._host.cache_clear()
    monkeypatch.setattr(owner, "_PROC", tmp_path / "absent")
    try:
        name = owner.this_process()
        assert name.endswith("/-")
        assert not owner.has_died(name)
    finally:
        owner._host.cache_clear()
