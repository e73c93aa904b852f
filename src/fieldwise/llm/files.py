"""Large files in a cache that several processes share: locked while made, checked, put in place in one step."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fieldwise.errors import ModelUnavailable

CHUNK = 8 * 1024 * 1024

OnBytes = Callable[[int, int], None]


def ignore_bytes(done: int, total: int) -> None:
    """The listener for whoever does not watch."""


@contextmanager
def locked(path: Path, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock file `path`; the system gives it back when the process ends, however it ends.

    `on_wait` is called several times a second while another process holds it, and may raise to give up.
    """
    make_folder(path.parent)
    with open(path, "ab") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                on_wait()
                time.sleep(0.2)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)


def make_folder(path: Path) -> None:
    """Make the folder and its parents. Raises ModelUnavailable where that is not allowed."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelUnavailable(
            f"The cache folder {path} cannot be made: {error.strerror}.",
            next_step="Set FIELDWISE_CACHE_DIR to a folder that you may write to.",
            path=str(path),
        ) from None


def require_space(folder: Path, needed: int) -> None:
    """Raise ModelUnavailable unless `needed` bytes, and a little more, are free in `folder`."""
    free = shutil.disk_usage(folder).free
    if free < needed + 64 * 1024 * 1024:
        raise ModelUnavailable(
            f"The disk of {folder} has {_gb(free)} free; the model needs {_gb(needed)}.",
            next_step="Make room, or set FIELDWISE_CACHE_DIR to a folder on another disk.",
            path=str(folder),
            free_bytes=free,
            needed_bytes=needed,
        )


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"


def hash_file(path: Path, on_bytes: OnBytes = ignore_bytes) -> str:
    """Return the file's sha256 in hex."""
    digest = hashlib.sha256()
    total = path.stat().st_size
    done = 0
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            done += len(chunk)
            on_bytes(done, total)
    return digest.hexdigest()


def known_hash(path: Path, cache_dir: Path, on_bytes: OnBytes = ignore_bytes) -> str:
    """As `hash_file`, but a file whose size and time did not change since is not read again.

    Reading a gigabyte takes seconds, and models are opened far more often than they change.
    """
    resolved = path.resolve()
    stat = resolved.stat()
    stamp = [str(resolved), stat.st_size, stat.st_mtime_ns, stat.st_ino]
    note = cache_dir / "hashes" / f"{hashlib.sha256(str(resolved).encode()).hexdigest()[:32]}.json"
    try:
        saved = json.loads(note.read_text(encoding="utf-8"))
        if saved["stamp"] == stamp:
            return str(saved["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # no note, or a damaged one: read the file
    found = hash_file(resolved, on_bytes)
    write_atomically(note, json.dumps({"stamp": stamp, "sha256": found}))
    return found


def write_atomically(path: Path, text: str) -> None:
    """Write a small file so that a reader sees all of it or none of it."""
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
