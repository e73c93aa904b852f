"""The bytes of a file, read once: what is hashed is what is parsed."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from typing import NamedTuple

from fieldwise.errors import EmptyDocument, ParseError, ParseLimit

_KINDS = (
    (stat.S_ISDIR, "a directory", "Name a file in it."),
    (stat.S_ISFIFO, "a pipe", "Save what comes from it to a file first."),
    (stat.S_ISSOCK, "a socket", "Name a file."),
    (stat.S_ISCHR, "a device", "Name a file."),
    (stat.S_ISBLK, "a device", "Name a file."),
)


class Source(NamedTuple):
    """`id` is the sha256 of `data` in hex."""

    id: str
    data: bytes


def read_file(path: str, max_bytes: int) -> Source:
    """Read a regular file whole. Raises ParseError, EmptyDocument or ParseLimit, each with what to do next."""
    try:
        # Without O_NONBLOCK, opening a pipe waits for a writer that may never come.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        raise _unreadable(path, error) from None
    try:
        found = os.fstat(descriptor)
        for is_kind, kind, next_step in _KINDS:
            if is_kind(found.st_mode):
                raise ParseError(f"{path} is {kind}, not a file.", next_step=next_step, path=path)
        if found.st_size > max_bytes:
            raise _too_large(path, found.st_size, max_bytes)
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(max_bytes + 1)  # it may have grown since
    except OSError as error:
        raise _unreadable(path, error) from None
    finally:
        os.close(descriptor)
    if len(data) > max_bytes:
        raise _too_large(path, len(data), max_bytes)
    if not data:
        raise EmptyDocument(
            f"{path} is empty (0 bytes).", next_step="Check that it was downloaded or saved completely.", path=path
        )
    return Source(hashlib.sha256(data).hexdigest(), data)


def _unreadable(path: str, error: OSError) -> ParseError:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return ParseError(f"There is no file {path}.", next_step="Check the path.", path=path)
    if error.errno in (errno.EACCES, errno.EPERM):
        return ParseError(
            f"{path} may not be read by this user.",
            next_step="Change its permissions (chmod u+r), or read it as a user who may.",
            path=path,
        )
    return ParseError(
        f"{path} could not be read: {error.strerror or error}.", next_step="Copy it elsewhere and try again.", path=path
    )


def _too_large(path: str, size: int, max_bytes: int) -> ParseLimit:
    megabyte = 1024 * 1024
    return ParseLimit(
        f"{path} has {size / megabyte:,.1f} MB; the limit is {max_bytes // megabyte:,} MB.",
        next_step="Split it, or raise the setting max_file_mb (FIELDWISE_MAX_FILE_MB).",
        path=path,
        limit="max_file_mb",
    )
