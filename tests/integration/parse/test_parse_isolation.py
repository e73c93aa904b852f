"""Hostile files end in one of our errors, within the limits, and take nothing else down."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fieldwise.errors import DamagedDocument, EmptyDocument, ParseError, ParseLimit
from fieldwise.parse import LocalParser
from fieldwise.parse.sandbox import Child


def _children() -> set[int]:
    """Return the living child processes of this one."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == os.getpid() and fields[0] != "Z":
                found.add(int(entry.name))
    return found


async def _started_since(before: set[int]) -> set[int]:
    """Wait until a parse runs in a process of its own."""
    for _ in range(1000):
        if started := _children() - before:
            return started
        await asyncio.sleep(0.01)
    raise AssertionError("no process was started")


def _gone(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


async def test_a_form_that_draws_itself_meets_the_memory_limit(
    make_parser: Callable[..., LocalParser], pdf: Any
) -> None:
    parser = make_parser(memory_mb=700, timeout_seconds=60)
    with pytest.raises(ParseLimit, match=r"more than 700 MB of memory.*FIELDWISE_PARSE_MEMORY_MB"):
        await parser.parse(pdf.recursive_forms("forms.pdf"))


async def test_a_form_that_draws_itself_meets_the_time_limit(make_parser: Callable[..., LocalParser], pdf: Any) -> None:
    parser = make_parser(memory_mb=8192, timeout_seconds=1)
    with pytest.raises(ParseLimit, match=r"longer than 1 seconds.*FIELDWISE_PARSE_TIMEOUT_SECONDS"):
        await parser.parse(pdf.recursive_forms("forms.pdf"))


async def test_a_flate_bomb_meets_the_memory_limit(make_parser: Callable[..., LocalParser], pdf: Any) -> None:
    path = pdf.flate_bomb("bomb.pdf")
    assert path.stat().st_size < 2_000_000
    with pytest.raises(ParseLimit, match="more than 700 MB of memory"):
        await make_parser(memory_mb=700, timeout_seconds=60).parse(path)


async def test_a_loop_of_pages_ends(make_parser: Callable[..., LocalParser], pdf: Any) -> None:
    with pytest.raises((DamagedDocument, EmptyDocument)):
        await make_parser(timeout_seconds=20).parse(pdf.page_tree_loop("loop.pdf"))


async def test_10000_pages_are_all_read_where_the_limit_allows(
    make_parser: Callable[..., LocalParser], pdf: Any
) -> None:
    path = pdf.pages("long.pdf", [pdf.text(72, 700, f"page {n}") for n in range(1, 10_001)])
    document = await make_parser(max_pages=10_000).parse(path)
    assert len(document.pages) == 10_000
    assert document.pages[-1].markdown == "page 10000"


async def test_after_a_death_a_fresh_process_serves_the_next_document(
    make_parser: Callable[..., LocalParser], pdf: Any
) -> None:
    parser = make_parser(memory_mb=700, timeout_seconds=60)
    good = pdf.pages("good.pdf", [pdf.text(72, 700, "Hello")])
    for _ in range(2):
        with pytest.raises(ParseLimit):
            await parser.parse(pdf.recursive_forms("forms.pdf"))
        assert (await parser.parse(good)).markdown == "Hello"


async def test_other_parses_go_on_while_one_dies(make_parser: Callable[..., LocalParser], pdf: Any) -> None:
    parser = make_parser(memory_mb=700, timeout_seconds=60)
    bad = pdf.recursive_forms("forms.pdf")
    good = pdf.pages("good.pdf", [pdf.text(72, 700, "Hello")] * 30)
    results = await asyncio.gather(*(parser.parse(p) for p in (bad, good, good, good)), return_exceptions=True)
    assert isinstance(results[0], ParseLimit)
    assert [len(document.pages) for document in results[1:]] == [30, 30, 30]


async def test_a_killed_process_is_an_error_with_its_reason(make_parser: Callable[..., LocalParser], pdf: Any) -> None:
    parser = make_parser(memory_mb=8192, timeout_seconds=60)
    before = _children()
    parse = asyncio.create_task(parser.parse(pdf.recursive_forms("forms.pdf")))
    for pid in await _started_since(before):
        os.kill(pid, signal.SIGTERM)
    with pytest.raises(ParseError, match="was ended by SIGTERM; other documents are not affected"):
        await parse


async def test_one_process_is_kept_for_the_next_document(parser: LocalParser, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("hello")
    before = _children()
    await parser.parse(path)
    kept = _children() - before
    assert len(kept) == 1
    await parser.parse(path)
    assert _children() - before == kept
    await parser.aclose()
    assert _children() == before


async def test_cancelling_ends_the_process_at_once(make_parser: Callable[..., LocalParser], pdf: Any) -> None:
    parser = make_parser(memory_mb=8192, timeout_seconds=60)
    before = _children()
    parse = asyncio.create_task(parser.parse(pdf.recursive_forms("forms.pdf")))
    await _started_since(before)
    parse.cancel()
    with pytest.raises(asyncio.CancelledError):
        await parse
    assert _children() == before


async def test_the_event_loop_runs_on_during_a_parse(make_parser: Callable[..., LocalParser], pdf: Any) -> None:
    parse = asyncio.create_task(make_parser(memory_mb=8192, timeout_seconds=1).parse(pdf.recursive_forms("forms.pdf")))
    ticks = 0
    while not parse.done():
        await asyncio.sleep(0.01)
        ticks += 1
    assert isinstance(parse.exception(), ParseLimit)
    assert ticks > 10


def test_one_parser_serves_several_event_loops_also_in_threads(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("hello")
    parser = LocalParser()
    texts = [asyncio.run(parser.parse(path)).markdown for _ in range(2)]
    thread = threading.Thread(target=lambda: texts.append(asyncio.run(parser.parse(path)).markdown))
    thread.start()
    thread.join()
    asyncio.run(parser.aclose())
    assert texts == ["hello"] * 3


def test_a_parser_that_is_forgotten_leaves_no_process_and_no_warning(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("hello")
    before = _children()
    asyncio.run(LocalParser().parse(path))
    assert _children() == before


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_no_process_outlives_its_parent(tmp_path: Path, pdf: Any, end: signal.Signals) -> None:
    path = pdf.recursive_forms("forms.pdf")
    code = """
        import asyncio, sys
        from pathlib import Path
        from fieldwise.parse.local import LocalParser

        async def main():
            parser = LocalParser(memory_mb=8192)
            task = asyncio.create_task(parser.parse(Path(sys.argv[1])))
            while not parser._busy:
                await asyncio.sleep(0.01)
            print(next(iter(parser._busy)).pid, flush=True)
            await task

        asyncio.run(main())
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not _gone(pid)
        parent.send_signal(end)
        parent.wait(timeout=30)
    deadline = time.monotonic() + 10
    while not _gone(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert _gone(pid)


def test_a_process_cannot_write_files_nor_dump_core() -> None:
    child = Child(memory_mb=512)
    try:
        limits: dict[str, str] = {}
        deadline = time.monotonic() + 10
        # The limits are set by the process itself, a moment after it starts.
        while limits.get("Max file size") != "0" and time.monotonic() < deadline:
            time.sleep(0.02)
            for line in (Path("/proc") / str(child.pid) / "limits").read_text().splitlines()[1:]:
                limits[line[:26].strip()] = line[26:].split()[0]
        assert limits["Max file size"] == "0"
        assert limits["Max core file size"] == "0"
        assert limits["Max address space"] == str(512 * 1024 * 1024)
    finally:
        child.kill()


async def test_nothing_of_the_environment_reaches_the_process(
    parser: LocalParser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    path = tmp_path / "a.txt"
    path.write_text("hello")
    before = _children()
    await parser.parse(path)
    (pid,) = _children() - before
    assert b"sk-secret" not in (Path("/proc") / str(pid) / "environ").read_bytes()
