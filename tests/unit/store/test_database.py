"""Opening a store: by several at once, and while somebody else is at it."""

from __future__ import annotations

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fieldwise.store.database import _Connection


def test_a_new_file_that_another_is_preparing_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    trying = threading.Event()

    def open_it() -> str:
        trying.set()
        connection = _Connection(path, timeout=30.0, isolation_level=None)
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        connection.close()
        return str(mode)

    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(open_it)
        trying.wait()
        time.sleep(0.1)
        assert not opening.done()
        other.execute("COMMIT")
        other.close()
        assert opening.result(30) == "wal"


def test_a_connection_is_durable_and_forgets_what_is_deleted(tmp_path: Path) -> None:
    connection = _Connection(tmp_path / "store.db", timeout=1.0, isolation_level=None)
    found = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "secure_delete")}
    assert found == {"synchronous": 2, "secure_delete": 1}
    connection.close()


def test_a_connection_closed_within_a_transaction_gives_the_lock_back_whoever_keeps_its_cursor(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    connection = _Connection(path, timeout=1.0, isolation_level=None)
    connection.execute("CREATE TABLE t (x)")
    connection.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(10)])
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO t VALUES (10)")
    kept = connection.cursor()
    kept.execute("SELECT x FROM t")
    assert kept.fetchone() == (0,)
    connection.close()
    other = sqlite3.connect(path, timeout=0.0, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert other.execute("SELECT count(*) FROM t").fetchone() == (10,)
    other.execute("COMMIT")
    other.close()


def test_a_closed_connection_reads_no_more_whoever_keeps_its_cursor(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    connection = _Connection(path, timeout=1.0, isolation_level=None)
    connection.execute("CREATE TABLE t (x)")
    connection.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(10)])
    connection.execute("BEGIN")
    kept = connection.cursor()
    kept.execute("SELECT x FROM t")
    kept.fetchone()
    other = _Connection(path, timeout=0.0, isolation_level=None)
    other.execute("DELETE FROM t")
    assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 1, "it still reads"
    connection.close()
    assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    other.close()
    assert kept is not None
