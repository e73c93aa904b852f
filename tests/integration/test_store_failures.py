"""A store that is locked, full, foreign, newer, damaged or read-only: a clear error, and the run is kept."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import fieldwise as fw
from fieldwise.errors import InputError, StoreError, StoreFull, StoreLocked, StoreTooNew
from fieldwise.model import RunStatus
from fieldwise.settings import Settings
from fieldwise.store import database as module
from fieldwise.store.migrations import VERSION
from harness import PROMPT, TEXT, Gate, TextParser, environment, python, result_of, scripted

Clients = Callable[..., fw.Fieldwise]
SHORT = Settings(store_busy_seconds=0.2)

LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
"""


@contextmanager
def locked(store: Path) -> Iterator[None]:
    """Another process holds the store's write lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", LOCK, store], env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield
    finally:
        process.communicate("\n", timeout=30)


# Locked


def test_a_locked_store_is_an_error_that_keeps_nothing_half(client_of: Clients, store: Path, document: Path) -> None:
    client = client_of(settings=SHORT)
    client.runs()
    with locked(store), pytest.raises(StoreLocked, match="locked by another process") as caught:
        client.start(document, PROMPT)
    assert caught.value.next_step
    assert client.runs() == []
    assert client.start(document, PROMPT).status is RunStatus.AWAITING_REVIEW


def test_a_locked_store_is_an_error_for_a_decision_too_and_the_run_waits_on(
    client_of: Clients, store: Path, document: Path
) -> None:
    client = client_of(settings=SHORT)
    run = client.start(document, PROMPT)
    with locked(store), pytest.raises(StoreLocked):
        run.revise("drop year")
    assert client.get(run.id) == run
    assert run.revise("drop year").proposal is not None


def test_reading_needs_no_lock(client_of: Clients, store: Path, document: Path) -> None:
    run = client_of().start(document, PROMPT)
    with locked(store):
        client = client_of(settings=SHORT)
        assert [r.id for r in client.runs()] == [run.id]
        assert client.get(run.id) == run
        assert client.journal(run.id)
        assert client.store_check() == []


async def test_a_store_locked_in_the_middle_of_a_run_keeps_the_run(
    async_client_of: Clients, store: Path, document: Path
) -> None:
    gate = Gate("propose")
    client = async_client_of(gate.model(), settings=SHORT)
    starting = asyncio.create_task(client.astart(document, PROMPT))
    await gate.reached.wait()
    with locked(store):
        gate.open.set()
        with pytest.raises(StoreLocked):
            await starting
    (run,) = await client.aruns()
    assert (await client.aresume(run.id)).status is RunStatus.AWAITING_REVIEW


def test_a_lock_that_is_short_is_waited_for(client_of: Clients, store: Path, document: Path) -> None:
    client = client_of()
    client.runs()
    with locked(store):
        process = subprocess.Popen(
            [sys.executable, "-c", START, store, document], env=environment(), stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "starting\n"
    assert process.communicate(timeout=60)[0] == "awaiting_review\n"


START = """
import sys
import fieldwise as fw
from harness import PROMPT, TextParser, scripted
with fw.Fieldwise(store=sys.argv[1], model=scripted(), parser=TextParser()) as client:
    client.runs()
    print("starting", flush=True)
    print(client.start(sys.argv[2], PROMPT).status)
"""


# Full


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let the store's file grow to so many pages of 4 KB (0: as large as it likes), from its next connection on."""
    pages = [0]

    class Limited(module._Connection):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.execute(f"PRAGMA max_page_count={pages[0] or 4_294_967_294}").close()

    monkeypatch.setattr(module, "_Connection", Limited)

    def set_limit(count: int) -> None:
        pages[0] = count

    return set_limit


def incompressible(path: Path, kilobytes: int) -> Path:
    path.write_text(TEXT + os.urandom(kilobytes * 512).hex(), encoding="utf-8")
    return path


def test_a_full_store_is_an_error_and_the_run_goes_on_when_there_is_room(
    client_of: Clients, limit: Callable[[int], None], tmp_path: Path
) -> None:
    document = incompressible(tmp_path / "large.txt", 600)
    limit(60)
    client = client_of()
    with pytest.raises(StoreFull, match="full") as caught:
        client.start(document, PROMPT)
    assert "Free space" in caught.value.next_step
    client.close()
    limit(0)
    (run,) = client.runs()
    assert run.status in (RunStatus.PARSING, RunStatus.FAILED)
    assert client.resume(run.id).status is RunStatus.AWAITING_REVIEW
    assert client.store_check() == []


def test_a_store_that_is_full_at_a_decision_loses_neither_the_run_nor_its_proposal(
    client_of: Clients, store: Path, document: Path, limit: Callable[[int], None]
) -> None:
    client = client_of()
    run = client.start(document, PROMPT)
    client.close()
    with sqlite3.connect(store) as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.close()
    limit(pages)
    stuffed = f"drop year {'and keep the rest ' * 1_000}"
    with pytest.raises(StoreFull):
        client.get(run.id).revise(stuffed)
    client.close()
    limit(0)
    assert client.get(run.id) == run
    assert client.get(run.id).revise("drop year").status is RunStatus.AWAITING_REVIEW


def test_a_disk_that_takes_no_more_is_an_error_and_the_run_is_kept(store: Path, tmp_path: Path) -> None:
    document = incompressible(tmp_path / "large.txt", 600)
    code = """
import json, resource, sys
import fieldwise as fw
from fieldwise.errors import StoreFull
from harness import PROMPT, TextParser, scripted
store, document = sys.argv[1:]
with fw.Fieldwise(store=store, model=scripted(), parser=TextParser()) as client:
    client.runs()
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
    try:
        client.start(document, PROMPT)
        outcome = "started"
    except StoreFull as error:
        outcome = error.next_step
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    (run,) = client.runs()
    print(json.dumps([outcome, client.resume(run.id).status]))
"""
    outcome, status = result_of(python(code, store, document))
    assert "Free space" in outcome
    assert status == "awaiting_review"


# Not ours


def test_a_store_of_a_newer_release_is_left_alone(client_of: Clients, store: Path, document: Path) -> None:
    client_of().start(document, PROMPT)
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE meta SET value = ? WHERE key = 'version'", (str(VERSION + 1),))
    connection.close()
    before = sqlite_dump(store)
    for call in (lambda c: c.runs(), lambda c: c.start(document, PROMPT), lambda c: c.store_upgrade()):
        with pytest.raises(StoreTooNew, match="newer fieldwise") as caught:
            call(client_of())
        assert "pip install -U fieldwise" in caught.value.next_step
    assert sqlite_dump(store) == before


def sqlite_dump(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    lines = list(connection.iterdump())
    connection.close()
    return lines


def test_a_file_that_is_no_database_is_left_as_it_is(client_of: Clients, store: Path) -> None:
    store.write_text("Dear diary, " * 1_000, encoding="utf-8")
    before = store.read_bytes()
    with pytest.raises(StoreError, match="not a fieldwise store") as caught:
        client_of().runs()
    assert caught.value.next_step
    assert store.read_bytes() == before


def test_a_database_of_something_else_gets_no_tables_of_ours(client_of: Clients, store: Path, document: Path) -> None:
    with sqlite3.connect(store) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    before = sqlite_dump(store)
    with pytest.raises(StoreError, match="'bookmarks'"):
        client_of().start(document, PROMPT)
    assert sqlite_dump(store) == before


def test_a_folder_is_no_store(client_of: Clients, tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        client_of(store=tmp_path).runs()
    assert caught.value.next_step


@pytest.mark.parametrize("url", ["postgresql://localhost/x", "mysql://localhost/x"])
def test_a_store_of_an_unknown_kind_is_an_error_that_names_what_there_is(url: str) -> None:
    with pytest.raises(InputError, match="kind") as caught:
        fw.Fieldwise(store=url)
    assert "sqlite:///" in caught.value.next_step


def test_a_password_in_a_stores_address_is_not_repeated() -> None:
    with pytest.raises(InputError) as caught:
        fw.Fieldwise(store="postgresql://me:secret@localhost/x")
    assert "secret" not in str(caught.value)


def test_a_damaged_store_is_found_by_the_check_or_refused(client_of: Clients, store: Path, tmp_path: Path) -> None:
    client = client_of()
    client.start(incompressible(tmp_path / "large.txt", 200), PROMPT)
    client.close()
    data = bytearray(store.read_bytes())
    for start in range(8_192, len(data) - 4_096, 16_384):
        data[start : start + 64] = b"\xff" * 64
    store.write_bytes(data)
    try:
        findings = client_of().store_check()
    except StoreError as error:
        assert error.next_step  # noqa: PT017  # one of two good outcomes
    else:
        assert findings


# Folders


@contextmanager
def nobody() -> Iterator[None]:
    """Give up root's right to write everywhere, for as long as the block runs."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that others may read; pytest's own are closed to everybody else."""
    folder = Path(tempfile.mkdtemp(prefix="fieldwise-folder-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o700)
    subprocess.run(["rm", "-rf", str(folder)], check=True)


def test_a_folder_that_may_not_be_written_is_an_error_that_says_so(shared_folder: Path) -> None:
    shared_folder.chmod(0o555)
    client = fw.Fieldwise(store=shared_folder / "deep" / "store.db", model=scripted(), parser=TextParser())
    with nobody(), pytest.raises(StoreError, match="cannot be made: Permission denied") as caught:
        client.runs()
    assert "--store" in caught.value.next_step
    client.close()


def test_a_store_that_may_only_be_read_is_an_error_that_says_so(shared_folder: Path) -> None:
    document = shared_folder / "loading.txt"
    document.write_text(TEXT, encoding="utf-8")
    store = shared_folder / "store.db"
    with fw.Fieldwise(store=store, model=scripted(), parser=TextParser()) as client:
        run = client.start(document, PROMPT)
    store.chmod(0o444)
    shared_folder.chmod(0o555)
    client = fw.Fieldwise(store=store, model=scripted(), parser=TextParser())
    with nobody(), pytest.raises(StoreError) as caught:
        client.decide(run.id, "approve")
    assert "permission" in str(caught.value).lower()
    assert caught.value.next_step
    client.close()
    store.chmod(0o644)
    shared_folder.chmod(0o755)
    with fw.Fieldwise(store=store, model=scripted(), parser=TextParser()) as client:
        assert client.get(run.id).status is RunStatus.AWAITING_REVIEW


def test_a_new_store_is_for_its_owner_alone(client_of: Clients, tmp_path: Path, document: Path) -> None:
    store = tmp_path / "mine" / "store.db"
    old = os.umask(0o022)
    try:
        client_of(store=store).start(document, PROMPT)
    finally:
        os.umask(old)
    for path in (store, store.parent, *store.parent.glob("store.db-*")):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


def test_a_new_store_is_opened_by_many_processes_at_once(store: Path) -> None:
    code = """
import sys
import fieldwise as fw
client = fw.Fieldwise(store=sys.argv[1])
sys.stdin.readline()
client.runs()
client.close()
"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, store],
            env=environment(),
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(5)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 5, errors
