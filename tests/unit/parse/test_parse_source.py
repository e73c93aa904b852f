"""The bytes of a file are read once, within limits, by whoever may."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from fieldwise.errors import ParseError, ParseLimit
from fieldwise.parse.source import read_file


def test_the_id_is_the_hash_of_the_bytes_that_are_parsed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"some bytes")
    assert read_file(str(path), 10) == (hashlib.sha256(b"some bytes").hexdigest(), b"some bytes")


def test_one_byte_over_the_limit_is_too_much(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"some bytes")
    with pytest.raises(ParseLimit):
        read_file(str(path), 9)


def test_a_file_without_permission_says_how_to_get_it(tmp_path: Path) -> None:
    path = tmp_path / "secret.txt"
    path.write_text("text")
    path.chmod(0)
    root = os.geteuid() == 0
    if root:  # whom no permission stops: let nobody try instead
        for folder in (tmp_path, *tmp_path.parents):
            if folder.name.startswith("pytest-"):
                folder.chmod(0o755)
        os.seteuid(65534)
    try:
        with pytest.raises(ParseError, match="may not be read by this user") as caught:
            read_file(str(path), 100)
    finally:
        if root:
            os.seteuid(0)
    assert "chmod" in caught.value.next_step


def test_no_file_stays_open(tmp_path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(ParseError):
        read_file(str(tmp_path), 100)
    assert set(os.listdir("/proc/self/fd")) == before
