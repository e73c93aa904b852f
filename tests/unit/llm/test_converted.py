"""The converted model: whole or not there, whatever happens while it is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from fieldwise.errors import ModelUnavailable
from fieldwise.llm import files
from fieldwise.llm.converted import MANIFEST, converted_folder, ensure_converted, is_whole

NAMES = ("openvino_model.xml", "openvino_model.bin", "openvino_tokenizer.xml", "openvino_detokenizer.xml")


class Converter:
    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, gguf: Path) -> None:
        self.runs += 1
        assert gguf.read_bytes() == b"weights"
        for name in NAMES:
            (gguf.parent / name).write_text(f"{name} {self.runs}")


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"weights")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return converted_folder(tmp_path / "cache", "ab" * 32, "2026.4.1.0")


def test_it_is_converted_once(gguf: Path, folder: Path) -> None:
    convert = Converter()
    assert ensure_converted(gguf, folder, convert) == folder
    assert ensure_converted(gguf, folder, convert) == folder
    assert convert.runs == 1
    assert sorted(p.name for p in folder.iterdir()) == sorted([*NAMES, MANIFEST])
    assert [p for p in folder.parent.iterdir() if p.is_dir()] == [folder]


@pytest.mark.parametrize("name", [*NAMES, MANIFEST])
@pytest.mark.parametrize("damage", ["cut", "lost"])
def test_a_damaged_conversion_is_made_again(gguf: Path, folder: Path, name: str, damage: str) -> None:
    convert = Converter()
    ensure_converted(gguf, folder, convert)
    if damage == "cut":
        (folder / name).write_text("")
    else:
        (folder / name).unlink()
    assert not is_whole(folder)
    ensure_converted(gguf, folder, convert)
    assert convert.runs == 2
    assert (folder / NAMES[0]).read_text() == f"{NAMES[0]} 2"


def test_a_conversion_that_fails_leaves_nothing(gguf: Path, folder: Path) -> None:
    def fail(path: Path) -> None:
        (path.parent / NAMES[0]).write_text("half")
        raise RuntimeError("cannot read it")

    with pytest.raises(RuntimeError):
        ensure_converted(gguf, folder, fail)
    assert not folder.exists()
    assert not [p for p in folder.parent.iterdir() if p.is_dir()]


def test_what_a_killed_conversion_left_is_removed(gguf: Path, folder: Path) -> None:
    leftover = folder.with_name(f".{folder.name}.12345")
    leftover.mkdir(parents=True)
    ensure_converted(gguf, folder, Converter())
    assert not leftover.exists()


def test_a_conversion_that_wrote_too_little_is_an_error(gguf: Path, folder: Path) -> None:
    with pytest.raises(RuntimeError, match=r"openvino_model\.bin"):
        ensure_converted(gguf, folder, lambda path: None)


def test_a_full_disk_is_told_before_the_conversion(gguf: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 0}))
    convert = Converter()
    with pytest.raises(ModelUnavailable, match="free"):
        ensure_converted(gguf, folder, convert)
    assert convert.runs == 0
